import Model

/// One of a VM's devices as the event loop sees it: ring, notification, costs, backend.
struct DevicePath {
  /// The first of its queues among all; -1 where the vCPU works with the host's device itself.
  var firstQueue: Int32 = -1
  /// How many queues.
  var queues: Int32 = 1
  var doorbell = LeafGroup()
  var wakeByBell = LeafGroup()
  var wakeByDevice = LeafGroup()
  /// Packets sent, or reads handed to the disk.
  var transmit = LeafGroup()
  /// Writes handed to the disk.
  var write = LeafGroup()
  /// Packets received, or block requests that come back.
  var receive = LeafGroup()
  /// Polling before the backend sleeps; empty for none.
  var poll = LeafGroup()
  var notification = FrontEnd.Notification.eventIndex
  /// Entries of each ring.
  var entries: Int32 = 0
  /// Share of the packets under way after which the driver wants to be told of those sent; negative where it does not.
  var transmitShare = -1.0
  /// Packets that the backend sends at most before it hands them back.
  var transmitBatch: Int32 = 1

  /// Whether a backend stands between the guest and the host's device.
  var hasBackend: Bool { firstQueue >= 0 }

  /// The queue of a job.
  func queue(of flow: UInt16) -> Int { Int(firstQueue) + (Int(queues) * Int(flow)) >> 16 }
}

/// A queue of a device: a ring, or a pair of rings, and the thread that serves it.
struct DeviceQueue {
  var backend: Int32
  /// Entries in use.
  var used: Int32 = 0
  /// Handed-over items that the backend has not finished; while there are any, an event index need not be rung.
  var pending: Int32 = 0
  /// Items that wait for entries.
  var waitHead: Int32 = -1
  var waitTail: Int32 = -1
  var sent = SentPackets()
}

/// What a backend is asked to do.
struct BackendItem {
  enum Kind: UInt8 {
    case receive, transmit, read, write, completion
  }

  var next: Int32 = -1
  var job: Int32 = -1
  var vm: Int32 = -1
  var queue: Int32 = -1
  var kind = Kind.receive
}

/// A thread that moves packets and block requests: a worker of one VM, or a vCPU of the privileged domain, which all VMs
/// of the host share.
struct Backend {
  var thread: Int32
  var head: Int32 = -1
  var tail: Int32 = -1
  /// Whether it serves network queues, by whose setting it polls.
  var servesNetwork = false
}

/// A disk: channels that work side by side, a bound on starts, a bus.
struct DiskState {
  var firstChannel: Int32
  var channels: Int32
  /// Least time between starts.
  var readGap: Int64
  var writeGap: Int64
  /// When the next request may start, and when the bus is free.
  var nextStart: Int64 = 0
  var busFree: Int64 = 0
}

extension VMState {
  /// The path of the disk, or of the network.
  subscript(isBlock: Bool) -> DevicePath {
    @inline(__always) get { isBlock ? block : network }
    @inline(__always) _modify {
      if isBlock { yield &block } else { yield &network }
    }
  }
}
