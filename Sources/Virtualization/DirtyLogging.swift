import Statistics

/// Dirty logging of a VM: the hypervisor notes, round by round, which pages the guest has written.
///
/// Writes fall evenly on the pages of the writable set. Within a round of `τ` seconds of the VM's CPU time `N (1 − e^(−rτ/N))`
/// pages become dirty; each of them is noted once. By write protection the first write to a page in a round faults; a log
/// buffer of the processor takes 512 entries, is drained at every exit, and makes an exit of its own when it is full.
/// [C. Clark et al., Live migration of virtual machines, NSDI 2005; Intel SDM volume 3, page-modification logging]
public struct DirtyLogging: Sendable, Hashable {
  /// Length of a round in nanoseconds.
  public let interval: Double
  /// Writes that change the page written to, per second of the VM's CPU time on the bare host.
  public let writesPerSecond: Double
  /// Pages of 4 KiB that the guest writes to.
  public let pages: Double
  /// When it begins, in nanoseconds of simulated time.
  public let start: Double
  /// When it ends; infinite for the end of the run.
  public let stop: Double
  /// Whether it is on from the beginning to the end.
  public var isAlwaysOn: Bool { start <= 0 && stop == .infinity }

  /// Entries of a page-modification log.
  ///
  /// Intel SDM volume 3: the log is a 4 KiB page of 512 entries of 64 bits.
  public static let logEntries = 512.0

  /// Creates the logging of a writable set. `interval` > 0 in nanoseconds, `writableSet` > 0 in bytes.
  public init(
    interval: Double, writesPerSecond: Double, writableSet: Int64, start: Double = 0, stop: Double = .infinity
  ) {
    self.start = start
    self.stop = stop
    self.interval = interval
    self.writesPerSecond = writesPerSecond
    pages = max(1, (Double(writableSet) / BasePage.size).rounded(.up))
  }

  /// Pages that `seconds` of CPU time dirty when `dirty` pages are dirty already.
  public func newlyDirty(in seconds: Double, after dirty: Double) -> Double {
    Self.newlyWritten(of: pages, after: dirty, writes: writesPerSecond * seconds)
  }

  /// Of `count` places, of which `done` are written to, those that so many writes meet for the first time.
  public static func newlyWritten(of count: Double, after done: Double, writes: Double) -> Double {
    (count - done) * (1 - PortableMath.exp(-writes / count))
  }

  /// Exits of a full log per second when `dirty` pages a second become dirty and `exits` other exits a second drain it.
  ///
  /// Exits and dirtied pages come independently, so that the number of pages between two exits is geometric with mean
  /// `y`; the log fills each time `512` of them come in a row: `x q^512 / (1 − q^512)` with `q = y/(1 + y)`.
  public static func fullExits(dirty: Double, exits: Double) -> Double {
    guard dirty > 0 else { return 0 }
    guard exits > 0 else { return dirty / logEntries }
    // q^512 = exp(−512 log(1 + 1/y)); the series of the logarithm where 1/y is small keeps all digits.
    let inverse = exits / dirty
    let probability = PortableMath.exp(-logEntries * PortableMath.log(1 + inverse))
    return probability < 1 ? exits * probability / (1 - probability) : dirty / logEntries
  }

  /// Pages that become dirty, and exits of a full log, per second of CPU time: means over a round of a VM that uses
  /// `utilization` CPUs.
  ///
  /// - Complexity: O(64).
  public func rates(utilization: Double, exits: Double) -> (dirty: Double, full: Double) {
    let time = interval * 1e-9 * utilization
    guard time > 0 else { return (writesPerSecond, Self.fullExits(dirty: writesPerSecond, exits: exits)) }
    let steps = 64
    var full = 0.0
    for step in 0..<steps {
      let elapsed = time * (Double(step) + 0.5) / Double(steps)
      let rate = writesPerSecond * PortableMath.exp(-writesPerSecond * elapsed / pages)
      full += Self.fullExits(dirty: rate, exits: exits) / Double(steps)
    }
    return (newlyDirty(in: time, after: 0) / time, full)
  }
}
