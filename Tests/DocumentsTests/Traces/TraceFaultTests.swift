import Foundation
import Model
import Quantities
import Testing

@testable import Documents

/// Hostile traces end in located faults or at a bound.
@Suite struct TraceFaultTests {
  private func day(_ changes: [Int: String] = [:], count: Int = 288) -> String {
    (1...count).map { (changes[$0] ?? "5") + "\n" }.joined()
  }

  @Test func planetLab() throws {
    let folder = try TemporaryFolder()
    try folder.write("d/a", day([3: "nan", 5: "-1", 6: "101", 7: "1 2", 9: "1.5"]))
    try folder.write("d/b", day(count: 287))
    try folder.write("d/c", day(count: 289))
    try folder.write("d/e", "")
    #expect(
      folder.traceFaults("d", format: .planetlab) == [
        "d/a:3:1: error: expected one integer from 0 to 100 in a line, found 'nan'",
        "d/a:5:1: error: expected one integer from 0 to 100 in a line, found '-1'",
        "d/a:6:1: error: expected one integer from 0 to 100 in a line, found '101'",
        "d/a:7:3: error: expected one integer from 0 to 100 in a line, found '2'",
        "d/a:9:1: error: expected one integer from 0 to 100 in a line, found '1.5'",
        "d/b:288:1: error: expected 288 samples, found 287",
        "d/c:289:1: error: expected 288 samples, found more",
        "d/e:1:1: error: expected 288 samples, found 0",
      ])
    try folder.archive("t.tar.gz", [("x/a", Data(day([288: "?"]).utf8))], filter: "gzip")
    #expect(
      folder.traceFaults("t.tar.gz") == [
        "t.tar.gz!x/a:288:1: error: expected one integer from 0 to 100 in a line, found '?'"
      ])
    try folder.archive("twice.tar", [("x/a", Data(day().utf8)), ("y/a", Data(day().utf8))])
    #expect(
      folder.traceFaults("twice.tar") == ["twice.tar:1:1: error: VM 'a' is there twice; expected each once"])
    try folder.write("many/a", String(repeating: "x\n", count: 1000))
    #expect(folder.traceFaults("many", format: .planetlab).count == 20)
  }

  @Test func bitbrains() throws {
    let folder = try TemporaryFolder()
    let header = "Timestamp [ms];CPU cores;CPU capacity provisioned [MHZ];CPU usage [%]\n"
    try folder.write(
      "a.csv",
      header + "300;1;2000;5\n300;1;2000;5\n200;1;2000;5\n600;-1;2000;5\n900;1;inf;5\n1200;1;2000;NaN\n1500;1;2000\n"
        + "x;1;2000;5")
    #expect(
      folder.traceFaults("a.csv") == [
        "a.csv:3:1: error: expected a time stamp after 300, found '300'",
        "a.csv:4:1: error: expected a time stamp after 300, found '200'",
        "a.csv:5:5: error: expected a number of cores from 0 to 1000000, found '-1'",
        "a.csv:6:7: error: expected a capacity in MHz of 0 or more, found 'inf'",
        "a.csv:7:13: error: expected a usage of 0 or more, found 'NaN'",
        "a.csv:8:12: error: expected at least 4 fields, found 3",
        "a.csv:9:1: error: expected a time stamp of digits, found 'x'",
        "a.csv:9:1: warning: the last line has no end: the file may be cut off",
      ])
    try folder.write("b.csv", header)
    #expect(folder.traceFaults("b.csv") == ["b.csv:2:1: error: expected a header and at least one row, found none"])
    try folder.write("c.csv", "a;b\n1;2\n")
    #expect(
      folder.traceFaults("c.csv", format: .gwa) == [
        "c.csv:1:1: error: expected a header with Timestamp, CPU cores, CPU capacity provisioned and CPU usage between "
          + "semicolons"
      ])
  }

  @Test func openDC() throws {
    let folder = try TemporaryFolder()
    let header = "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n"
    try folder.write(
      "d/tasks.csv",
      header + "1,0,5,1,100,1\n1,0,5,1,100,1\n2,-5,5,1,100,1\n3,0,5,1,0,1\n,0,5,1,100,1\n4,0\n5,0,1e3,1,100,1\n")
    try folder.write(
      "d/fragments.csv", "id,duration,cpu_usage\n1,5,1\n9,5,1\n1,0,1\n1,5,-1\n1,99999999999999999999,1\n1,5\n")
    #expect(
      folder.traceFaults("d") == [
        "d/fragments.csv:3:1: error: expected the id of a task, found '9'",
        "d/fragments.csv:4:3: error: expected a duration in ms above 0, in all up to 100 years, found '0'",
        "d/fragments.csv:5:5: error: expected a usage in MHz of 0 or more, found '-1'",
        "d/fragments.csv:6:3: error: expected a duration in ms above 0, in all up to 100 years, found "
          + "'99999999999999999999'",
        "d/fragments.csv:7:4: error: expected at least 3 fields, found 2",
        "d/tasks.csv:3:1: error: expected an id of its own, found '1'",
        "d/tasks.csv:4:3: error: expected a time in ms of 0 or more, found '-5'",
        "d/tasks.csv:5:9: error: expected a capacity in MHz above 0, found '0'",
        "d/tasks.csv:6:1: error: expected an id of 1 to 128 bytes, found ''",
        "d/tasks.csv:7:4: error: expected at least 6 fields, found 2",
        "d/tasks.csv:8:5: error: expected a duration in ms from 0 to 100 years, found '1e3'",
      ])
    try folder.write("e/tasks.csv", header + "1,0,5,1,100,1\n")
    #expect(
      folder.traceFaults("e") == ["e:1:1: error: expected a file fragments.csv, plain or compressed, found none"])
    try folder.write("e/fragments.csv", "id,duration,cpu_usage\n1,5,1\n")
    try folder.compressed("e/fragments.csv.gz", Data("id,duration,cpu_usage\n1,5,2\n".utf8), filter: "gzip")
    #expect(
      folder.traceFaults("e") == [
        "e:1:1: error: expected one file fragments.csv, plain or compressed, found 'fragments.csv' and 'fragments.csv.gz'"
      ])
    try folder.write("f/tasks.csv", "x\n")
    try folder.write("f/fragments.csv", "")
    #expect(
      folder.traceFaults("f") == [
        "f/fragments.csv:1:1: error: expected a header and fragments, found none",
        "f/tasks.csv:1:1: error: expected a header with id, submission_time, duration, cpu_count, cpu_capacity and "
          + "mem_capacity",
      ])
  }

  @Test func azureAndSWF() throws {
    let folder = try TemporaryFolder()
    try folder.write("d/vmType.csv", "vmTypeId,machineId,core,memory\n1,0,1.5,0.5\n2,0,0.5,nan\n3,0,1,1\n3,0,1,1\n")
    try folder.write("d/vm.csv", "vmId,vmTypeId,starttime,endtime\n0,3,x,1\n1,3,2,1\n2,3,99999,\n3,3,1,NULL\n")
    let machine = TraceReference.Machine(number: 0, cores: 4, memory: ByteCount(bytes: 4))
    #expect(
      folder.traceFaults("d", machine: machine) == [
        "d/vm.csv:2:5: error: expected a time in days, up to 36525, found 'x'",
        "d/vm.csv:3:7: error: expected an end not before the start, found '1'",
        "d/vm.csv:4:5: error: expected a time in days, up to 36525, found '99999'",
        "d/vmType.csv:2:5: error: expected a share of the machine above 0 and up to 1, found '1.5'",
        "d/vmType.csv:3:9: error: expected a share of the machine above 0 and up to 1, found 'nan'",
        "d/vmType.csv:5:1: error: expected one size of a type on a machine, found '3'",
      ])
    let rest = " 1 -1 -1 1 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    try folder.write(
      "log", "1 10 -1 5" + rest + "2 9 -1 5" + rest + "3 10 -1 nan" + rest + "4 11 -1 5\n5 10 -1 1e12" + rest)
    #expect(
      folder.traceFaults("log") == [
        "log:2:3: error: expected a time of submission not before that of the job above, 10, found '9'",
        "log:3:9: error: expected a number of 0 or more, or -1, found 'nan'",
        "log:4:10: error: expected 18 fields, found 4",
        "log:5:9: error: expected a run time of at most 2147483647 s, found '1e12'",
      ])
  }

  @Test func damagedAndOtherFiles() throws {
    let folder = try TemporaryFolder()
    try folder.write("empty", "")
    #expect(folder.traceFaults("empty").count == 1)
    for format in TraceReference.Format.allCases {
      let machine = TraceReference.Machine(number: 0, cores: 4, memory: ByteCount(bytes: 4))
      #expect(!folder.traceFaults("empty", format: format, machine: machine).isEmpty, "\(format)")
    }
    try folder.write("binary", Data((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }))
    #expect(!folder.traceFaults("binary").isEmpty)
    try folder.write("line", String(repeating: "5", count: 100_000))
    #expect(
      folder.traceFaults("line", format: .planetlab) == [
        "line:1:4097: error: expected lines of at most 4096 bytes", "line:2:1: error: expected 288 samples, found 0",
      ])
    try folder.archive("t.tar.xz", [("d/a", Data(day().utf8)), ("d/b", Data(day().utf8))], filter: "xz")
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/t.tar.xz"))
    try folder.write("cut.tar.xz", whole.prefix(whole.count / 2))
    let cut = folder.traceFaults("cut.tar.xz")
    #expect(cut.count == 1 && cut[0].hasPrefix("cut.tar.xz"), "\(cut)")
    #expect(faults { _ = try folder.load("absent") } == ["\(folder.path)/absent: error: no such file or folder"])
    #expect(
      faults { _ = try TemporaryFolder().load("../../../../dev/zero", format: .swf) }.first?.hasSuffix(
        "it is no regular file") ?? false)
  }

  @Test func bombs() throws {
    let folder = try TemporaryFolder()
    let zeros = Data(count: 40 << 20)
    let numbers = Data(String(repeating: "0\n", count: 20 << 20).utf8)
    try folder.compressed("zeros.gz", zeros, filter: "gzip")
    try folder.compressed("numbers.xz", numbers, filter: "xz")
    try folder.archive("t.tar.gz", [("a", Data(day().utf8)), ("b", zeros)], filter: "gzip")
    #expect(
      folder.traceFaults("zeros.gz", format: .planetlab)[0]
        == "zeros.gz:1:1: error: expected a trace of at least one VM, found none")
    #expect(
      folder.traceFaults("numbers.xz", samples: 100_000_000).first { $0.contains("256") }
        == "numbers.xz:8388609:1: error: expands to more than 256 times its size; expected a trace")
    #expect(folder.traceFaults("t.tar.gz")[0] == "t.tar.gz!b:1:4097: error: expected lines of at most 4096 bytes")
    var bounds = TraceLimits()
    bounds.expandedBytes = 1000
    #expect(
      folder.traceFaults("t.tar.gz", bounds: bounds) == [
        "t.tar.gz!b:1:1: error: a trace has at most 1000 bytes once it is expanded"
      ])
    bounds = TraceLimits()
    bounds.files = 1
    #expect(
      folder.traceFaults("t.tar.gz", bounds: bounds) == [
        "t.tar.gz!a:1:1: error: an archive or folder has at most 1 files"
      ])
  }

  @Test("A last line without an end is a fault where other files' have one, else a warning")
  func lastLines() throws {
    let folder = try TemporaryFolder()
    try folder.write("d/a", day())
    try folder.write("d/b", String(day([288: "56"]).dropLast(2)))
    try folder.write("d/c", day())
    #expect(
      folder.traceFaults("d") == [
        "d/b:288:1: error: expected a last line with an end, as other files have it: the file is cut off"
      ])
    for name in ["a", "b", "c"] { try folder.write("e/\(name)", String(day().dropLast())) }
    #expect(
      try folder.load("e").warnings.map(\.description) == [
        "\(folder.path)/e/a:288:1: warning: the last line has no end, like that of 2 other files: the file may be cut off"
      ])
    let header = "Timestamp [ms];CPU cores;CPU capacity provisioned [MHZ];CPU usage [%]\n"
    try folder.write("g/1.csv", header + "300;1;2000;5\n600;1;2000;12.5\n")
    try folder.write("g/2.csv", header + "300;1;2000;5\n600;1;2000;12")
    #expect(
      folder.traceFaults("g") == [
        "g/2.csv:3:1: error: expected a last line with an end, as other files have it: the file is cut off"
      ])
    #expect(try folder.load("g/2.csv").warnings.count == 1)
    try folder.write("o/tasks.csv", "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,5,1,100,1\n")
    try folder.write("o/fragments.csv", "id,duration,cpu_usage\n1,5,12")
    #expect(
      try folder.load("o").warnings.map(\.description) == [
        "\(folder.path)/o/fragments.csv:2:1: warning: the last line has no end: the file may be cut off"
      ])
    try folder.write("log", "1 0 -1 5 2 -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1")
    #expect(try folder.load("log", format: .swf).warnings.count == 1)
  }

  @Test("Archives that were cut between two files, or at their last bytes, are refused")
  func cutArchives() throws {
    let folder = try TemporaryFolder()
    try folder.archive("t.tar", ["a", "b", "c"].map { ("x/\($0)", Data(day().utf8)) })
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/t.tar"))
    // A file of 576 bytes takes a block for its header and two for its content.
    try folder.write("cut.tar", whole.prefix(2 * 3 * 512))
    let expected = "!x/b:1:1: error: expected the end of the archive after this file, found none: it is cut off"
    #expect(folder.traceFaults("cut.tar") == ["cut.tar" + expected])
    try folder.compressed("cut.tar.xz", whole.prefix(2 * 3 * 512), filter: "xz")
    #expect(folder.traceFaults("cut.tar.xz") == ["cut.tar.xz" + expected])
    // One block of zeros of the two is an end to most readers.
    try folder.write("short.tar", whole.prefix(3 * 3 * 512 + 512))
    #expect(try folder.load("short.tar").set.count == 3)
    for size in [2 * 3 * 512 - 100, 2 * 3 * 512 + 100, 2 * 3 * 512 + 512] {
      try folder.write("cut.tar", whole.prefix(size))
      #expect(!folder.traceFaults("cut.tar").isEmpty, "\(size) bytes")
    }
    try folder.compressed("t.gz", Data(day().utf8), filter: "gzip")
    let packed = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/t.gz"))
    try folder.write("cut.gz", packed.dropLast(4))
    #expect(folder.traceFaults("cut.gz").last?.hasSuffix("cannot be expanded: it is cut off or damaged") ?? false)
  }

  @Test("An interval that would make too many samples is a fault of the trace's key")
  func shortInterval() throws {
    let folder = try TemporaryFolder()
    let log = "1 0 -1 50000 2 -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    try folder.write("log", log)
    try folder.write(
      "s.yaml",
      """
      scenario: short
      duration: 1 h
      hosts:
        - {name: node, cpu: {cores: 2, frequency: 2 GHz}, memory: {size: 4 GiB}, design: ideal, profile: p}
      vms:
        - {name: vm, trace: t, workload: demand}
      traces:
        t: {file: log, format: swf, interval: 1 us}
      workloads:
        demand: {utilization: trace}
      """)
    let scenario = try ScenarioReader.read(path: folder.path + "/s.yaml").scenario
    let found = folder.faults { _ = try TraceLoader.load(scenario, folder: folder.path) }
    let expected = "s.yaml:8:13: error: trace 't' has more than 1073741824 samples of 1 us"
    #expect(found.count == 1 && found[0].contains(expected), "\(found)")
  }

  @Test func pathsOfScenariosStayInside() throws {
    let folder = try TemporaryFolder()
    try folder.write("s/day/a", day())
    try folder.write("out/a", day())
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/s/link", withDestinationPath: "../out")
    func reference(_ path: String?) -> TraceReference {
      TraceReference(name: "t", path: path, location: .init(file: "s.yaml", line: 3, column: 5))
    }
    #expect(try TraceReader.load(reference("day"), folder: folder.path + "/s").set.count == 1)
    #expect(
      folder.faults { _ = try TraceReader.load(reference("link"), folder: folder.path + "/s") } == [
        "s.yaml:3:5: error: trace 't' leads out of the scenario's folder; name it on the command line instead"
      ])
    #expect(
      folder.faults { _ = try TraceReader.load(reference(nil), folder: folder.path + "/s") } == [
        "s.yaml:3:5: error: trace 't' has no file; expected 'file' here, or --set traces.t.file=PATH"
      ])
  }
}
