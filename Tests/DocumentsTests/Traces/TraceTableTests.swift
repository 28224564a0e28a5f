import Foundation
import Model
import Quantities
import Testing
import Virtualization

@testable import Documents

/// Traces written as tables read as the same demand.
@Suite struct TraceTableTests {
  private let location = SourceLocation(file: "t", line: 1, column: 1)

  private func tables(_ set: TraceSet) throws -> TraceTables {
    try TraceTables(
      set, speed: Frequency.parse("2 GHz"), memory: ByteCount.parse("3 GB"), location: location)
  }

  @Test func roundTrip() throws {
    let folder = try TemporaryFolder()
    try folder.write("a/b,c", "5\n7\n33\n")
    try folder.write("a/a", "0\n100\n1\n")
    let set = try folder.load("a", format: .planetlab, interval: .milliseconds(700), samples: 3).set
    let tables = try tables(set)
    #expect(
      String(decoding: tables.tasks, as: UTF8.self)
        == "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\na,0,2100,1,2000,3000\n\"b,c\",0,2100,1,2000,3000\n"
    )
    #expect(
      String(decoding: tables.fragments, as: UTF8.self)
        == "id,duration,cpu_usage\na,700,0\na,700,2000\na,700,20\n\"b,c\",700,100\n\"b,c\",700,140\n\"b,c\",700,660\n")
    try folder.write("b/tasks.csv", Data(tables.tasks))
    try folder.write("b/fragments.csv", Data(tables.fragments))
    let other = try folder.load("b").set
    #expect(other.allNames == set.allNames && other.tick == set.tick)
    for number in 0..<2 { #expect(other.values(number) == set.values(number)) }
    // A second time nothing is left to fill in, and the bytes stay the same.
    let again = try self.tables(other)
    #expect(again.tasks == tables.tasks && again.fragments == tables.fragments)
  }

  @Test func sharesSurviveTheDetour() throws {
    let folder = try TemporaryFolder()
    var fragments = "id,duration,cpu_usage\n"
    var generator = TraceMutationTests.Generator(state: 9)
    for _ in 0..<2000 { fragments += "1,1000,\(Double.random(in: 0...2926, using: &generator))\n" }
    try folder.write(
      "a/tasks.csv", "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,5,1,1,2926.000135,8\n")
    try folder.write("a/fragments.csv", fragments)
    let set = try folder.load("a").set
    let tables = try tables(set)
    try folder.write("b/tasks.csv", Data(tables.tasks))
    try folder.write("b/fragments.csv", Data(tables.fragments))
    #expect(try folder.load("b").set.values(0) == set.values(0))
  }

  @Test func requestsWithoutSamplesAskForAll() throws {
    let folder = try TemporaryFolder()
    try folder.write("d/vmType.csv", "vmTypeId,machineId,core,memory\n1,0,0.5,0.25\n")
    try folder.write("d/vm.csv", "vmId,vmTypeId,starttime,endtime\n0,1,0,1\n1,1,0.5,\n")
    let machine = TraceReference.Machine(number: 0, cores: 8, memory: ByteCount(bytes: 4_000_000_000))
    let set = try folder.load("d", machine: machine).set
    let tables = try tables(set)
    #expect(
      String(decoding: tables.tasks, as: UTF8.self).split(separator: "\n")[1...]
        == ["0,0,86400000,4,8000,1000", "1,43200000,43200000,4,8000,1000"])
    #expect(
      String(decoding: tables.fragments, as: UTF8.self).split(separator: "\n")[1...]
        == ["0,86400000,8000", "1,43200000,8000"])
    let summary = TraceSummary(set)
    #expect(summary.peakCount == 2 && summary.peakVCPUs == 8 && summary.usualVCPUs == 4)
    #expect(summary.span == .seconds(86_400) && summary.samples == 0)
  }

  @Test func figures() throws {
    let folder = try TemporaryFolder()
    let rest = " -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    // The second begins as the first ends, the third within the second.
    try folder.write("log", "1 0 -1 10 2" + rest + "2 10 -1 10 3" + rest + "3 15 -1 20 4" + rest)
    let summary = try TraceSummary(folder.load("log").set)
    #expect(summary.peakCount == 2 && summary.peakVCPUs == 7 && summary.span == .seconds(35))
    #expect(summary.meanDemand == 100 && summary.count == 3)
  }

  @Test func memoryUnits() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "d/tasks.csv", "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,1,1,1,8388608\n")
    try folder.write("d/fragments.csv", "id,duration,cpu_usage\n1,1,1\n")
    let trace = try folder.load("d")
    #expect(trace.set.entities[0].memory == 8_388_608_000_000)
    #expect(
      trace.warnings.map(\.message) == [
        "1 tasks have more than 4 TB of memory, taken as MB; state memory_unit: KB if it is that"
      ])
    let reference = TraceReference(
      name: "t", path: folder.path + "/d", isFromCommandLine: true, memoryUnit: .kilobytes, location: location)
    let other = try TraceReader.load(reference)
    #expect(other.set.entities[0].memory == 8 << 30 && other.warnings.isEmpty)
  }
}
