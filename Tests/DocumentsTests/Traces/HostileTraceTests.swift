import CArchive
import Foundation
import Model
import Quantities
import Testing

@testable import Documents

/// What goes wrong with traces, by reader: each damage ends in located faults or in the same demand, never in another one.
@Suite struct HostileTraceTests {
  typealias Format = TraceReference.Format

  /// The files of a good trace of a format: the first is the one that is damaged.
  static func files(_ format: Format) -> [(name: String, text: String)] {
    let job = " -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    switch format {
    case .planetlab: return [("a", "5\n17\n100\n"), ("b", "0\n1\n2\n")]
    case .gwa:
      let header =
        "Timestamp [ms];CPU cores;CPU capacity provisioned [MHZ];CPU usage [MHZ];CPU usage [%];Memory capacity provisioned [KB]\n"
      return [
        ("1.csv", header + "300;1;2000;100;5;1024\n600;1;2000;140;7;1024\n"),
        ("2.csv", header + "300;1;2000;1;1;2048\n"),
      ]
    case .opendc:
      return [
        ("fragments.csv", "id,duration,cpu_usage\n1,300,2\n1,600,3.5\n2,300,1\n"),
        (
          "tasks.csv", "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,5,900,1,7,8\n2,5,300,1,7,8\n"
        ),
      ]
    case .azure:
      return [
        ("vm.csv", "vmId,vmTypeId,starttime,endtime\n0,1,-0.5,2.25\n1,2,1,\n"),
        ("vmType.csv", "vmTypeId,machineId,core,memory\n1,0,0.5,0.25\n2,0,1,1\n"),
      ]
    case .swf: return [("log", "; UnixStartTime: 5\n1 0 -1 10 2" + job + "2 5 -1 20 3" + job)]
    }
  }

  private static let machine = TraceReference.Machine(number: 0, cores: 8, memory: ByteCount(bytes: 1 << 30))

  private func load(_ folder: TemporaryFolder, _ format: Format?, _ name: String = "t") throws -> LoadedTrace {
    try folder.load(name, format: format, samples: 3, machine: Self.machine)
  }

  private func write(_ format: Format, to folder: TemporaryFolder, _ damage: (String) -> String = { $0 }) throws {
    for (index, file) in Self.files(format).enumerated() {
      try folder.write("t/\(file.name)", index == 0 ? damage(file.text) : file.text)
    }
  }

  /// What a damaged trace is refused with; every fault has a file, a line and a column.
  private func faults(_ format: Format, _ folder: TemporaryFolder, _ name: String = "t") -> [String] {
    let found = folder.traceFaults(name, format: format, samples: 3, machine: Self.machine)
    for fault in found {
      #expect(
        fault.range(of: #"^\S+:[0-9]+:[0-9]+: (error|warning): "#, options: .regularExpression) != nil,
        "\(format): \(fault)")
    }
    return found.filter { $0.contains(": error: ") }
  }

  @Test("Damaged texts are refused where they are damaged", arguments: Format.allCases)
  func damaged(format: Format) throws {
    let folder = try TemporaryFolder()
    let good = Self.files(format)[0].text
    let lines = good.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let last = lines[lines.count - 2]
    /// The last line with a field, from the end, replaced.
    func replaced(_ field: Int, _ value: String) -> String {
      let separator: Character = [.planetlab: " ", .gwa: ";", .swf: " "][format] ?? ","
      var fields = last.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
      fields[field] = value
      return good.replacingOccurrences(of: last + "\n", with: fields.joined(separator: String(separator)) + "\n")
    }
    // A field that holds a number which may not be any.
    let field: Int = [.planetlab: 0, .gwa: 4, .opendc: 2, .azure: 2, .swf: 3][format]!
    for value in ["nan", "NaN", "inf", "-inf", "-2", "1e308", "1e400", "0x10", "--1", "1,5,", "", "٣", "\u{0}5"] {
      // Times before the trace begins are times, comments are comments, and tables may have more columns.
      if format == .azure, value == "-2" { continue }
      if [.opendc, .azure].contains(format), value == "1,5," { continue }
      try write(format, to: folder) { _ in replaced(field, value) }
      let found = faults(format, folder)
      #expect(!found.isEmpty && found[0].contains("t/\(Self.files(format)[0].name):"), "\(format) '\(value)': \(found)")
    }
    let damages: [(String, String)] = [
      ("empty", ""), ("blank lines", "\n\n\n"), ("one long line", String(repeating: "9", count: 100_000) + "\n"),
      (
        "binary",
        String(decoding: (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) & 127 }, as: UTF8.self)
      ),
      ("a line of separators", good + ";;;,,,   ;;;\n"),
      ("cut in a line", String(good.dropLast(last.utf8.count + 2))),
    ]
    for (name, text) in damages {
      try write(format, to: folder) { _ in text }
      if name == "a line of separators", format == .swf { continue }
      // A cut at the end of a line leaves less, which only a fixed number of samples shows.
      if name == "cut in a line", format != .planetlab {
        let set = try? load(folder, format).set
        #expect((set?.count ?? 0) >= 1 || !faults(format, folder).isEmpty, "\(format), \(name)")
        continue
      }
      #expect(!faults(format, folder).isEmpty, "\(format), \(name)")
    }
  }

  @Test("Lines out of order are refused", arguments: [Format.gwa, .swf])
  func misordered(format: Format) throws {
    let folder = try TemporaryFolder()
    try write(format, to: folder) { text in
      var lines = text.split(separator: "\n").map(String.init)
      lines.swapAt(lines.count - 1, lines.count - 2)
      return lines.joined(separator: "\n") + "\n"
    }
    #expect(faults(format, folder).count == 1)
  }

  @Test("Line ends of Windows, a byte order mark and compression change nothing", arguments: Format.allCases)
  func harmless(format: Format) throws {
    let folder = try TemporaryFolder()
    try write(format, to: folder)
    let expected = try load(folder, format).set.bytes
    for damage: (String) -> String in [
      { $0.replacingOccurrences(of: "\n", with: "\r\n") }, { "\u{FEFF}" + $0 }, { $0 + "\n\n" },
    ] {
      try write(format, to: folder, damage)
      #expect(try load(folder, format).set.bytes == expected, "\(format)")
      #expect(try load(folder, nil).set.bytes == expected, "\(format), told by its content")
    }
    let packed = Self.files(format).map { (name: "x/\($0.name)", content: Data($0.text.utf8)) }
    for filter in [nil, "gzip", "xz", "bzip2", "zstd"] {
      try folder.archive("p", packed, filter: filter)
      #expect(try load(folder, format, "p").set.bytes == expected, "\(format) \(filter ?? "tar")")
    }
  }

  @Test("Names in archives are names: nothing is written, and links are no files", arguments: Format.allCases)
  func names(format: Format) throws {
    let folder = try TemporaryFolder()
    try write(format, to: folder)
    let expected = try load(folder, format).set.bytes
    let outside = "/tmp/vdcsim-hostile-\(UUID())"
    for prefix in ["/etc/", "../../../", outside + "/", "a/../../"] {
      try folder.archive(
        "p.tar", Self.files(format).map { (name: prefix + $0.name, content: Data($0.text.utf8)) })
      #expect(try load(folder, format, "p.tar").set.bytes == expected, "\(prefix)")
    }
    #expect(!FileManager.default.fileExists(atPath: outside))
    // Links, folders and devices beside the files are passed over.
    let archive = archive_write_new()
    archive_write_set_format_ustar(archive)
    #expect(archive_write_open_filename(archive, folder.path + "/l.tar") == ARCHIVE_OK)
    for (name, kind) in [("x/link", 0o120000), ("x/folder", 0o040000), ("x/null", 0o020000)] {
      let entry = archive_entry_new()
      archive_entry_set_pathname(entry, name)
      archive_entry_set_filetype(entry, UInt32(kind))
      archive_entry_set_symlink(entry, "/etc/passwd")
      archive_entry_set_size(entry, 0)
      archive_write_header(archive, entry)
      archive_entry_free(entry)
    }
    for file in Self.files(format) {
      let entry = archive_entry_new()
      archive_entry_set_pathname(entry, "x/" + file.name)
      archive_entry_set_filetype(entry, 0o100000)
      archive_entry_set_size(entry, la_int64_t(file.text.utf8.count))
      archive_write_header(archive, entry)
      Array(file.text.utf8).withUnsafeBytes { _ = archive_write_data(archive, $0.baseAddress, $0.count) }
      archive_entry_free(entry)
    }
    archive_write_close(archive)
    archive_write_free(archive)
    #expect(try load(folder, format, "l.tar").set.bytes == expected)
  }

  @Test("Archives that are cut, or that expand a thousandfold, end at a place or a bound", arguments: Format.allCases)
  func archives(format: Format) throws {
    let folder = try TemporaryFolder()
    let packed = Self.files(format).map { (name: $0.name, content: Data($0.text.utf8)) }
    for filter in ["gzip", "xz", "bzip2", "zstd"] {
      try folder.archive("p", packed, filter: filter)
      let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/p"))
      try folder.write("cut", whole.prefix(whole.count * 2 / 3))
      #expect(!faults(format, folder, "cut").isEmpty, "\(filter)")
    }
    // Blank lines are passed over, so that only the bound ends them.
    let lines = Data(repeating: 10, count: 40 << 20)
    try folder.archive("bomb", [(name: Self.files(format)[0].name, content: lines)] + packed, filter: "xz")
    let found = faults(format, folder, "bomb")
    #expect(found.contains { $0.contains("expands to more than 256 times its size") }, "\(format): \(found)")
  }

  @Test(
    "A folder in the place of a file, a file in the place of a folder, and what cannot be read",
    arguments: Format.allCases)
  func places(format: Format) throws {
    let folder = try TemporaryFolder()
    for file in Self.files(format) { try folder.write("t/\(file.name)/inner", "x") }
    let found = folder.traceFaults("t", format: format, samples: 3, machine: Self.machine)
    #expect(!found.isEmpty && !found[0].isEmpty, "\(format)")
    try folder.write("plain", "x\n")
    #expect(!folder.traceFaults("plain/below", format: format, samples: 3, machine: Self.machine).isEmpty)
    #expect(
      folder.traceFaults("absent", format: format, samples: 3, machine: Self.machine)[0].hasSuffix(
        "no such file or folder"))
    #expect(!folder.traceFaults("../../../../../dev/null", format: format, samples: 3, machine: Self.machine).isEmpty)
    guard geteuid() != 0 else { return }
    try write(format, to: folder)
    chmod(folder.path + "/t/" + Self.files(format)[0].name, 0)
    #expect(!folder.traceFaults("t", format: format, samples: 3, machine: Self.machine).isEmpty)
  }
}
