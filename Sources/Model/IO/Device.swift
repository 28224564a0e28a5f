import EventKernel
import Quantities
import Virtualization

/// A device of a host, or what a guest's driver sees in its place, as a document describes it.
public struct Device: Sendable {
  /// The name.
  public let name: String
  /// One line on what it is.
  public let title: String
  /// What kind of device.
  public let kind: Kind

  /// Kinds of devices.
  public enum Kind: Sendable {
    /// A network interface.
    case network(NetworkDevice)
    /// Storage: NVMe, SATA SSD or disk.
    case storage(StorageDevice)
    /// What a guest's driver sees.
    case frontEnd(FrontEnd)
    /// What translates devices' addresses.
    case iommu(IOMMU)
  }

  /// Creates a device.
  public init(name: String, title: String, kind: Kind) {
    self.name = name
    self.title = title
    self.kind = kind
  }
}

/// A network interface of a host.
public struct NetworkDevice: Sendable, Hashable {
  /// Wire speed.
  public let bandwidth: BitRate
  /// Least time between two interrupts for received packets; 0 for an interrupt at each.
  public let moderation: TimeSpan
  /// Virtual functions that it can hand to guests beside the host's own; nil without SR-IOV.
  public let functions: Int?

  /// Creates an interface.
  public init(bandwidth: BitRate, moderation: TimeSpan = .zero, functions: Int? = nil) {
    self.bandwidth = bandwidth
    self.moderation = moderation
    self.functions = functions
  }
}

/// Storage of a host: channels that work side by side, and what bounds them together.
public struct StorageDevice: Sendable, Hashable {
  /// Requests that the device works on at a time.
  public let parallelism: Int
  /// Requests of one direction.
  public struct Direction: Sendable, Hashable {
    /// Time of a request on its channel, in nanoseconds.
    public let latency: Distribution
    /// Requests per second that the device takes at most; nil without a bound.
    public let limit: Double?

    /// Creates a direction.
    public init(latency: Distribution, limit: Double? = nil) {
      self.latency = latency
      self.limit = limit
    }

    /// Least time between the starts of two requests in nanoseconds.
    public var gap: Double { limit.map { 1e9 / $0 } ?? 0 }
  }
  /// Reads.
  public let read: Direction
  /// Writes.
  public let write: Direction
  /// Bytes per second of all transfers; nil without a bound.
  public let bandwidth: Double?
  /// Virtual functions that it can hand to guests beside the host's own; nil without SR-IOV.
  public let functions: Int?

  /// Creates a device.
  public init(
    parallelism: Int, read: Direction, write: Direction, bandwidth: Double? = nil, functions: Int? = nil
  ) {
    self.functions = functions
    self.parallelism = parallelism
    self.read = read
    self.write = write
    self.bandwidth = bandwidth
  }

  /// The device under a driver that has no more than `requests` under way.
  public func taking(_ requests: Int) -> StorageDevice {
    StorageDevice(
      parallelism: min(requests, parallelism), read: read, write: write, bandwidth: bandwidth, functions: functions)
  }

  /// Time of a transfer in nanoseconds.
  public func transfer(_ size: ByteCount) -> Double { bandwidth.map { Double(size.bytes) / $0 * 1e9 } ?? 0 }
}

/// What a guest's driver sees: a ring, or registers.
public struct FrontEnd: Sendable, Hashable {
  /// What the device is for.
  public enum Use: String, CaseIterable, Sendable, Hashable { case network, block }

  /// When the driver notifies the other end.
  public enum Notification: String, CaseIterable, Sendable, Hashable {
    /// When the consumer has asked for it by the index of an entry: once until it sleeps again.
    case eventIndex = "event_index"
    /// While the consumer's flag asks for it: also for entries that come before the consumer has woken up.
    case flags
    /// At every hand-over, as by the write of a tail register.
    case always
  }

  /// What the driver is for.
  public let use: Use
  /// Entries of the ring.
  public let entries: Int
  /// When the driver notifies.
  public let notification: Notification
  /// Queues that it may have at most: pairs of rings of an interface, rings of a disk.
  public let queues: Int
  /// Whether it takes packets larger than the network's.
  public var takesLargePackets = true
  /// Least time between its interrupts for received packets; 0 for one at each.
  public var moderation = TimeSpan.zero
  /// Whether an idle VM waits for that too.
  public var moderatesIdle = true
  /// Of the packets that are under way when more are handed over, the share after which the device interrupts for those that
  /// it has sent, 0...1; nil where the driver frees them when it next sends, and no interrupt tells of them.
  public var transmitInterrupts: Double?
  /// Most pages that one block request may gather, each a segment of its own; nil without a bound.
  public var segments: Int?
  /// Bytes beyond which a block request has the accesses of a large one; nil where all are alike.
  public var largeRequest: ByteCount?
  /// How one interrupt tells of all block requests that are done; nil where each has an interrupt of its own.
  public var sharedInterrupt: SharedInterrupt?
  /// The register accesses by their cause.
  public let accesses: [Cause: Accesses]

  /// The register accesses of a disk's interrupt in their order, by their numbers from 1 on.
  public struct SharedInterrupt: Sendable, Hashable {
    /// The one that finds out whether the device has anything to tell: where it has not, no more follow.
    public let status: Int
    /// The one that clears the cause: what is done after it interrupts anew.
    public let clear: Int
    /// The one that reads which requests are done.
    public let completions: Int
    /// How many there are.
    public let count: Int
    /// Whether they are accesses to ports; else to memory.
    public let isByPort: Bool

    /// Creates an order.
    public init(status: Int, clear: Int, completions: Int, count: Int, isByPort: Bool) {
      self.status = status
      self.clear = clear
      self.completions = completions
      self.count = count
      self.isByPort = isByPort
    }

    /// What an access costs.
    public var operation: GuestOperation { isByPort ? .devicePort : .deviceMemory }
  }

  /// Causes of register accesses.
  public enum Cause: String, CaseIterable, Sendable, Hashable {
    /// Hand-over of a batch of packets, beside the notification itself.
    case transmit
    /// Up to 16 receive buffers handed back to the device.
    case receive
    /// An interrupt for received packets, or for block requests that are done.
    case interrupt
    /// A block request, from its issue to its completion, without what an interrupt takes that others share.
    case request
    /// A block request beyond the bytes of `largeRequest`.
    case largeRequest = "large_request"
  }

  /// Numbers of register accesses.
  public struct Accesses: Sendable, Hashable {
    /// By port.
    public let ports: Int
    /// By memory.
    public let memory: Int

    /// Creates numbers.
    public init(ports: Int = 0, memory: Int = 0) {
      self.ports = ports
      self.memory = memory
    }
  }

  /// Receive buffers that a driver hands back with one access.
  ///
  /// Linux's e1000 driver: E1000_RX_BUFFER_WRITE is 16.
  public static let refill = 16

  /// Entries of a ring that says nothing of them: what QEMU gives virtio's queues.
  public static let usualEntries = 256

  /// Creates a front end.
  public init(
    use: Use, entries: Int = usualEntries, notification: Notification = .eventIndex, queues: Int = 1,
    accesses: [Cause: Accesses] = [:]
  ) {
    self.queues = queues
    self.use = use
    self.entries = entries
    self.notification = notification
    self.accesses = accesses
  }

  /// The front end that a design's axis value stands for where a VM names none; nil for a device of the host.
  public static func usual(for use: Use, axis value: String) -> String? {
    switch (use, value) {
    case (.network, "emulated"): "e1000"
    case (.network, "vhost"), (.network, "virtio_user"): "virtio-net"
    case (.network, "xen_ring"): "xen-netfront"
    case (.network, "vmbus"): "hv-netvsc"
    case (.network, "vmxnet3"): "vmxnet3"
    case (.block, "emulated"): "ahci"
    case (.block, "virtio"), (.block, "virtio_user"): "virtio-blk"
    case (.block, "xen_ring"): "xen-blkfront"
    case (.block, "vmbus"): "hv-storvsc"
    case (.block, "pvscsi"): "pvscsi"
    default: nil
    }
  }
}

/// Who merges received frames of a flow into larger packets.
public enum ReceiveMerging: String, CaseIterable, Sendable, Hashable {
  /// Nobody.
  case none
  /// The kernel that has the interface (GRO).
  case kernel = "gro"
  /// The interface itself (LRO).
  case interface = "lro"
}

/// What a VM's statement about one of its devices says beside the device's name.
public struct DeviceOptions: Sendable, Hashable {
  /// The front end instead of the design's usual one.
  public var model: String?
  /// Time that the backend polls before it sleeps.
  public var busyPoll = TimeSpan.zero
  /// Entries of the ring instead of the front end's.
  public var ring: Int?
  /// Queues, each with a ring of its own.
  public var queues = 1
  /// Threads of the backend that serve them; nil for one each.
  public var workers: Int?
  /// Bits, or requests, per second at most.
  public var limit: Double?
  /// Bytes per second of a disk's requests at most.
  public var bandwidth: Double?
  /// Largest packet of the network, headers included; nil where packets are as the workload states them.
  public var mtu: ByteCount?
  /// Whether the interface cuts large packets into frames.
  public var segmentation = true
  /// Who merges received frames.
  public var merging = ReceiveMerging.kernel
  /// Where it stands.
  public var location: SourceLocation?

  /// The usual options.
  public init() {}

  /// Time that a request of `mean` bytes has to itself under the quotas of a disk, in nanoseconds; 0 without.
  public func gap(bytes mean: Double) -> Double {
    max(limit.map { 1e9 / $0 } ?? 0, bandwidth.map { mean / $0 * 1e9 } ?? 0)
  }
}

/// How a VM's packets and requests go.
public struct IOSetting: Sendable {
  /// The front end of the network; nil for a device of the host.
  public var network: FrontEnd?
  /// The front end of the disk.
  public var block: FrontEnd?
  /// Options of the network interface.
  public var networkOptions = DeviceOptions()
  /// Options of the disk.
  public var blockOptions = DeviceOptions()
  /// Index of its disk among all disks of all hosts; nil without one that has a model.
  public var disk: Int?
  /// The least time between interrupts of its network interface in nanoseconds.
  public var moderation: Int64 = 0
  /// Wire speed of the host's interface; nil without one.
  public var bandwidth: BitRate?
  /// Whether the interface's interrupts are the VM's own: it has the interface, or a virtual function of it.
  public var hasOwnInterrupts = false
  /// How its devices' addresses are translated; nil where they are not.
  public var dma: DMASetting?
  /// Least time of a request's packets at their interface in nanoseconds, set by walks of the IOMMU's tables.
  public var packetWalks = 0.0
  /// What a walk adds to the latency of a request's packets, in nanoseconds.
  public var walkDelay = 0.0
  /// Least time of a block request on the bus in nanoseconds, set by walks.
  public var blockWalks = 0.0

  /// Neither.
  public init() {}

  /// Register accesses of one cause.
  func accesses(_ use: FrontEnd.Use, _ cause: FrontEnd.Cause) -> FrontEnd.Accesses {
    (use == .network ? network : block)?.accesses[cause] ?? FrontEnd.Accesses()
  }

  /// Register accesses of a block request of that size.
  func accesses(ofBlock size: ByteCount) -> FrontEnd.Accesses {
    let isLarge = block?.largeRequest.map { size > $0 } ?? false
    return accesses(.block, isLarge ? .largeRequest : .request)
  }
}

/// Block requests of one request, and their sizes.
public struct BlockLoad: Sendable, Hashable {
  /// Reads of a request; a fraction is the probability of one more.
  public var reads = 0.0
  /// Writes of a request.
  public var writes = 0.0
  /// Bytes of a read.
  public var readSize = ByteCount.zero
  /// Bytes of a write.
  public var writeSize = ByteCount.zero
  /// Reads of the workload that were cut.
  public var cutReads = 0.0
  /// Parts of each of them, which are under way together; 1 where none was cut.
  public var readParts = 1
  /// Writes of the workload that were cut.
  public var cutWrites = 0.0
  /// Parts of each of them.
  public var writeParts = 1

  /// Block requests of a request.
  public var count: Double { reads + writes }
  /// Reads that wait for each other: the parts of one do not.
  public var readStages: Double { reads - cutReads * Double(readParts - 1) }
  /// Writes that wait for each other.
  public var writeStages: Double { writes - cutWrites * Double(writeParts - 1) }
  /// Whether parts of requests are under way together.
  public var hasParts: Bool { cutReads > 0 || cutWrites > 0 }

  /// No requests.
  public init() {}
}
