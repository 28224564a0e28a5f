/// What the payload of an event means.
enum EventKind {
  /// The next request of an open workload comes to VM `handle`.
  static let arrival: UInt8 = 1
  /// The running burst of thread `handle` ends.
  static let burstEnd: UInt8 = 2
  /// The time slice of processor `handle` ends.
  static let sliceEnd: UInt8 = 3
  /// A client of VM `handle` has finished thinking.
  static let thinkEnd: UInt8 = 4
  /// The period of service thread `handle` begins.
  static let servicePeriod: UInt8 = 5
  /// The swapped page that thread `handle` waits for is there.
  static let pageArrival: UInt8 = 6
  /// The quota of VM `handle` is used up, or its period ends.
  static let bandwidth: UInt8 = 7
  /// The skew of the vCPUs of VM `handle` is looked at.
  static let skew: UInt8 = 8
  /// A vCPU of VM `handle` runs while siblings are stopped by co-scheduling.
  static let coStart: UInt8 = 15
  /// The credit scheduler of host `handle` gives credit.
  static let creditPeriod: UInt8 = 9
  /// The packets of job `handle` pass the host's moderated interface.
  static let delivery: UInt8 = 10
  /// A disk has done the block request of job `handle`.
  static let diskEnd: UInt8 = 11
  /// The front end of VM `handle` may interrupt again.
  static let guestDelivery: UInt8 = 14
  /// An order comes to the balloon of VM `handle`.
  static let balloonOrder: UInt8 = 12
  /// The balloon of VM `handle` may go on.
  static let balloonStep: UInt8 = 13
  /// Work beside the guests, `handle` among all, wakes up.
  static let workWakeup: UInt8 = 20
  /// A period of VM `handle`'s reservation begins.
  static let reservationPeriod: UInt8 = 21
  /// The reserved time of VM `handle` is used up.
  static let reservationEnd: UInt8 = 22
  /// The core that thread `handle` was woken on has left its idle state.
  static let idleExit: UInt8 = 23
}
