import Model
import Quantities
import Virtualization

extension Expectation where Value == HostGroup {
  /// A group of hosts.
  static var host: Expectation {
    Expectation("a host") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "a host",
          known: [
            "name", "count", "cpu", "memory", "nics", "disks", "design", "profile", "power", "capabilities",
            "scheduling", "iommu", "background", "numa", "cpu_allocation_ratio", "memory_allocation_ratio",
          ])
      else { return nil }
      let name = reader.required("name", in: fields, .label)
      let count = reader.optional("count", in: fields, .integer(in: 1...100_000))
      let cpu = reader.required("cpu", in: fields, .processor)
      let memory = reader.required(
        "memory", in: fields, .memory(defaultPage: Defaults.hostPage, keys: ["swap", "merging"]))
      let nics = reader.optional("nics", in: fields, .list(of: .nic, "a list of nics"))
      let disks = reader.optional("disks", in: fields, .list(of: .disk, "a list of disks"))
      for (key, what) in [("nics", "nic"), ("disks", "disk")] {
        if case .list(let items)? = fields[key]?.content { reader.checkNames(of: items, what) }
      }
      let design = reader.required("design", in: fields, .designReference)
      let profile = reader.required("profile", in: fields, Expectation<String>.name.located)
      let power = reader.optional("power", in: fields, Expectation<String>.name.located)
      let capabilities = reader.optional("capabilities", in: fields, .list(of: .name, "a list of names"))
      let scheduling = reader.optional("scheduling", in: fields, .scheduling)
      let iommu = reader.optional("iommu", in: fields, Expectation<String>.name.located)
      let background = reader.optional("background", in: fields, .background)
      let nodes = reader.optional("numa", in: fields, .hostNodes)
      guard let name, let cpu, let memory, let design, let profile else { return nil }
      var group = HostGroup(
        name: name, count: count ?? Defaults.count, cpu: cpu, memory: memory.size, page: memory.page,
        hugePageShare: memory.hugePageShare, pageTableLevels: memory.pageTableLevels,
        nics: nics ?? [], disks: disks ?? [], design: design, profile: profile.value,
        profileLocation: profile.location,
        power: power.map { PowerReference(name: $0.value, location: $0.location) }, capabilities: capabilities ?? [],
        location: node.location)
      group.overcommit = memory.overcommit
      group.processorRatio = reader.optional("cpu_allocation_ratio", in: fields, .processorRatio)
      group.memoryRatio = reader.optional("memory_allocation_ratio", in: fields, .memoryRatio)
      group.keyLocations = fields.locations
      if let scheduling { group.keyLocations.merge(scheduling.locations) { $1 } }
      group.slice = scheduling?.slice
      group.skew = scheduling?.skew
      group.iommu = iommu.map { ($0.value, $0.location) }
      group.background = background
      group.nodes = nodes
      group.pauseWindow = scheduling?.pauseWindow
      return group
    }
  }
}

extension Expectation where Value == HostGroup.Processor {
  /// The processors of a host.
  static var processor: Expectation {
    Expectation("a mapping with cores and frequency") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "a cpu",
          known: [
            "model", "sockets", "cores", "threads_per_core", "smt_throughput", "frequency", "boost", "idle_states",
          ])
      else { return nil }
      let model = reader.optional("model", in: fields, .name)
      let sockets = reader.optional("sockets", in: fields, .integer(in: 1...64))
      let cores = reader.required("cores", in: fields, .integer(in: 1...4096))
      let threads = reader.optional("threads_per_core", in: fields, .integer(in: 1...8))
      let throughput = reader.optional(
        "smt_throughput", in: fields, .real("a number from 1 to 8") { (1...8).contains($0) })
      let frequency = reader.required("frequency", in: fields, .frequency)
      let boost = reader.optional("boost", in: fields, .list(of: .boost, "a list of at least one entry", minimum: 1))
      let idle = reader.optional("idle_states", in: fields, .idleSetting)
      guard let cores, let frequency else { return nil }
      var processor = HostGroup.Processor(
        model: model, sockets: sockets ?? Defaults.sockets, coresPerSocket: cores, frequency: frequency)
      processor.threadsPerCore = threads ?? Defaults.threadsPerCore
      processor.smtThroughput = throughput ?? Defaults.smtThroughput
      if let throughput, let stated = fields["smt_throughput"]?.location {
        if processor.threadsPerCore == 1 {
          reader.warn(at: stated, "'smt_throughput' has no effect: cores have one thread each")
        } else if throughput > Double(processor.threadsPerCore) {
          reader.error(
            at: stated, "expected at most the \(processor.threadsPerCore) threads of a core, found \(throughput)")
        }
      }
      processor.boost = boost ?? []
      processor.idleStates = idle ?? .profile
      for (entry, next) in zip(processor.boost, processor.boost.dropFirst())
      where entry.cores >= next.cores || entry.frequency < next.frequency {
        reader.error(
          at: fields["boost"]?.location ?? node.location,
          "expected more active cores, and no higher frequency, from one entry to the next; found \(next.frequency) up to "
            + "\(next.cores) after \(entry.frequency) up to \(entry.cores)")
        break
      }
      return processor
    }
  }
}

/// Memory of a host or a VM.
struct MemoryFields {
  let size: ByteCount
  let page: ByteCount
  let hugePageShare: Double
  let pageTableLevels: Int
  var overcommit = HostGroup.Overcommit()
  var image: ImageSetting?
  var balloon: BalloonSetting?
  var shadowPages: Int?

  /// The memory of a VM that is as large as its trace says.
  static let traced = MemoryFields(
    size: VMGroup.tracedMemory, page: Defaults.guestPage, hugePageShare: Defaults.hugePageShare,
    pageTableLevels: Defaults.pageTableLevels)
}

extension Expectation where Value == MemoryFields {
  private static let keys = ["size", "page", "transparent_huge_pages", "page_table_levels"]

  /// The memory of a host or a VM.
  ///
  /// - Parameter absentSize: the size where none is stated; nil where one must be.
  static func memory(defaultPage: ByteCount, keys more: [String], absentSize: ByteCount? = nil) -> Expectation {
    Expectation("a mapping with size") { reader, node in
      guard let fields = reader.fields(of: node, in: "a memory", known: Self.keys + more) else { return nil }
      let size =
        fields["size"] == nil && absentSize != nil
        ? absentSize : reader.required("size", in: fields, .positiveSize)
      let page = reader.optional("page", in: fields, .page)
      let share = reader.optional("transparent_huge_pages", in: fields, .share)
      let levels = reader.optional("page_table_levels", in: fields, .integer(in: 3...5))
      let swap = reader.optional("swap", in: fields, .swapDevice)
      let scanned = reader.optional("merging", in: fields, .merging)
      let image = reader.optional("image", in: fields, .sharedImage)
      let balloon = reader.optional("balloon", in: fields, .balloon(within: size))
      let shadowPages = reader.optional("shadow_pages", in: fields, .integer(in: 64...100_000_000))
      return size.map {
        MemoryFields(
          size: $0, page: page ?? defaultPage, hugePageShare: share ?? Defaults.hugePageShare,
          pageTableLevels: levels ?? Defaults.pageTableLevels,
          overcommit: HostGroup.Overcommit(swap: swap, scannedPages: scanned), image: image,
          balloon: balloon, shadowPages: shadowPages)
      }
    }
  }
}

extension Expectation where Value == HostGroup.NetworkInterface {
  /// A network interface of a host.
  static var nic: Expectation {
    Expectation("a nic") { reader, node in
      guard let fields = reader.fields(of: node, in: "a nic", known: ["name", "bandwidth", "model"]) else { return nil }
      let name = reader.required("name", in: fields, .label)
      let bandwidth = reader.required("bandwidth", in: fields, .bitRate)
      let model = reader.optional("model", in: fields, .name)
      guard let name, let bandwidth else { return nil }
      return HostGroup.NetworkInterface(name: name, bandwidth: bandwidth, model: model, location: node.location)
    }
  }
}

extension Expectation where Value == HostGroup.Disk {
  /// A disk of a host.
  static var disk: Expectation {
    Expectation("a disk") { reader, node in
      guard let fields = reader.fields(of: node, in: "a disk", known: ["name", "model"]) else { return nil }
      let model = reader.optional("model", in: fields, .name)
      let name = reader.required("name", in: fields, .label)
      return name.map { HostGroup.Disk(name: $0, model: model, location: node.location) }
    }
  }
}

extension Expectation where Value == VMGroup {
  /// A group of VMs.
  static var vm: Expectation {
    Expectation("a vm") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "a vm",
          known: [
            "name", "count", "vcpus", "memory", "guest", "nic", "disk", "workload", "host", "dirty_logging", "numa",
          ]
            + FleetKeys.vm)
      else { return nil }
      let name = reader.required("name", in: fields, .label)
      let count = reader.optional("count", in: fields, .integer(in: 1...10_000_000))
      // What is not stated of a VM that follows a trace is as large as the trace says.
      let isTraced = fields["trace"] != nil
      let cores = Expectation<Int>.integer(in: 1...1024)
      let vcpus =
        isTraced
        ? reader.optional("vcpus", in: fields, cores) ?? VMGroup.tracedVCPUs
        : reader.required("vcpus", in: fields, cores)
      let size = Expectation<MemoryFields>.memory(
        defaultPage: Defaults.guestPage, keys: ["image", "balloon", "shadow_pages"],
        absentSize: isTraced ? VMGroup.tracedMemory : nil)
      let memory =
        isTraced && fields["memory"] == nil
        ? MemoryFields.traced : reader.required("memory", in: fields, size)
      let guest = reader.optional("guest", in: fields, .name)
      let logging = reader.optional("dirty_logging", in: fields, .dirtyLogging)
      let nic = reader.optional("nic", in: fields, .usedDevice("nic"))
      let disk = reader.optional("disk", in: fields, .usedDevice("disk"))
      let workload = reader.required("workload", in: fields, .name)
      let host = reader.optional("host", in: fields, .label)
      let nodes = reader.optional("numa", in: fields, .nodeOptions)
      let fleet = reader.fleetOptions(fields)
      guard let name, let vcpus, let memory, let workload else { return nil }
      var group = VMGroup(
        name: name, count: count ?? Defaults.count, vcpus: vcpus, memory: memory.size, page: memory.page,
        hugePageShare: memory.hugePageShare, pageTableLevels: memory.pageTableLevels,
        guest: guest ?? Defaults.guest, nic: nic?.name, disk: disk?.name, workload: workload, host: host,
        fleet: fleet, location: node.location)
      group.dirtyLogging = logging
      if let nodes { group.nodes = nodes }
      if let nic { group.nicOptions = nic.options }
      if let disk { group.diskOptions = disk.options }
      group.image = memory.image
      group.balloon = memory.balloon
      group.shadowPages = memory.shadowPages
      group.share = reader.processorShare(fields)
      for entry in fields.entries { group.keyLocations[entry.key] = entry.value.location }
      return group
    }
  }
}

extension Expectation where Value == HostGroup.Processor.Boost {
  /// An entry of a boost curve.
  static var boost: Expectation {
    Expectation("a mapping of cores and frequency") { reader, node in
      guard let fields = reader.fields(of: node, in: "a boost", known: ["cores", "frequency"]) else { return nil }
      let cores = reader.required("cores", in: fields, .integer(in: 1...4096))
      let frequency = reader.required("frequency", in: fields, .frequency)
      guard let cores, let frequency else { return nil }
      return HostGroup.Processor.Boost(cores: cores, frequency: frequency)
    }
  }
}
