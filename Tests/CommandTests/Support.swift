import Foundation

/// Running the command as a user would.
enum Command {
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String
  }

  /// The project's root.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The executable beside the tests.
  static let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("vdcsim")

  /// The build without optimization, if there is one.
  static let debug = root.appendingPathComponent(".build/debug/vdcsim")

  /// The release build, if `make release` has made one.
  static let release = root.appendingPathComponent(".build/release/vdcsim")

  static func run(
    _ arguments: String..., in folder: URL = root, executable: URL = executable, environment: [String: String] = [:]
  ) throws -> Outcome {
    try run(arguments, in: folder, executable: executable, environment: environment)
  }

  static func run(
    _ arguments: [String], in folder: URL = root, executable: URL = executable, environment: [String: String] = [:]
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = try TemporaryFile()
    let errors = try TemporaryFile()
    process.standardOutput = output.handle
    process.standardError = errors.handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return Outcome(status: process.terminationStatus, output: output.text, errors: errors.text)
  }

  /// A fresh folder that `body` may fill; removed afterwards.
  static func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vdcsim-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  /// The bytes of all files of a folder by name.
  static func files(in folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appendingPathComponent($0))) })
  }
}

/// A file for a process's output, so that no pipe can fill up.
private final class TemporaryFile {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("vdcsim-\(UUID().uuidString)")
  let handle: FileHandle

  init() throws {
    try Data().write(to: url)
    handle = try FileHandle(forWritingTo: url)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  var text: String { (try? String(contentsOf: url, encoding: .utf8)) ?? "" }
}
