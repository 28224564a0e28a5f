import Foundation
import Model
import Quantities
import Testing

@testable import Documents

/// What each format means, on small files.
@Suite struct TraceFormatTests {
  private let week = (1...288).map { "\($0 % 101)" }.joined(separator: "\n") + "\n"

  @Test func planetLabFolderAndArchives() throws {
    let folder = try TemporaryFolder()
    let zeros = String(repeating: "0\n", count: 288)
    for (name, text) in [("b", week), ("a_x", zeros), ("B", zeros), (".hidden", "x"), ("a", zeros)] {
      try folder.write("day/\(name)", text)
    }
    let set = try folder.load("day").set
    // Bytes order upper case first, and a name before those it begins.
    #expect(set.allNames == ["B", "a", "a_x", "b"])
    #expect(set.values(3) == (1...288).map { Float($0 % 101) })
    #expect(set.tick == .seconds(300) && set.lengths == nil && set.sampleCount == 4 * 288)
    let files = [("day/b", week), ("day/a_x", zeros), ("day/B", zeros), ("day/a", zeros), ("day/._a", "x")]
      .map { (name: $0.0, content: Data($0.1.utf8)) }
    for (name, filter) in [("t.tar", nil), ("t.tar.gz", "gzip"), ("t.tar.xz", "xz"), ("any", "bzip2"), ("z", "zstd")] {
      try folder.archive(name, files, filter: filter)
      let trace = try folder.load(name)
      #expect(trace.set.bytes == set.bytes && trace.warnings.isEmpty, "\(name)")
    }
    try folder.write("short/a", "5\r\n7\r\n")
    let short = try folder.load("short", interval: .seconds(60), samples: 2).set
    #expect(short.values(0) == [5, 7] && short.tick == .seconds(60))
  }

  @Test func bitbrains() throws {
    let folder = try TemporaryFolder()
    let header =
      "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\tMemory usage [KB]\n"
    try folder.write("d/2.csv", header + "1000;\t4;\t4000.0;\t10.0;\t0.25;\t2048.0;\t7\n")
    try folder.write(
      "d/10.csv",
      header
        + "700;\t1;\t2599.5;\t26;\t1.5;\t1024;\t1\n1000;\t1;\t2600;\t0;\t2e1;\t1024;\t1\n1301;\t1;\t2600;\t0;\t100;\t1024;\t1\n"
    )
    let set = try folder.load("d").set
    #expect(set.allNames == ["10", "2"])
    #expect(set.values(0) == [1.5, 20, 100] && set.seconds(0) == [300, 301, 301])
    #expect(set.values(1) == [0.25] && set.seconds(1) == [300])
    #expect(set.entities[0].start == 0 && set.entities[1].start == 300_000_000_000 && set.origin == 700_000)
    #expect(set.entities[0].vcpus == 1 && set.entities[0].capacity == 2600 && set.entities[0].memory == 1 << 20)
    // True milliseconds, another order of columns, and no percentage.
    try folder.write(
      "m.csv",
      "CPU usage [MHZ];CPU cores;Timestamp [ms];CPU capacity provisioned [MHZ]\n500;2;1376314846000;2000\n1000;2;1376315146000;2000\n"
    )
    let other = try folder.load("m.csv").set
    #expect(other.values(0) == [25, 50] && other.tick == .seconds(300) && other.origin == 1_376_314_846_000)
  }

  @Test func openDC() throws {
    let folder = try TemporaryFolder()
    let tasks = """
      "id","submission_time","duration","cpu_count","cpu_capacity","mem_capacity"
      7,5000,90000,2,1000,8
      a-b,2000,60000,1,500.5,1.5
      9,2000,1,1,1,1

      """
    let fragments = """
      "id","duration","cpu_usage"
      a-b,30000,250.25
      7,60000,1000
      7,30000,10.5
      a-b,30000,0

      """
    try folder.write("d/tasks.csv", tasks)
    try folder.compressed("d-fragments", Data(fragments.utf8), filter: "xz")
    try FileManager.default.moveItem(atPath: folder.path + "/d-fragments", toPath: folder.path + "/d/fragments.csv.xz")
    let trace = try folder.load("d")
    let set = trace.set
    #expect(trace.format == .opendc && set.allNames == ["7", "a-b", "9"] && set.tick == .seconds(30))
    #expect(set.values(0) == [100, 1.05] && set.seconds(0) == [60, 30])
    #expect(set.values(1) == [50, 0] && set.seconds(1) == [30, 30] && set.values(2) == [])
    #expect(set.entities[0].start == 3_000_000_000 && set.entities[0].end == 93_000_000_000)
    #expect(set.entities[0].vcpus == 2 && set.entities[0].capacity == 1000 && set.entities[1].memory == 1_500_000)
    #expect(trace.warnings.map(\.message) == ["1 tasks have no fragments and ask for nothing"])
    #expect(try folder.load("d/tasks.csv").set.bytes == set.bytes)
    #expect(try folder.load("d/fragments.csv.xz").set.bytes == set.bytes)
    // The table of fragments may come first in an archive.
    try folder.archive(
      "t.tar.gz", [("x/fragments.csv", Data(fragments.utf8)), ("x/tasks.csv", Data(tasks.utf8))], filter: "gzip")
    #expect(try folder.load("t.tar.gz").set.bytes == set.bytes)
  }

  @Test func azure() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "d/vmType.csv",
      "id,vmTypeId,machineId,core,memory,hdd,ssd,nic\n0,12,0,0.5,0.25,,0.1,0\n1,12,3,0.125,0.5,,0.1,0\n2,13,3,1,1,,0,0\n3,14,0,1,1,,0,0\n"
    )
    try folder.write(
      "d/vm.csv",
      "vmId,tenantId,vmTypeId,priority,starttime,endtime\n0,1,12,0,-1.5,0.5\n1,1,13,1,0.25,\n2,1,14,1,1,2\n3,1,12,0,-3,-1\n"
    )
    let machine = TraceReference.Machine(number: 3, cores: 64, memory: ByteCount(bytes: 1 << 36))
    let trace = try folder.load("d", machine: machine)
    let set = trace.set
    #expect(trace.format == .azure && set.allNames == ["0", "1"] && set.sampleCount == 0)
    #expect(set.entities[0].vcpus == 8 && set.entities[0].memory == 1 << 35 && set.entities[1].vcpus == 64)
    #expect(set.entities[0].start == 0 && set.entities[0].end == 43_200_000_000_000)
    #expect(set.entities[1].start == 21_600_000_000_000 && set.entities[1].end == TraceSet.forever)
    #expect(trace.warnings.map(\.message) == ["1 requests are of types that machine 3 does not have; left out"])
    #expect(
      folder.traceFaults("d") == [
        "s.yaml:1:1: error: a packing trace has shares of a machine; expected machine: {number, cores, memory}"
      ])
  }

  @Test func swf() throws {
    let folder = try TemporaryFolder()
    let text = """
      ; Version: 2.2
      ;   UnixStartTime: 749458803
      ;
          1        0     -1   1451  128     -1    -1   -1     -1    -1 -1   1   1  -1 -1 -1 -1 -1
          2     1460     -1      0  128     -1    -1   -1     -1    -1 -1   1   1  -1 -1 -1 -1 -1
          5     5198     10    100   -1     25.5  2048   4  -1  1024 -1   1   1  -1 -1 -1 -1 -1

      """
    try folder.write("log", text)
    let trace = try folder.load("log")
    let set = trace.set
    #expect(trace.format == .swf && set.allNames == ["1", "5"] && set.origin == 749_458_803_000)
    #expect(set.values(0) == [100] && set.values(1) == [25.5] && set.seconds(0) == [1451] && set.seconds(1) == [100])
    #expect(set.entities[1].vcpus == 4 && set.entities[1].start == 5_198_000_000_000)
    #expect(set.entities[1].end == 5_298_000_000_000 && set.entities[1].memory == 8 << 20)
    #expect(trace.warnings.map(\.message) == ["1 jobs without a run time or processors; left out"])
    try folder.compressed("log.gz", Data(text.utf8), filter: "gzip")
    #expect(try folder.load("log.gz").set.bytes == set.bytes)
  }

  @Test func numbersAreRoundedCorrectly() throws {
    for text in [
      "0", "7", "0.1", "19.06666159933333", "110448.53333333334", "2599.999309", "1e22", "1.5E-3", "9007199254740993",
      "0.30000000000000004", "123456789012345678901234567890", "0.000000000000000000000000000001", "-3.25", "5.", ".5",
    ] {
      let parsed = Array(text.utf8).withUnsafeBufferPointer {
        TextField(start: $0.baseAddress!, count: $0.count).number
      }
      #expect(parsed == Double(text.hasSuffix(".") ? text + "0" : text), "\(text)")
    }
    for text in ["", "-", ".", "nan", "NaN", "inf", "-inf", "1e400", "0x10", "1 2", "1,5", "--1", "1e", "e5", "١"] {
      let bytes = Array(text.utf8) + [0]
      let parsed = bytes.withUnsafeBufferPointer { TextField(start: $0.baseAddress!, count: $0.count - 1).number }
      #expect(parsed == nil, "\(text)")
    }
  }

  @Test func resampling() throws {
    let folder = try TemporaryFolder()
    try folder.write("d/tasks.csv", "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,9,1,100,1\n")
    try folder.write("d/fragments.csv", "id,duration,cpu_usage\n1,1000,10\n1,4000,40\n1,1000,70\n1,500,100\n")
    let set = try folder.load("d").set
    #expect(set.tick == .milliseconds(500) && set.usualLength == .seconds(1))
    let coarse = try #require(set.resampled(every: .seconds(2)))
    // (10 + 40) / 2, 40, (40 + 70) / 2, and a half second of 100 in two.
    #expect(coarse.values(0) == [25, 40, 55, 25] && coarse.lengths == nil && coarse.tick == .seconds(2))
    let fine = try #require(set.resampled(every: .milliseconds(250)))
    #expect(fine.sampleCount == 26 && fine.values(0)[3...5] == [10, 40, 40])
    #expect(set.resampled(every: .milliseconds(250), limit: 25) == nil)
  }
}
