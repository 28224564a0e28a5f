import ArgumentParser
import Documents
import Experiments
import Model
import Virtualization

/// `vdcsim explain`.
struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show the steps of a design's operations: cost, place, kind and source of each.",
    usage: "vdcsim explain <design> [<operation>] [<options>]")

  @Argument(help: "The design.")
  var design: String

  @Argument(help: "The guest operation (default: all that the design has a path for).")
  var operation: String?

  @Option(help: ArgumentHelp("Cost profile: a name of the library or a file.", valueName: "name|file"))
  var profile = "cascade-lake-pvm-paper"

  @Option(
    name: .customLong("axis"),
    help: ArgumentHelp(
      "Override an axis of the design, such as paging=shadow; may be repeated.", valueName: "axis=value"))
  var axes: [String] = []

  @Option(help: "Guest system whose page tables memory operations are carried out on.")
  var guest = "linux"

  @Option(help: "Extent of a fork's resident pages, an mmap, an mprotect or a copy_on_write, in pages of 4 KiB.")
  var pages: Int?

  @Option(help: "Program of the guest whose processes do it (default: the guest's first).")
  var program: String?

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "What the guest's driver sees instead of the design's usual device, such as ide; may be repeated.",
      valueName: "name"))
  var devices: [String] = []

  @OptionGroup var memory: WalkOptions

  @OptionGroup var library: LibraryOptions

  func validate() throws {
    if let pages, !(1...MemoryExtent.largest).contains(pages) {
      throw ValidationError("--pages \(pages): expected a number from 1 to \(MemoryExtent.largest)")
    }
  }

  func run() async throws {
    try await reportingFailures {
      let documents = try LibraryLoader.load(
        folder: LibraryLoader.locate(explicit: library.folder), digest: Digest.sha256)
      let prices = try Inputs.profile(profile, library: documents)
      var compiled = try compile(documents, prices: prices)
      let translation = try memory.translation(under: compiled)
      if let translation { compiled = compiled.pricing(translation) }
      compiled = compiled.translating(
        program: .usualProgram, kernel: documents.guests[guest]?.code ?? .usualKernel)
      let operations: [GuestOperation]
      if let operation {
        operations = [try find(operation)]
      } else {
        operations = GuestOperation.allCases.filter { compiled.cost(of: $0) != nil }
      }
      let expansion = try expansion(of: operations, under: compiled.choice, in: documents)
      print(
        Explanation(
          design: compiled, translation: translation, memory: memory.text, expansion: expansion,
          guest: "guest \(guest) with \(memory.pageTableLevels) levels",
          devices: try frontEnds(of: compiled.choice, in: documents)
        ).text(of: operations))
    }
  }

  /// The devices that were named, then those that the design's axes stand for.
  private func frontEnds(of choice: DesignChoice, in documents: Library) throws -> [Device] {
    let usual = [(FrontEnd.Use.network, choice.axes[.network]), (.block, choice.axes[.disk])].map { use, axis in
      (use, FrontEnd.usual(for: use, axis: axis))
    }
    let named = try devices.map { name -> Device in
      guard let device = documents.devices[name] else {
        throw ValidationError(unknown("device", name, among: documents.devices.keys.sorted()))
      }
      guard case .frontEnd(let frontEnd) = device.kind else {
        throw ValidationError("device '\(name)' is none that a guest's driver sees; expected one of kind frontend")
      }
      guard usual.contains(where: { $0.0 == frontEnd.use && $0.1 != nil }) else {
        throw ValidationError(
          "device '\(name)': design '\(choice.label)' gives its guests a \(frontEnd.use.rawValue) device of the host")
      }
      return device
    }
    return named + usual.compactMap { $0.1.flatMap { documents.devices[$0] } }
  }

  /// What memory operations do to the page tables of the guest.
  private func expansion(
    of operations: [GuestOperation], under choice: DesignChoice, in documents: Library
  ) throws -> PagingExpansion {
    guard let system = documents.guests[guest] else {
      throw ValidationError(unknown("guest", guest, among: documents.guests.keys.sorted()))
    }
    if pages != nil, !operations.contains(where: \.hasPages) {
      throw ValidationError("--pages: expected one of the operations that have an extent")
    }
    if let program, system.paging?.program(named: program) == nil {
      throw ValidationError(unknown("program", program, among: system.paging?.processes.map(\.name) ?? []))
    }
    var extents: [GuestOperation: MemoryExtent] = [:]
    for operation in GuestOperation.allCases where operation.hasExtent {
      if operation.hasPages ? pages == nil && program == nil : program == nil { continue }
      extents[operation] = MemoryExtent(
        pages: pages ?? (operation == .processCreation ? 0 : 1), program: operation.hasProcess ? program : nil)
    }
    return PagingExpansion(
      operations: operations, extents: extents, guest: system,
      mode: OperationLoad.pagingMode(of: choice, memory: try memory.layout, guest: system))
  }

  private func compile(_ documents: Library, prices: CostProfile) throws -> CompiledDesign {
    guard let chosen = documents.designs[design] else {
      throw ValidationError(unknown("design", design, among: documents.designs.keys.sorted()))
    }
    guard let bareHost = documents.designs[Library.bareHostDesign] else {
      throw ValidationError("the library has no design '\(Library.bareHostDesign)'")
    }
    var overrides: [DesignAxis: String] = [:]
    for text in axes {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, let axis = DesignAxis(rawValue: parts[0]) else {
        throw ValidationError(
          "--axis \(text): expected AXIS=VALUE with one of \(DesignAxis.allCases.map(\.name).joined(separator: ", "))")
      }
      guard chosen.allowed[axis]?.contains(parts[1]) ?? false else {
        let allowed = chosen.allowed[axis] ?? []
        throw ValidationError("--axis \(text): design '\(design)' allows \(allowed.joined(separator: " or "))")
      }
      overrides[axis] = parts[1]
    }
    do {
      return try CompiledDesign(
        choice: DesignChoice(design: chosen, overrides: overrides), bareHost: bareHost,
        catalogue: documents.catalogue, profile: prices)
    } catch {
      throw ModelFaults(faults: error.faults.map { ModelFault(location: $0.location, message: $0.message) })
    }
  }

  private func find(_ name: String) throws -> GuestOperation {
    guard let operation = GuestOperation(name: name) else {
      throw ValidationError(unknown("operation", name, among: GuestOperation.allCases.map(\.name)))
    }
    return operation
  }
}
