import EventKernel
import Model
import Quantities
import Virtualization

/// Reads devices: documents that begin with `device: NAME`.
enum DeviceReader {
  static func read(_ root: DocumentNode, _ reader: inout DocumentReader) -> Device? {
    let kinds = ["nic", "nvme", "ssd", "disk", "frontend", "iommu"]
    let moderating = ["moderation", "moderates_idle", "transmit_interrupts"]
    let common = ["device", "title", "kind", "sources"]
    let own: [String]
    var kind: String?
    if case .text(let text)? = root["kind"]?.content, kinds.contains(text) { kind = text }
    switch kind {
    case "nic": own = ["bandwidth", "moderation", "functions"]
    case "nvme", "ssd", "disk": own = ["parallelism", "read", "write", "bandwidth", "functions"]
    case "frontend":
      own = ["use", "ring", "queues", "notification", "accesses", "large_packets", "segments"] + moderating
    case "iommu": own = ["entries", "walk", "nested_walk", "walkers", "flush_queue"]
    default:
      own = [
        "bandwidth", "moderation", "functions", "parallelism", "read", "write", "use", "ring", "queues", "notification",
        "accesses", "large_packets", "segments", "moderates_idle", "transmit_interrupts", "entries", "walk",
        "nested_walk", "walkers", "flush_queue",
      ]
    }
    guard let fields = reader.fields(of: root, in: "a device", known: common + own, ignoring: "x-") else { return nil }
    let name = reader.required("device", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    _ = reader.required("kind", in: fields, .word("kind", among: kinds))
    if let sources = fields["sources"] { _ = reader.entries(of: sources) }
    guard let kind else { return nil }
    let content: Device.Kind?
    switch kind {
    case "nic": content = network(fields, &reader)
    case "frontend": content = frontEnd(fields, &reader)
    case "iommu": content = iommu(fields, &reader)
    default: content = storage(fields, &reader)
    }
    guard let name, let title, let content else { return nil }
    return Device(name: name, title: title, kind: content)
  }

  private static func network(_ fields: Fields, _ reader: inout DocumentReader) -> Device.Kind? {
    let bandwidth = reader.required("bandwidth", in: fields, .bitRate)
    let moderation = reader.optional("moderation", in: fields, .time)
    let functions = reader.optional("functions", in: fields, .integer(in: 1...4096))
    return bandwidth.map {
      .network(NetworkDevice(bandwidth: $0, moderation: moderation ?? .zero, functions: functions))
    }
  }

  private static func iommu(_ fields: Fields, _ reader: inout DocumentReader) -> Device.Kind? {
    let entries = reader.required("entries", in: fields, .integer(in: 1...1_000_000))
    let walk = reader.required("walk", in: fields, .time)
    let nestedWalk = reader.required("nested_walk", in: fields, .time)
    let walkers = reader.required("walkers", in: fields, .integer(in: 1...1024))
    var deferred: Int?
    var deferral: TimeSpan?
    if let node = reader.required("flush_queue", in: fields, .node("a mapping of entries and interval")),
      let parts = reader.fields(of: node, in: "a flush queue", known: ["entries", "interval"])
    {
      deferred = reader.required("entries", in: parts, .integer(in: 1...1_000_000))
      deferral = reader.required("interval", in: parts, .time)
    }
    guard let entries, let walk, let nestedWalk, let walkers, let deferred, let deferral else { return nil }
    return .iommu(
      IOMMU(
        entries: entries, walk: Double(walk.nanoseconds), nestedWalk: Double(nestedWalk.nanoseconds), walkers: walkers,
        deferred: deferred, deferral: Double(deferral.nanoseconds)))
  }

  private static func storage(_ fields: Fields, _ reader: inout DocumentReader) -> Device.Kind? {
    let parallelism = reader.required("parallelism", in: fields, .integer(in: 1...1024))
    let read = reader.required("read", in: fields, .storageDirection)
    let write = reader.required("write", in: fields, .storageDirection)
    let bandwidth = reader.optional("bandwidth", in: fields, .bitRate)
    let functions = reader.optional("functions", in: fields, .integer(in: 1...4096))
    guard let parallelism, let read, let write else { return nil }
    return .storage(
      StorageDevice(
        parallelism: parallelism, read: read, write: write, bandwidth: bandwidth.map { Double($0.bitsPerSecond) / 8 },
        functions: functions))
  }

  private static func frontEnd(_ fields: Fields, _ reader: inout DocumentReader) -> Device.Kind? {
    let use = reader.required("use", in: fields, Expectation<FrontEnd.Use>.choice("use"))
    let entries = reader.optional("ring", in: fields, .integer(in: 1...65_536))
    let queues = reader.optional("queues", in: fields, .integer(in: 1...4096))
    let notification = reader.optional(
      "notification", in: fields, Expectation<FrontEnd.Notification>.choice("notification"))
    let moderation = reader.optional("moderation", in: fields, .time)
    let moderatesIdle = reader.optional("moderates_idle", in: fields, .flag)
    let transmitInterrupts = reader.optional("transmit_interrupts", in: fields, .share)
    let segments = reader.optional("segments", in: fields, .integer(in: 1...65_536))
    var accesses: [FrontEnd.Cause: FrontEnd.Accesses] = [:]
    var largeRequest: ByteCount?
    var shared: FrontEnd.SharedInterrupt?
    if let node = fields["accesses"],
      let causes = reader.fields(of: node, in: "register accesses", known: FrontEnd.Cause.allCases.map(\.rawValue))
    {
      for cause in FrontEnd.Cause.allCases {
        guard let node = causes[cause.rawValue],
          let counts = reader.fields(
            of: node, in: "'\(cause.rawValue)'",
            known: ["port_io", "mmio"] + (cause == .largeRequest ? ["above"] : [])
              + (cause == .interrupt && use == .block ? ["status", "clear", "completions"] : []))
        else { continue }
        if cause == .largeRequest { largeRequest = reader.required("above", in: counts, .positiveSize) }
        let ports = reader.optional("port_io", in: counts, .integer(in: 0...1000))
        let memory = reader.optional("mmio", in: counts, .integer(in: 0...1000))
        accesses[cause] = FrontEnd.Accesses(ports: ports ?? 0, memory: memory ?? 0)
        if cause == .interrupt, use == .block {
          shared = sharedInterrupt(counts, ports: ports ?? 0, memory: memory ?? 0, &reader)
        }
      }
    }
    let takesLargePackets = reader.optional("large_packets", in: fields, .flag)
    if use == .block, let node = fields["transmit_interrupts"] {
      reader.error(at: node.location, "'transmit_interrupts' is for sent packets; expected it where use is network")
    }
    return use.map {
      var frontEnd = FrontEnd(
        use: $0, entries: entries ?? Defaults.ringEntries, notification: notification ?? Defaults.notification,
        queues: queues ?? Defaults.queues, accesses: accesses)
      if let takesLargePackets { frontEnd.takesLargePackets = takesLargePackets }
      if let moderation { frontEnd.moderation = moderation }
      if let moderatesIdle { frontEnd.moderatesIdle = moderatesIdle }
      frontEnd.transmitInterrupts = transmitInterrupts
      frontEnd.segments = segments
      frontEnd.largeRequest = largeRequest
      frontEnd.sharedInterrupt = shared
      return .frontEnd(frontEnd)
    }
  }

  /// The order of the accesses of a disk's interrupt.
  private static func sharedInterrupt(
    _ counts: Fields, ports: Int, memory: Int, _ reader: inout DocumentReader
  ) -> FrontEnd.SharedInterrupt? {
    guard (ports == 0) != (memory == 0) else {
      reader.error(
        at: counts.location,
        "a disk's interrupt with \(ports) port_io and \(memory) mmio; expected accesses of one kind")
      return nil
    }
    let count = ports + memory
    let status = reader.required("status", in: counts, .integer(in: 1...count))
    let clear = reader.required("clear", in: counts, .integer(in: 1...count))
    let completions = reader.required("completions", in: counts, .integer(in: 1...count))
    guard let status, let clear, let completions else { return nil }
    guard status <= clear, clear <= completions else {
      reader.error(
        at: counts.location,
        "accesses \(status) (status), \(clear) (clear) and \(completions) (completions); expected them in this order")
      return nil
    }
    return FrontEnd.SharedInterrupt(
      status: status, clear: clear, completions: completions, count: count, isByPort: ports > 0)
  }
}

extension Expectation where Value == StorageDevice.Direction {
  /// Reads or writes of a storage device.
  static var storageDirection: Expectation {
    Expectation("a mapping with latency") { reader, node in
      guard let fields = reader.fields(of: node, in: "a direction", known: ["latency", "iops"]) else { return nil }
      let latency = reader.required("latency", in: fields, .serviceTime)
      let limit = reader.optional("iops", in: fields, .positiveRate)
      return latency.map { StorageDevice.Direction(latency: $0, limit: limit?.perSecond) }
    }
  }
}

extension Expectation where Value == (name: String, options: DeviceOptions) {
  /// A device that a VM uses: the name of the host's device, or a mapping with it.
  static func usedDevice(_ what: String) -> Expectation {
    Expectation("the name of a \(what), or a mapping with it") { reader, node in
      guard case .mapping = node.content else {
        return reader.read(node, Expectation<String>.label).map { ($0, DeviceOptions()) }
      }
      guard
        let fields = reader.fields(
          of: node, in: "a \(what)",
          known: ["name", "model", "busy_poll", "ring", "queues", "workers", "limit"]
            + (what == "nic" ? ["mtu", "segmentation", "receive_merging"] : ["bandwidth"]))
      else { return nil }
      let name = reader.required("name", in: fields, .label)
      var options = DeviceOptions()
      options.location = node.location
      options.model = reader.optional("model", in: fields, .name)
      if let poll = reader.optional("busy_poll", in: fields, .time) { options.busyPoll = poll }
      options.ring = reader.optional("ring", in: fields, .integer(in: 1...65_536))
      if let queues = reader.optional("queues", in: fields, .integer(in: 1...4096)) { options.queues = queues }
      options.workers = reader.optional("workers", in: fields, .integer(in: 1...4096))
      if what == "nic" {
        options.limit = reader.optional("limit", in: fields, .bitRate).map { Double($0.bitsPerSecond) }
        let sizes = ByteCount(bytes: 256)...ByteCount(bytes: 65_535)
        options.mtu = reader.optional(
          "mtu", in: fields, .positiveSize.accepting("a size from 256 B to 65535 B") { sizes.contains($0) })
        if let segmentation = reader.optional("segmentation", in: fields, .flag) { options.segmentation = segmentation }
        let merging = reader.optional(
          "receive_merging", in: fields, Expectation<ReceiveMerging>.choice("receive_merging"))
        if let merging { options.merging = merging }
      } else {
        options.limit = reader.optional("limit", in: fields, .positiveRate).map(\.perSecond)
        options.bandwidth = reader.optional("bandwidth", in: fields, .bitRate).map { Double($0.bitsPerSecond) / 8 }
      }
      return name.map { ($0, options) }
    }
  }
}
