import Model
import Virtualization

/// Reads calibration plans: what the harness's probes contain on one kind of host.
public enum CalibrationReader {
  /// All plans of a library, sorted by name.
  ///
  /// - Throws: `DiagnosticError`, with every fault of all plans at once.
  public static func plans(folder: String, library: Library) throws(DiagnosticError) -> [CalibrationPlan] {
    var reader = DocumentReader()
    var plans: [CalibrationPlan] = []
    for document in try SourceDocument.all(.calibration, in: [folder], &reader) {
      if let plan = read(document.root, library: library, &reader) { plans.append(plan) }
    }
    _ = try reader.finish()
    return plans
  }

  static func read(_ root: DocumentNode, library: Library, _ reader: inout DocumentReader) -> CalibrationPlan? {
    guard
      let fields = reader.fields(
        of: root, in: "the calibration plan",
        known: [
          "calibration", "title", "backends", "paging", "design", "control", "loop", "probes", "program",
        ], ignoring: "x-")
    else { return nil }
    let name = reader.required("calibration", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    let backendList = Expectation<[String]>.list(
      of: .word("backend", among: DesignReader.backends), "a list of at least one backend", minimum: 1)
    let backends = reader.required("backends", in: fields, backendList)
    let paging = reader.optional("paging", in: fields, .word("paging", among: ["nested", "shadow"]))
    let design = reader.required("design", in: fields, .designReference)
    if let design, library.designs[design.name] == nil {
      reader.error(
        at: design.location, Wording.unknown("design", design.name, among: library.designs.keys.sorted()))
    }
    let control = reader.required("control", in: fields, .name)
    let loop = reader.required("loop", in: fields, .step(library.catalogue))
    let rows = reader.required("probes", in: fields, .matrixRows(library.catalogue))
    let program = reader.required("program", in: fields, .programBlocks)
    guard let name, let title, let backends, let design, let control, let loop, let rows, let program else {
      return nil
    }
    return CalibrationPlan(
      name: name, title: title, backends: backends, paging: paging, design: design.name, axes: design.overrides,
      control: control, loop: loop, rows: rows, blocks: program.blocks, computeBlock: program.compute)
  }
}

extension Expectation where Value == String {
  /// A step of a catalogue.
  static func step(_ catalogue: StepCatalogue) -> Expectation {
    step(PathContext(catalogue: catalogue, defaultPlace: nil, isBareHost: false))
  }
}

extension Expectation where Value == [CalibrationPlan.Row] {
  /// Probes with the steps that each contains and how often.
  static func matrixRows(_ catalogue: StepCatalogue) -> Expectation {
    Expectation("a mapping of probes and the steps that each contains") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      return entries.compactMap { entry in
        guard let parts = reader.entries(of: entry.value) else { return nil }
        var steps: [String: Double] = [:]
        for part in parts {
          if catalogue[part.key] == nil {
            reader.error(
              at: part.keyLocation, Wording.unknown("step", part.key, among: catalogue.steps.map(\.name)))
          }
          steps[part.key] = reader.read(part.value, .real("a number above 0, at most 1000") { $0 > 0 && $0 <= 1000 })
        }
        return CalibrationPlan.Row(probe: entry.key, steps: steps)
      }
    }
  }
}

/// The blocks of the runner's programs.
struct ProgramBlocks {
  let compute: String
  let blocks: [GuestOperation: String]
}

extension Expectation where Value == ProgramBlocks {
  /// The runner's block for each operation, and for `compute`.
  static var programBlocks: Expectation {
    Expectation("a mapping of compute and operations to blocks of the runner") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      var blocks: [GuestOperation: String] = [:]
      var compute: String?
      for entry in entries {
        let block = reader.read(entry.value, Expectation<String>.name)
        if entry.key == "compute" {
          compute = block
        } else if let operation = GuestOperation(name: entry.key), operation.mayStandInProgram {
          blocks[operation] = block
        } else {
          let known = ["compute"] + GuestOperation.allCases.filter(\.mayStandInProgram).map(\.name)
          reader.error(at: entry.keyLocation, Wording.unknown("operation", entry.key, among: known))
        }
      }
      guard let compute else {
        reader.error(at: node.location, "missing key 'compute' in the program; expected the block that computes")
        return nil
      }
      return ProgramBlocks(compute: compute, blocks: blocks)
    }
  }
}
