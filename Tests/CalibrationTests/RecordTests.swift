import Testing

@testable import Calibration

/// Lines as the probe runner writes them.
enum Line {
  static let machine = """
    {"record":"machine","backend":"pvm","nested_paging":false,"kvm_parameters":{"kvm.mmio_caching":"N"},"kvm_api":12,\
    "cpu_model":"Test \\"CPU\\"","family":"25","model":17,"stepping":"1","microcode":"0x1","kernel":"6.18.0",\
    "mitigations":{"meltdown":"Not affected"},"is_guest":true,"smt":"off","governor":"none","tsc_khz":2000000,\
    "cpus":2,"date":"2026-01-02T03:04:05Z","load":{"one":0.5,"five":0.4,"fifteen":0.3}}
    """

  static func probe(_ name: String, group: String = "port") -> String {
    #"{"record":"probe","name":"\#(name)","group":"\#(group)","operation":"","meaning":"m","expected":{}}"#
  }

  static func sample(
    _ probe: String, process: Int = 1, cycles: Int64, iterations: Int64 = 10, control: Int64 = 1000, kept: Bool = true
  ) -> String {
    let reason = kept ? "" : #","reason":"preempted""#
    return #"{"record":"sample","probe":"\#(probe)","process":\#(process),"index":0,"iterations":\#(iterations),"#
      + #""guest_cycles":\#(cycles),"outside_cycles":\#(cycles + 100),"outside_ns":\#(cycles / 2 + 50),"#
      + #""involuntary_switches":0,"kept":\#(kept)\#(reason),"control_cycles":\#(control),"slow_phase":false}"#
  }

  static func counters(_ probe: String, verdict: String = "passed") -> String {
    #"{"record":"counters","probe":"\#(probe)","process":1,"iterations":10,"delta":{"exits":10},"#
      + #""checks":[{"counter":"exits","expected":1,"seen":1,"passed":true}],"verdict":"\#(verdict)"}"#
  }

  static let end = #"{"record":"end","steal_ms":12,"load":{"one":1.5},"seconds":3.25,"interrupted":false}"#
}

struct RecordTests {
  @Test func readsTheMachine() throws {
    guard case .machine(let machine) = try ProbeRecord(line: Line.machine) else {
      Issue.record("no machine")
      return
    }
    #expect(machine.backend == "pvm")
    #expect(machine.cpuModel == "Test \"CPU\"")
    #expect(machine.mitigations == ["meltdown": "Not affected"])
    #expect(machine.load?.fifteen == 0.3)
    #expect(machine.family?.text == "25" && machine.model?.text == "17")
    // 2 GHz: two cycles a nanosecond.
    #expect(machine.nanoseconds(cycles: 3) == 1.5)
  }

  @Test func readsSamplesWithAndWithoutTheGuestsOwnTime() throws {
    guard case .sample(let sample) = try ProbeRecord(line: Line.sample("p", cycles: 400, kept: false)) else {
      Issue.record("no sample")
      return
    }
    #expect(sample.guestCycles == 400 && sample.outsideCycles == 500 && !sample.kept && sample.reason == "preempted")
    let outside = #"{"record":"sample","probe":"p","process":1,"iterations":2,"guest_cycles":null,"kept":true}"#
    guard case .sample(let other) = try ProbeRecord(line: outside) else {
      Issue.record("no sample")
      return
    }
    #expect(other.guestCycles == nil && other.controlCycles == nil)
  }

  @Test func passesOverKindsAndKeysThatItDoesNotKnow() throws {
    guard case .other("news") = try ProbeRecord(line: #"{"record":"news","a":[1]}"#) else {
      Issue.record("not other")
      return
    }
    guard case .skipped(let skipped) = try ProbeRecord(line: #"{"record":"skipped","probe":"p","reason":"r","x":1}"#)
    else {
      Issue.record("not skipped")
      return
    }
    #expect(skipped.reason == "r")
  }

  @Test(arguments: [
    "", "no JSON", "{", "[]", "{}", #"{"record":5}"#, #"{"record":"sample","probe":"p"}"#, "\u{0}\u{1}\u{2}",
    #"{"record":"machine","backend":"pvm"}"#,
  ])
  func refusesWhatIsNoRecord(line: String) {
    #expect(throws: ProbeRecordError.self) { try ProbeRecord(line: line) }
  }

  @Test func keepsGarbageApart() {
    var run = ProbeRun()
    for line in [Line.machine, "Segmentation fault", Line.probe("p"), "", Line.sample("p", cycles: 100)] {
      run.add(line: line)
    }
    #expect(run.garbage == ["Segmentation fault"])
    #expect(run["p"]?.samples.count == 1)
  }
}
