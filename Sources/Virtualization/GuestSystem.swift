/// The operating system inside a VM: what its operations are made of and what it does by itself.
public struct GuestSystem: Sendable {
  /// The name by which scenarios choose it.
  public let name: String
  /// One line on the system.
  public let title: String
  /// Ticks per second of a busy vCPU.
  public let tickRate: Double
  /// Wake-ups per second of an idle vCPU.
  public let idleWakeups: Double
  /// CPU time of one idle wake-up on the bare host, in nanoseconds.
  public let idleWork: Double
  /// Operations that stand for several others: counts per operation.
  public let expansions: [GuestOperation: [GuestOperation: Double]]
  /// What the kernel does with page tables; nil when the document does not say.
  public let paging: GuestPaging?
  /// Share of its running time in which it takes no interrupts.
  public var interruptsOff = 0.0
  /// Share of its pages, the least recently used ones, among which it finds those that it evicts.
  public var inactiveShare = usualInactiveShare
  /// That of Linux, for systems that say nothing.
  public static let usualInactiveShare = 0.25
  /// Pages that it writes to its swap at a time when it must free some.
  public var writeCluster = usualWriteCluster
  /// That of Linux, for systems that say nothing.
  public static let usualWriteCluster = 32
  /// What a switch between processes brings into a cache beside their data.
  public var switchFootprint = SwitchFootprint()
  /// Paravirtual interfaces that the system has; nil for one that runs on anything.
  public var interfaces: Set<String>?
  /// The kernel's spin locks.
  public var spinLocks = SpinLockPolicy()
  /// The kernel's code, for designs that translate it; nil when the document does not say.
  public let code: CodeDescription?
  /// Where each figure comes from, by key.
  public let sources: [String: String]

  /// Creates a guest system.
  public init(
    name: String, title: String, tickRate: Double, idleWakeups: Double, idleWork: Double,
    expansions: [GuestOperation: [GuestOperation: Double]] = [:], paging: GuestPaging? = nil,
    code: CodeDescription? = nil, sources: [String: String]
  ) {
    self.name = name
    self.title = title
    self.tickRate = tickRate
    self.idleWakeups = idleWakeups
    self.idleWork = idleWork
    self.expansions = expansions
    self.paging = paging
    self.code = code
    self.sources = sources
  }

  /// Replaces operations that stand for others by those; the operation itself stays for its own steps.
  public func expand(_ counts: [GuestOperation: Double]) -> [GuestOperation: Double] {
    var result = counts
    for (operation, parts) in expansions {
      guard let count = counts[operation], count > 0 else { continue }
      for (part, perOperation) in parts { result[part, default: 0] += count * perOperation }
    }
    return result
  }
}
