import Documents
import Foundation
import Model
import Testing

/// The lines of what `body` is refused for; none when it succeeds.
func faults(_ body: () throws -> Void) -> [String] {
  do {
    try body()
    return []
  } catch let error as DiagnosticError {
    return error.description.split(separator: "\n").map(String.init)
  } catch {
    return ["unexpected: \(error)"]
  }
}

/// A small scenario without faults, in which parts can be replaced. The parts of its groups start in lines 5, 11 and 16.
struct ScenarioText {
  var head = ["scenario: small", "duration: 10 s"]
  var host = ["cpu: {cores: 2, frequency: 2 GHz}", "memory: {size: 8 GiB}", "design: kvm-virtio", "profile: paper"]
  var vm = ["vcpus: 1", "memory: {size: 1 GiB}", "workload: web"]
  var workload = ["arrivals: {process: poisson, rate: 5/s}", "service: {distribution: exponential, mean: 1 ms}"]

  var text: String {
    let lines =
      head + ["hosts:", "- name: node"] + host.map { "  " + $0 } + ["vms:", "- name: vm"] + vm.map { "  " + $0 }
      + ["workloads:", "  web:"] + workload.map { "    " + $0 }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// Reads a scenario from text.
func read(_ text: String, edits: [DocumentEdit] = []) throws -> (scenario: Scenario, warnings: [Diagnostic]) {
  try ScenarioReader.read(bytes: Array(text.utf8), file: "s.yaml", edits: edits)
}

/// What is said of a scenario, without the name of the file.
func faults(in text: String, edits: [String] = []) -> [String] {
  let edits = edits.compactMap { DocumentEdit($0) }
  return faults { _ = try read(text, edits: edits) }
    .map { $0.hasPrefix("s.yaml:") ? String($0.dropFirst("s.yaml:".count)) : $0 }
}

/// A folder that is removed with this object.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("documents-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders that it needs.
  func write(_ name: String, _ text: String) throws {
    try write(name, Data(text.utf8))
  }

  func write(_ name: String, _ data: Data) throws {
    let url = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
  }

  /// Lines of faults without this folder's path.
  func faults(_ body: () throws -> Void) -> [String] {
    DocumentsTests.faults(body).map { $0.replacingOccurrences(of: path + "/", with: "") }
  }
}

/// The folder of the documents that come with the program.
let shippedFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("scenarios").path
