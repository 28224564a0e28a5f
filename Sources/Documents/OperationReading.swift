import Model
import Quantities
import Virtualization

/// Where in a workload an operation is stated, which decides what may stand there.
private enum OperationUse {
  case perRequest, perCPUSecond, program, expansion
}

/// Operations of a request.
struct OperationCounts {
  var counts: [GuestOperation: Double] = [:]
  /// Sizes of the packets that are stated.
  var sizes: [GuestOperation: ByteCount] = [:]
  /// Probability that a block request follows the one before it.
  var sequential: [GuestOperation: Double] = [:]
}

extension DocumentReader {
  /// The operation that a key names, if it may be stated there.
  fileprivate mutating func operation(_ entry: DocumentNode.Entry, use: OperationUse) -> GuestOperation? {
    guard let operation = GuestOperation(name: entry.key) else {
      let known = GuestOperation.allCases.filter(\.mayBeStated).map(\.name)
      error(at: entry.keyLocation, Wording.unknown("operation", entry.key, among: known))
      return nil
    }
    guard let fault = Self.fault(of: operation, use: use) else { return operation }
    error(at: entry.keyLocation, fault)
    return nil
  }

  private static func fault(of operation: GuestOperation, use: OperationUse) -> String? {
    switch operation {
    case .halt: return "'halt' follows from idleness and cannot be stated"
    case .netTx, .netRx, .blockRead, .blockWrite, .fileFirstWrite:
      switch use {
      case .perRequest: return nil
      case .perCPUSecond: return "'\(operation)' has no rate per CPU second; expected it in 'per_request'"
      case .program: return "'\(operation)' cannot stand in a program; expected operations without devices"
      case .expansion: return "'\(operation)' cannot be part of another operation"
      }
    default:
      let mayStand = use == .program ? operation.mayStandInProgram : operation.mayBeStated
      return mayStand ? nil : "'\(operation)' follows from the simulation and cannot be stated"
    }
  }

  /// The operations of a mapping with the values that `read` makes of them.
  fileprivate mutating func operations<Value>(
    _ node: DocumentNode, use: OperationUse,
    read: (inout DocumentReader, GuestOperation, DocumentNode) -> Value?
  ) -> [GuestOperation: Value]? {
    guard let entries = entries(of: node) else { return nil }
    var result: [GuestOperation: Value] = [:]
    for entry in entries {
      guard let operation = operation(entry, use: use) else { continue }
      result[operation] = read(&self, operation, entry.value)
    }
    return result
  }
}

extension DocumentReader {
  /// How often an operation happens: a plain number, or for memory operations also a mapping with their extent.
  fileprivate mutating func memoryCount<Value>(
    of node: DocumentNode, _ operation: GuestOperation, key: String, _ expectation: Expectation<Value>
  ) -> Value? {
    guard operation.hasExtent || operation == .contextSwitch, case .mapping = node.content else {
      return read(node, expectation)
    }
    let known =
      switch operation {
      case .contextSwitch: [key, "processes", "data"]
      case .mmap: [key, "pages", "touched", "huge", "split", "collapsed", "file", "new_tables", "siblings"]
      case .mprotect: [key, "pages", "huge", "siblings"]
      case .copyOnWrite: [key, "pages", "huge", "by_parent", "siblings", "program", "parent", "child"]
      case .exec: [key, "vfork", "program", "parent", "child", "run"]
      default: [key, "pages", "huge", "siblings", "program", "parent", "child"]
      }
    guard let fields = fields(of: node, in: "'\(operation)'", known: known) else { return nil }
    if operation == .contextSwitch {
      for name in ["processes", "data"] where fields[name] == nil {
        error(
          at: fields.location,
          "missing key '\(name)' in '\(operation)'; expected processes and data, or a number alone")
      }
    }
    return required(key, in: fields, expectation)
  }

  /// The extents of the memory operations in mappings of operations; faults of the mappings are told elsewhere.
  mutating func memoryExtents(of nodes: [DocumentNode?]) -> [GuestOperation: MemoryExtent] {
    var result: [GuestOperation: MemoryExtent] = [:]
    for case .mapping(let entries)? in nodes.map({ $0?.content }) {
      for entry in entries {
        guard let operation = GuestOperation(name: entry.key), operation.hasExtent, case .mapping = entry.value.content
        else { continue }
        let size = Expectation<Int>.integer(in: 1...MemoryExtent.largest)
        let pages = entry.value["pages"].flatMap { read($0, size) }
        let touched = entry.value["touched"].flatMap { read($0, .integer(in: 0...MemoryExtent.largest)) }
        if let pages, let touched, touched > pages, let place = entry.value["touched"]?.location {
          error(at: place, "expected at most the \(pages) pages that are mapped, found '\(touched)'")
        }
        let isHuge = entry.value["huge"].flatMap { read($0, .flag) } ?? false
        let isSplit = entry.value["split"].flatMap { read($0, .flag) } ?? false
        if isSplit, !isHuge, let place = entry.value["split"]?.location {
          error(at: place, "only huge pages are split; expected 'huge: true'")
        }
        let isCollapsed = entry.value["collapsed"].flatMap { read($0, .flag) } ?? false
        if isCollapsed, isHuge, let place = entry.value["collapsed"]?.location {
          error(at: place, "small pages are collapsed; expected no 'huge'")
        }
        if isHuge || isCollapsed, let pages, !pages.isMultiple(of: 512), let place = entry.value["pages"]?.location {
          error(at: place, "expected a multiple of 512 pages, which make pages of 2 MiB, found '\(pages)'")
        }
        let isFile = entry.value["file"].flatMap { read($0, .flag) } ?? false
        if isFile, isHuge, let place = entry.value["file"]?.location {
          error(at: place, "a mapping is of a file or of huge pages, not both")
        }
        let newTables = entry.value["new_tables"].flatMap { read($0, .integer(in: 0...4)) }
        let siblings = entry.value["siblings"].flatMap { read($0, .integer(in: 0...1023)) }
        var extent = MemoryExtent(
          pages: pages
            ?? (operation == .processCreation && !isHuge ? 0 : isHuge || isCollapsed ? 512 : max(1, touched ?? 1)),
          touched: touched,
          isHuge: isHuge,
          newTables: newTables ?? 0, siblings: siblings ?? 0,
          isVfork: entry.value["vfork"].flatMap { read($0, .flag) } ?? false,
          isFile: isFile,
          byParent: entry.value["by_parent"].flatMap { read($0, .flag) } ?? false,
          program: entry.value["program"].flatMap { read($0, .name) })
        extent.isSplit = isSplit
        extent.isCollapsed = isCollapsed
        extent.touches = touches(of: entry, operation, isBorrowed: extent.isVfork)
        if let other = result[operation], other != extent {
          error(at: entry.keyLocation, "'\(operation)' has another extent elsewhere in the workload; expected one")
        }
        result[operation] = extent
      }
    }
    return result
  }
}

extension DocumentReader {
  /// What the processes of an operation touch, where a workload says so.
  fileprivate mutating func touches(
    of entry: DocumentNode.Entry, _ operation: GuestOperation, isBorrowed: Bool
  ) -> ProcessTouches? {
    guard operation.hasProcess else { return nil }
    for name in ["parent", "child"] where isBorrowed && entry.value[name] != nil {
      error(
        at: entry.value[name]?.location ?? entry.keyLocation,
        "the address space is lent with 'vfork: true', so that nothing of it is shared; expected no '\(name)'")
    }
    let touches = ProcessTouches(
      parent: entry.value["parent"].flatMap { read($0, .statedTouches) },
      child: entry.value["child"].flatMap { read($0, .statedTouches) },
      run: operation == .exec ? entry.value["run"].flatMap { read($0, .statedTouches) } : nil)
    return touches == ProcessTouches() ? nil : touches
  }
}

extension Expectation where Value == [ProcessTouches.Stated] {
  /// Areas of a program with numbers of pages; which areas there are the guest says.
  fileprivate static var statedTouches: Expectation {
    Expectation("a mapping of the program's areas and counts such as {stack: 2, data: 3}") { reader, node in
      reader.entries(of: node)?.compactMap { entry in
        reader.read(entry.value, Expectation<Int>.integer(in: 1...1_000_000))
          .map { ProcessTouches.Stated(area: entry.key, count: $0) }
      }
    }
  }
}

extension Expectation where Value == Double {
  /// A number, or a rate with its unit.
  static var countOrRate: Expectation {
    Expectation("a number or a rate such as 500/s") { reader, node in
      if case .text(let text) = node.content, text.contains("/") {
        return reader.read(node, Expectation<Rate>.rate).map(\.perSecond)
      }
      return reader.read(node, .count)
    }
  }
}

extension Expectation where Value == OperationCounts {
  /// Operations of a request; packets may have a size.
  static var operationsPerRequest: Expectation {
    Expectation("a mapping of operations and counts") { reader, node in
      var sizes: [GuestOperation: ByteCount] = [:]
      var sequential: [GuestOperation: Double] = [:]
      let counts = reader.operations(node, use: .perRequest) {
        (reader: inout DocumentReader, operation: GuestOperation, value: DocumentNode) -> Double? in
        let isBlock = operation == .blockRead || operation == .blockWrite
        if operation == .fileFirstWrite {
          guard let fields = reader.fields(of: value, in: "'\(operation)'", known: ["count", "size"]) else {
            return nil
          }
          sizes[operation] = reader.required("size", in: fields, .positiveSize)
          let number = Expectation<Double>.real("a number from 0 to 1000") { (0...1000).contains($0) }
          return reader.required("count", in: fields, number)
        }
        guard isBlock || operation == .netTx || operation == .netRx else {
          return reader.memoryCount(of: value, operation, key: "count", .count)
        }
        sizes[operation] = isBlock ? Defaults.block : Defaults.packet
        if isBlock {
          let number = Expectation<Double>.real("a number from 0 to 1000") { (0...1000).contains($0) }
          guard case .mapping = value.content else { return reader.read(value, number) }
          guard let fields = reader.fields(of: value, in: "'\(operation)'", known: ["count", "size", "sequential"])
          else { return nil }
          sequential[operation] = reader.optional("sequential", in: fields, .share)
          if let size = reader.optional("size", in: fields, .positiveSize) { sizes[operation] = size }
          return reader.required("count", in: fields, number)
        }
        let whole = Expectation<Int>.integer(in: 0...1_000_000)
        guard case .mapping = value.content else { return reader.read(value, whole).map { Double($0) } }
        guard let fields = reader.fields(of: value, in: "'\(operation)'", known: ["count", "size"]) else { return nil }
        if let size = reader.optional("size", in: fields, .positiveSize) { sizes[operation] = size }
        return reader.required("count", in: fields, whole).map { Double($0) }
      }
      return counts.map { OperationCounts(counts: $0, sizes: sizes, sequential: sequential) }
    }
  }
}

extension Expectation where Value == [GuestOperation: Double] {
  /// Operations per second of CPU time: plain numbers or rates.
  static var operationsPerCPUSecond: Expectation {
    Expectation("a mapping of operations and rates") { reader, node in
      reader.operations(node, use: .perCPUSecond) { reader, operation, value in
        reader.memoryCount(of: value, operation, key: "rate", .countOrRate)
      }
    }
  }

  /// How often each of some operations takes a lock.
  static var takingsPerOperation: Expectation {
    Expectation("a mapping of operations and counts") { reader, node in
      reader.operations(node, use: .perRequest) { reader, _, value in reader.read(value, .count) }
    }
  }

  /// The operations that another one stands for.
  static var operationParts: Expectation {
    Expectation("a mapping of operations and counts") { reader, node in
      reader.operations(node, use: .expansion) { reader, _, value in reader.read(value, .count) }
    }
  }
}

extension Expectation where Value == [GuestOperation: Int64] {
  /// The operations of a program's loop.
  static var programLoop: Expectation {
    Expectation("a mapping of operations and counts") { reader, node in
      reader.operations(node, use: .program) { reader, operation, value in
        reader.memoryCount(of: value, operation, key: "count", .integer(in: 1...1_000_000_000))
      }
    }
  }
}

extension Expectation where Value == [GuestOperation: [GuestOperation: Double]] {
  /// Operations that stand for several others; the parts do not stand for others in turn.
  static var expansions: Expectation {
    Expectation("a mapping of operations and their parts") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      let expanded = Set(entries.map(\.key))
      for entry in entries {
        guard case .mapping(let parts) = entry.value.content else { continue }
        for part in parts where expanded.contains(part.key) {
          reader.error(at: part.keyLocation, "'\(part.key)' stands for other operations and cannot be part of one")
        }
      }
      return reader.operations(node, use: .expansion) { reader, _, value in reader.read(value, .operationParts) }
    }
  }
}
