import CArchive
import Foundation
import Model
import Quantities
import Virtualization

@testable import Documents

extension TemporaryFolder {
  /// Writes an archive of files, `filter` being `gzip`, `xz` or nothing.
  func archive(_ name: String, _ files: [(name: String, content: Data)], filter: String? = nil) throws {
    let archive = archive_write_new()
    defer { archive_write_free(archive) }
    if let filter { archive_write_add_filter_by_name(archive, filter) }
    archive_write_set_format_ustar(archive)
    guard archive_write_open_filename(archive, "\(path)/\(name)") == ARCHIVE_OK else { throw POSIXError(.EIO) }
    for file in files {
      let entry = archive_entry_new()
      defer { archive_entry_free(entry) }
      archive_entry_set_pathname(entry, file.name)
      archive_entry_set_size(entry, la_int64_t(file.content.count))
      archive_entry_set_filetype(entry, 0o100000)
      archive_entry_set_perm(entry, 0o644)
      archive_write_header(archive, entry)
      file.content.withUnsafeBytes { _ = archive_write_data(archive, $0.baseAddress, $0.count) }
    }
    archive_write_close(archive)
  }

  /// Writes a single compressed file.
  func compressed(_ name: String, _ content: Data, filter: String) throws {
    let archive = archive_write_new()
    defer { archive_write_free(archive) }
    archive_write_add_filter_by_name(archive, filter)
    archive_write_set_format_raw(archive)
    guard archive_write_open_filename(archive, "\(path)/\(name)") == ARCHIVE_OK else { throw POSIXError(.EIO) }
    let entry = archive_entry_new()
    defer { archive_entry_free(entry) }
    archive_entry_set_filetype(entry, 0o100000)
    archive_write_header(archive, entry)
    content.withUnsafeBytes { _ = archive_write_data(archive, $0.baseAddress, $0.count) }
    archive_write_close(archive)
  }

  /// Reads a trace in this folder.
  func load(
    _ name: String, format: TraceReference.Format? = nil, interval: TimeSpan? = nil, samples: Int? = nil,
    machine: TraceReference.Machine? = nil, cache: TraceCache? = nil, bounds: TraceLimits = TraceLimits()
  ) throws -> LoadedTrace {
    let reference = TraceReference(
      name: "t", format: format, path: name.isEmpty ? path : "\(path)/\(name)", isFromCommandLine: true,
      interval: interval, samples: samples, machine: machine,
      location: SourceLocation(file: "s.yaml", line: 1, column: 1))
    return try TraceReader.load(reference, folder: path, cache: cache, bounds: bounds)
  }

  /// What is said of a trace in this folder.
  func traceFaults(
    _ name: String, format: TraceReference.Format? = nil, samples: Int? = nil,
    machine: TraceReference.Machine? = nil, bounds: TraceLimits = TraceLimits()
  ) -> [String] {
    faults { _ = try load(name, format: format, samples: samples, machine: machine, bounds: bounds) }
  }
}

extension TraceSet {
  /// All names in order.
  var allNames: [String] { (0..<count).map { name(of: $0) } }
  /// Samples of a VM.
  func values(_ entity: Int) -> [Float] { Array(samples(of: entity)) }
  /// Lengths of a VM's samples in seconds.
  func seconds(_ entity: Int) -> [Double] {
    sampleRange(of: entity).map { Double(lengths?[$0] ?? 1) * tick.seconds }
  }
  /// All content.
  var bytes: [UInt8] { Array(block) }
}

/// Files of the reference data, which lie beside the project where they are there at all.
enum ReferenceData {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("shared/data").path
  static let isPresent = FileManager.default.fileExists(atPath: folder + "/planetlab")
  static let comment = "the reference data is not at ../shared/data"

  static func load(_ name: String) throws -> TraceSet {
    let reference = TraceReference(
      name: "t", path: "\(folder)/\(name)", isFromCommandLine: true,
      location: SourceLocation(file: "s.yaml", line: 1, column: 1))
    return try TraceReader.load(reference).set
  }
}
