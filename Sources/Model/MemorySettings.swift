import Quantities
import Virtualization

/// What a scenario says of a VM's balloon.
public struct BalloonSetting: Sendable, Hashable {
  /// Size down to which the balloon may shrink the VM when its host lacks memory; nil where it follows a schedule.
  public var target: ByteCount?
  /// Sizes that the VM is to be shrunk or grown to, by time; the first may be its size at the beginning.
  public var schedule: [Order] = []
  /// Pages a second that the driver moves at most, if the scenario bounds them.
  public var rate: Rate?
  /// Latency of the guest's own swap device, if it has one.
  public var latency: TimeSpan?
  /// Whether the guest swaps to its disk instead.
  public var usesDisk = false

  /// An order of a schedule.
  public struct Order: Sendable, Hashable {
    /// When.
    public let at: TimeSpan
    /// Memory that the VM is left with.
    public let target: ByteCount

    /// Creates an order.
    public init(at: TimeSpan, target: ByteCount) {
      self.at = at
      self.target = target
    }
  }

  /// Creates a setting.
  public init(
    target: ByteCount? = nil, schedule: [Order] = [], rate: Rate? = nil, latency: TimeSpan? = nil,
    usesDisk: Bool = false
  ) {
    self.usesDisk = usesDisk
    self.target = target
    self.schedule = schedule
    self.rate = rate
    self.latency = latency
  }
}

/// Where a host swaps to.
public enum SwapDevice: Sendable, Hashable {
  /// A device that takes so long for a page.
  case latency(TimeSpan)
  /// One of the host's disks, which reads and writes pages as it does any block.
  case disk(name: String, writes: SwapWrites, location: SourceLocation)
}

/// What a host writes to its swap for the pages that it reads from there.
public struct SwapWrites: Sendable, Hashable {
  /// Share of the pages that make room which have changed since they were read, and must be written. From 0 to 1.
  public var dirty = 0.5
  /// Pages of one request, at least 1.
  public var cluster = 32

  /// What holds where a scenario says nothing: half of the pages, an assumption, and Linux's SWAP_CLUSTER_MAX.
  public init() {}
}

/// Memory that VMs of one image share.
public struct ImageSetting: Sendable, Hashable {
  /// The image's name.
  public let name: String
  /// Share of a VM's memory that is equal in all of them.
  public let share: Double
  /// Writes to pages of this share per second of the VM's CPU time.
  public let writes: Double

  /// Creates a setting.
  public init(name: String, share: Double, writes: Double = 0) {
    self.name = name
    self.share = share
    self.writes = writes
  }
}
