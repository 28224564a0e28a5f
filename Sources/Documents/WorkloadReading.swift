import Model
import Quantities
import Virtualization

extension Expectation where Value == [Workload] {
  /// Workloads by name.
  static var workloads: Expectation {
    Expectation("a mapping with at least one workload") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      if entries.isEmpty { reader.error(at: node.location, "expected at least one workload, found an empty mapping") }
      return entries.compactMap { entry in
        let name = reader.read(
          DocumentNode(content: .text(entry.key), location: entry.keyLocation), Expectation<String>.name)
        let workload = reader.workload(entry.value, name: name ?? "", location: entry.keyLocation)
        return name == nil ? nil : workload
      }
    }
  }
}

/// The keys of each shape of workload; those of the first kind tell the shape.
private enum ShapeKeys {
  static let requests = ["arrivals", "service", "discipline", "per_request"]
  static let shared = ["per_cpu_second", "memory", "code", "locks", "objective"]
  static let others = ["batch", "program", "utilization", "idle"]
}

extension DocumentReader {
  mutating func workload(_ node: DocumentNode, name: String, location: SourceLocation) -> Workload? {
    guard let entries = entries(of: node) else { return nil }
    let keys = entries.map(\.key)
    var shapes = ShapeKeys.others.filter { keys.contains($0) }
    if let key = ShapeKeys.requests.first(where: { keys.contains($0) }) { shapes.append(key) }
    guard shapes.count < 2 else {
      error(
        at: location,
        "workload \(Wording.quoted(name)) has \(shapes.map { "'\($0)'" }.joined(separator: " and ")); "
          + "expected exactly one of arrivals, batch, program, utilization or idle")
      return nil
    }
    switch shapes.first {
    case "batch": return batch(node, name: name, location: location)
    case "program": return program(node, name: name, location: location)
    case "utilization": return utilization(node, name: name, location: location)
    case "idle":
      guard let fields = fields(of: node, in: "an idle workload", known: ["idle"]) else { return nil }
      _ = required("idle", in: fields, .word("value", among: ["true"]))
      return Workload(name: name, shape: .idle, location: location)
    case nil:
      _ = fields(
        of: node, in: "a workload", known: ShapeKeys.requests + ShapeKeys.others + ShapeKeys.shared)
      error(
        at: location,
        "missing key in workload \(Wording.quoted(name)); expected one of arrivals, batch, program, utilization or idle"
      )
      return nil
    default: return requests(node, name: name, location: location)
    }
  }

  private mutating func requests(_ node: DocumentNode, name: String, location: SourceLocation) -> Workload? {
    guard
      let fields = fields(
        of: node, in: "a workload of requests", known: ShapeKeys.requests + ShapeKeys.shared)
    else { return nil }
    let arrivals = required("arrivals", in: fields, .arrivals)
    let service = required("service", in: fields, .serviceTime)
    let discipline = optional("discipline", in: fields, Expectation<ServiceDiscipline>.choice("discipline"))
    let perRequest = optional("per_request", in: fields, .operationsPerRequest)
    let perCPUSecond = optional("per_cpu_second", in: fields, .operationsPerCPUSecond)
    let memory = optional("memory", in: fields, .memoryReferences)
    let code = optional("code", in: fields, .programCode)
    let objective = optional("objective", in: fields, .latencyObjective)
    let stated = Set((perRequest?.counts ?? [:]).keys).union((perCPUSecond ?? [:]).keys)
    let locks = locks(fields, among: stated, perRequest: true)
    guard let arrivals, let service else { return nil }
    var requests = RequestWorkload(
      arrivals: arrivals, service: service, discipline: discipline ?? Defaults.discipline,
      perRequest: perRequest?.counts ?? [:], perCPUSecond: perCPUSecond ?? [:],
      sentPacket: perRequest?.sizes[.netTx] ?? .zero, receivedPacket: perRequest?.sizes[.netRx] ?? .zero,
      readSize: perRequest?.sizes[.blockRead] ?? .zero, writeSize: perRequest?.sizes[.blockWrite] ?? .zero)
    requests.sequentialReads = perRequest?.sequential[.blockRead] ?? 0
    requests.sequentialWrites = perRequest?.sequential[.blockWrite] ?? 0
    requests.firstWriteSize = perRequest?.sizes[.fileFirstWrite] ?? .zero
    var workload = Workload(
      name: name, shape: .requests(requests), memory: memory,
      extents: memoryExtents(of: [fields["per_request"], fields["per_cpu_second"]]), code: code, objective: objective,
      location: location)
    workload.locks = locks
    workload.switching = switchedData(of: [fields["per_request"], fields["per_cpu_second"]])
    return workload
  }

  private mutating func batch(_ node: DocumentNode, name: String, location: SourceLocation) -> Workload? {
    guard
      let fields = fields(
        of: node, in: "a batch workload", known: ["batch", "per_cpu_second", "memory", "code", "locks"]),
      let batch = fields["batch"]
    else { return nil }
    let perCPUSecond = optional("per_cpu_second", in: fields, .operationsPerCPUSecond)
    let memory = optional("memory", in: fields, .memoryReferences)
    let code = optional("code", in: fields, .programCode)
    let locks = locks(fields, among: Set((perCPUSecond ?? [:]).keys), perRequest: false)
    guard let parts = self.fields(of: batch, in: "a batch", known: ["work", "threads"]) else { return nil }
    let work = required("work", in: parts, .positiveTime)
    let threads = optional("threads", in: parts, .integer(in: 1...1024))
    guard let work else { return nil }
    let shape = BatchWorkload(work: work, threads: threads ?? Defaults.threads, perCPUSecond: perCPUSecond ?? [:])
    var workload = Workload(
      name: name, shape: .batch(shape), memory: memory, extents: memoryExtents(of: [fields["per_cpu_second"]]),
      code: code, location: location)
    workload.locks = locks
    workload.switching = switchedData(of: [fields["per_cpu_second"]])
    return workload
  }

  private mutating func program(_ node: DocumentNode, name: String, location: SourceLocation) -> Workload? {
    guard
      let fields = fields(of: node, in: "a program workload", known: ["program", "code"]),
      let program = fields["program"],
      let parts = self.fields(of: program, in: "a program", known: ["repeat", "loop", "compute"])
    else { return nil }
    let code = optional("code", in: fields, .programCode)
    let iterations = required("repeat", in: parts, Expectation<Int64>.integer(in: 1...1_000_000_000_000))
    let operations = optional("loop", in: parts, .programLoop)
    let compute = optional("compute", in: parts, .time)
    if (parts["loop"].map { $0.count == 0 } ?? true) && (parts["compute"] == nil || compute == .zero) {
      error(at: program.location, "expected a program with at least one operation or a compute time above 0")
    }
    guard let iterations else { return nil }
    let shape = ProgramWorkload(
      iterations: iterations, operations: operations ?? [:], compute: compute ?? Defaults.compute)
    var workload = Workload(
      name: name, shape: .program(shape), extents: memoryExtents(of: [parts["loop"]]), code: code, location: location)
    workload.switching = switchedData(of: [parts["loop"]])
    return workload
  }
}

extension Expectation where Value == ArrivalProcess {
  /// How requests come.
  static var arrivals: Expectation {
    Expectation("a mapping with process and rate") { reader, node in
      let all = ["process", "rate", "clients", "think"]
      guard case .text(let process)? = node["process"]?.content else {
        guard let fields = reader.fields(of: node, in: "arrivals", known: all) else { return nil }
        _ = reader.required("process", in: fields, .word("process", among: ["poisson", "deterministic", "closed"]))
        return nil
      }
      let known = process == "closed" ? ["process", "clients", "think"] : ["process", "rate"]
      switch process {
      case "poisson", "deterministic":
        guard let fields = reader.fields(of: node, in: "\(process) arrivals", known: known) else { return nil }
        guard let rate = reader.required("rate", in: fields, .arrivalRate) else { return nil }
        return process == "poisson" ? .poisson(rate: rate) : .deterministic(rate: rate)
      case "closed":
        guard let fields = reader.fields(of: node, in: "closed arrivals", known: known) else { return nil }
        let clients = reader.required("clients", in: fields, Expectation<Int>.integer(in: 1...1_000_000))
        let think = reader.required("think", in: fields, .time)
        guard let clients, let think else { return nil }
        return .closed(clients: clients, think: think)
      default:
        let location = node["process"]?.location ?? node.location
        if ["trace", "mmpp"].contains(process) {
          reader.error(at: location, Wording.notSimulated(process))
        } else {
          reader.error(
            at: location, Wording.unknown("process", process, among: ["poisson", "deterministic", "closed"]))
        }
        return nil
      }
    }
  }
}

extension Expectation where Value == MemoryReferences {
  /// How a workload refers to memory.
  static var memoryReferences: Expectation {
    Expectation("a mapping with working_set, page_references and reuse_skew") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "a memory",
          known: [
            "working_set", "page_references", "references_per", "reuse_skew", "regions", "tagged", "nested_leaf_share",
            "cache_misses", "parallel_misses",
            "files",
          ])
      else { return nil }
      var regions: [MemoryReferences.Region]?
      if let stated = fields["regions"] {
        for key in ["working_set", "reuse_skew"] where fields[key] != nil {
          reader.error(at: stated.location, "a memory has 'regions' or '\(key)', not both")
        }
        regions = reader.required(
          "regions", in: fields, .list(of: .memoryRegion, "a list of at least one region", minimum: 1))
        if let regions, regions.allSatisfy({ $0.share == 0 }) {
          reader.error(at: stated.location, "expected a region with a share above 0")
          return nil
        }
      } else {
        let workingSet = reader.required("working_set", in: fields, .positiveSize)
        let skew = reader.required("reuse_skew", in: fields, .reuseSkew)
        if let workingSet, let skew {
          regions = [MemoryReferences.Region(bytes: workingSet.bytes, share: 1, reuseSkew: skew)]
        }
      }
      let references = reader.required("page_references", in: fields, .rate)
      let base = reader.optional("references_per", in: fields, .word("base", among: ["cpu_time", "work_time"]))
      let tagged = reader.optional("tagged", in: fields, .flag)
      let nestedLeafShare = reader.optional("nested_leaf_share", in: fields, .share)
      let misses = reader.optional("cache_misses", in: fields, .rate)
      let parallel = reader.optional(
        "parallel_misses", in: fields, .real("a number from 1 to 100") { (1...100).contains($0) })
      let files = reader.optional("files", in: fields, .cachedFiles)
      guard let regions, let references else { return nil }
      var memory = MemoryReferences(
        regions: regions, referencesPerSecond: references.perSecond, isTagged: tagged ?? Defaults.tagged,
        nestedLeafShare: nestedLeafShare ?? MemoryReferences.usualNestedLeafShare,
        base: base == "work_time" ? .workTime : .cpuTime)
      memory.cacheMisses = misses?.perSecond
      memory.missParallelism = parallel ?? memory.missParallelism
      memory.files = files
      return memory
    }
  }
}

extension Expectation where Value == CachedFiles {
  /// Files that a workload reads through the guest's cache.
  fileprivate static var cachedFiles: Expectation {
    Expectation("a mapping with size, page_references and reuse_skew") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "the files", known: ["size", "page_references", "reuse_skew"])
      else { return nil }
      let size = reader.required("size", in: fields, .positiveSize)
      let references = reader.required("page_references", in: fields, .rate)
      let skew = reader.required("reuse_skew", in: fields, .reuseSkew)
      guard let size, let references, let skew else { return nil }
      return CachedFiles(bytes: size.bytes, referencesPerSecond: references.perSecond, reuseSkew: skew)
    }
  }
}

extension Expectation where Value == MemoryReferences.Region {
  /// A part of the working set.
  fileprivate static var memoryRegion: Expectation {
    Expectation("a mapping with size, share and reuse_skew") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "a region", known: ["size", "share", "reuse_skew", "lines"])
      else { return nil }
      let size = reader.required("size", in: fields, .positiveSize)
      let share = reader.required("share", in: fields, .count)
      let skew = reader.required("reuse_skew", in: fields, .reuseSkew)
      let lines = reader.optional("lines", in: fields, .count)
      guard let size, let share, let skew else { return nil }
      return MemoryReferences.Region(
        bytes: size.bytes, share: share, reuseSkew: skew, lines: lines ?? Defaults.linesPerReference)
    }
  }
}

extension Expectation where Value == Double {
  /// An exponent of popularity.
  fileprivate static var reuseSkew: Expectation {
    .real("a number from 0 to 10") { (0...10).contains($0) }
  }
}

extension Expectation where Value == LatencyObjective {
  /// A bound on one quantile of the latency.
  static var latencyObjective: Expectation {
    Expectation("a mapping such as {latency_p99: 5 ms}") { reader, node in
      let quantiles = [
        ("latency_p50", 0.5), ("latency_p90", 0.9), ("latency_p95", 0.95), ("latency_p99", 0.99),
        ("latency_p999", 0.999),
      ]
      let before = reader.diagnostics.count
      guard let fields = reader.fields(of: node, in: "an objective", known: quantiles.map(\.0)) else { return nil }
      let stated = quantiles.filter { fields[$0.0] != nil }
      guard let (key, quantile) = stated.first, stated.count == 1 else {
        if reader.diagnostics.count == before {
          reader.error(
            at: node.location, "expected exactly one of \(Wording.alternatives(quantiles.map(\.0))) in an objective")
        }
        return nil
      }
      return reader.required(key, in: fields, .positiveTime).map { LatencyObjective(quantile: quantile, bound: $0) }
    }
  }
}
