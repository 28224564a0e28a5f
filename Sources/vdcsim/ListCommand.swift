import ArgumentParser
import Documents
import Experiments
import Model
import Virtualization

/// `vdcsim list`.
struct ListCommand: AsyncParsableCommand {
  /// What can be listed.
  enum Subject: String, CaseIterable, ExpressibleByArgument {
    case designs, profiles, guests, workloads, devices, cases, experiments, policies, power, operations, steps
  }

  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List what the library has, and the policies and operations by name.",
    discussion: "Policies are those of a fleet, each under the key of 'policies' that takes it.")

  @Argument(help: ArgumentHelp(Subject.allCases.map(\.rawValue).joined(separator: ", ") + "."))
  var subject: Subject

  @OptionGroup var library: LibraryOptions

  func run() async throws {
    try await reportingFailures {
      if subject == .operations {
        show(
          GuestOperation.allCases.map { ($0.name, "\($0.meaning) (\($0.origin.rawValue), \($0.scope.rawValue))") })
        return
      }
      if subject == .policies {
        for entry in PolicyCatalogue.entries {
          print("\(entry.key):")
          show(entry.choices.map { ("  \($0.name)", $0.meaning) })
        }
        return
      }
      if subject == .cases {
        let paths = try CaseReader.paths(library: LibraryLoader.locate(explicit: library.folder))
        show(try paths.map { try CaseReader.read(path: $0) }.map { ($0.name, $0.title) })
        return
      }
      if subject == .experiments {
        let paths = try ExperimentReader.paths(library: LibraryLoader.locate(explicit: library.folder))
        show(try paths.map { try ExperimentReader.read(path: $0).plan }.map { ($0.name, $0.title) })
        return
      }
      let documents = try LibraryLoader.load(
        folder: LibraryLoader.locate(explicit: library.folder), digest: Digest.sha256)
      switch subject {
      case .designs: print(DesignTable.text(of: Array(documents.designs.values)))
      case .profiles:
        show(
          documents.profiles.values.map { ($0.name, "\($0.title); backend \($0.backend)") }.sorted { $0.0 < $1.0 })
      case .guests: show(documents.guests.values.map { ($0.name, $0.title) }.sorted { $0.0 < $1.0 })
      case .workloads:
        show(
          documents.workloads.values.map {
            ($0.name, $0.title.isEmpty ? $0.shape.name : "\($0.title) (\($0.shape.name))")
          }.sorted { $0.0 < $1.0 })
      case .devices: show(documents.devices.values.map { ($0.name, $0.summary) }.sorted { $0.0 < $1.0 })
      case .steps: show(documents.catalogue.steps.map { ($0.name, $0.meaning) })
      case .power:
        show(
          documents.powerCurves.values.map { curve in
            (curve.name, "\(curve.watts[0]) W idle to \(curve.watts[curve.watts.count - 1]) W; \(curve.source)")
          }.sorted { $0.0 < $1.0 })
      case .operations, .cases, .experiments, .policies: break
      }
    }
  }

  /// Prints names and texts in two columns, at most 80 wide.
  private func show(_ entries: [(name: String, text: String)]) {
    let width = (entries.map(\.name.count).max() ?? 0) + 2
    let indent = String(repeating: " ", count: width)
    for entry in entries {
      var lines = Explanation.wrapped(entry.text, indent: indent)
      lines[0] = entry.name + String(repeating: " ", count: width - entry.name.count) + lines[0].dropFirst(width)
      print(lines.joined(separator: "\n"))
    }
  }
}
