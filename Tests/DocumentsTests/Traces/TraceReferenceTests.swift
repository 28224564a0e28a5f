import Foundation
import Model
import Quantities
import Testing

@testable import Documents

/// What scenarios say of traces.
@Suite struct TraceReferenceTests {
  private func text(_ traces: [String]) -> String {
    ScenarioText(head: ["scenario: small", "duration: 10 s", "traces:"] + traces.map { "  " + $0 }).text
  }

  private func traces(_ lines: [String], edits: [String] = []) throws -> [TraceReference] {
    try read(text(lines), edits: edits.compactMap { DocumentEdit($0) }).scenario.traces
  }

  @Test func keys() throws {
    let read = try traces([
      "a: {file: day/x.tar.xz, format: planetlab, interval: 60 s, samples: 5}", "b:",
      "c: {file: ./d, format: azure, machine: {number: 3, cores: 64, memory: 512 GiB}}",
      "d: {format: opendc, memory_unit: KB, interval: 5 min}",
    ])
    #expect(read.map(\.name) == ["a", "b", "c", "d"])
    #expect(read[0].path == "day/x.tar.xz" && read[0].format == .planetlab && !read[0].isFromCommandLine)
    #expect(read[0].interval == .seconds(60) && read[0].samples == 5)
    #expect(read[1].path == nil && read[1].format == nil)
    #expect(read[2].machine?.cores == 64 && read[2].machine?.memory == ByteCount(bytes: 512 << 30))
    #expect(read[3].memoryUnit == .kilobytes && read[3].interval == .seconds(300))
  }

  @Test func commandLine() throws {
    let path = "../other: folder/#1, [x].tar.xz"
    for edit in ["trace=\(path)", "traces.a.file=\(path)"] {
      for line in ["a:", "a: {}", "a: {file: mine}", "a: {format: gwa}"] {
        let read = try traces([line], edits: [edit])
        #expect(read[0].path == path && read[0].isFromCommandLine, "\(edit) \(line)")
      }
    }
    #expect(
      faults(in: text(["a:", "b:"]), edits: ["trace=x"]) == [
        "--set trace:1:1: error: the scenario has 2 traces; expected traces.a.file or traces.b.file"
      ])
    #expect(
      faults(in: ScenarioText().text, edits: ["trace=x"]) == [
        "--set trace:1:1: error: the scenario has no traces, so that there is none to set"
      ])
    #expect(try traces(["a: {file: x}"], edits: ["traces.a.format=swf"])[0].format == .swf)
  }

  @Test func faultsOfKeys() {
    #expect(
      faults(
        in: text([
          "a: {file: /etc/passwd}", "b: {file: x/../../y}", "c: {file: ..}", "d: {file: \"\"}", "e: {fle: x}",
          "f: {format: csv}", "g: {format: swf, samples: 5}", "h: {format: azure}", "i: {format: gwa, memory_unit: KB}",
          "j: 5", "k: {file: x, interval: 0 s}",
        ])) == [
          "4:13: error: expected a path inside the scenario's folder, found '/etc/passwd'; other places are named on the "
            + "command line: --set traces.a.file=PATH",
          "5:13: error: expected a path inside the scenario's folder, found 'x/../../y'; other places are named on the "
            + "command line: --set traces.b.file=PATH",
          "6:13: error: expected a path inside the scenario's folder, found '..'; other places are named on the command "
            + "line: --set traces.c.file=PATH",
          "7:13: error: expected the path of a file or folder, found ''",
          "8:7: error: unknown key 'fle' in a trace (did you mean 'file'?)",
          "9:15: error: unknown format 'csv'; expected planetlab, gwa, opendc, azure or swf",
          "10:29: error: 'samples' belongs to the format planetlab, found it with swf",
          "11:6: error: missing key 'machine' in a trace of the format azure; expected a mapping with number, cores and "
            + "memory",
          "12:33: error: 'memory_unit' belongs to the format opendc, found it with gwa",
          "13:6: error: expected a mapping, found '5'",
          "14:26: error: expected a time above 0, found '0 s'",
        ])
  }

  @Test func engineForm() throws {
    let folder = try TemporaryFolder()
    let rest = " -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    try folder.write("log", "1 0 -1 10 2" + rest + "2 10 -1 20 3" + rest)
    let set = try #require(try folder.load("log").set.evened())
    // Ends are followed by silence.
    #expect(set.interval == .seconds(10) && set.values(0) == [100, 0] && set.values(1) == [100, 100, 0])
    try folder.write("d/vmType.csv", "vmTypeId,machineId,core,memory\n1,0,0.5,0.25\n")
    try folder.write("d/vm.csv", "vmId,vmTypeId,starttime,endtime\n0,1,0,1\n1,1,0.5,\n")
    let machine = TraceReference.Machine(number: 0, cores: 8, memory: ByteCount(bytes: 4))
    let requests = try #require(try folder.load("d", machine: machine).set.evened())
    #expect(requests.values(0) == [100] && requests.values(1) == [100])
    try folder.write("p/a", "5\n7\n")
    let plain = try folder.load("p", format: .planetlab, samples: 2).set
    #expect(plain.evened() === plain)
    let series = TraceSet(interval: .seconds(5), starts: [0, 2, 2, 3], samples: [1, 2, 3])
    #expect(series.count == 3 && series.values(0) == [1, 2] && series.values(1) == [] && series.values(2) == [3])
  }
}
