import Foundation
import Testing

/// `vdcsim calibrate` without measuring: from records of a runner, and its failures.
struct CalibrateCommandTests {
  /// Records of a runner whose probes take known times, in nanoseconds at 2 GHz.
  static func records(_ times: [(probe: String, nanoseconds: Double)], extra: [String] = []) -> String {
    var lines = [
      #"{"record":"machine","backend":"pvm","nested_paging":false,"cpu_model":"Test CPU","kernel":"6.18","tsc_khz":2000000,"#
        + #""date":"2026-01-02T03:04:05Z","load":{"one":0.5}}"#
    ]
    for (probe, time) in times {
      lines.append(#"{"record":"probe","name":"\#(probe)","group":"port","operation":"","meaning":"m"}"#)
      for process in 1...2 {
        for _ in 0..<61 {
          lines.append(
            #"{"record":"sample","probe":"\#(probe)","process":\#(process),"iterations":1000,"guest_cycles":"#
              + "\(Int(time * 2000)),\"outside_cycles\":\(Int(time * 2000) + 10),\"kept\":true,\"control_cycles\":50000}"
          )
        }
        lines.append(#"{"record":"counters","probe":"\#(probe)","process":\#(process),"verdict":"passed"}"#)
      }
    }
    return (lines + extra).joined(separator: "\n") + "\n"
  }

  static let times = [
    (probe: "loop", nanoseconds: 0.3), (probe: "port_write_user", nanoseconds: 24_700),
    (probe: "exception_return", nanoseconds: 5700), (probe: "cpuid", nanoseconds: 6735),
    (probe: "msr_write", nanoseconds: 6400),
  ]

  @Test func fitsRecordsAndRunsOnTheProfile() throws {
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("records.jsonl")
      let extra = [
        "Killed", #"{"record":"skipped","probe":"hypercall","reason":"no interface"}"#,
        #"{"record":"end","steal_ms":0,"seconds":1}"#,
      ]
      try Self.records(Self.times, extra: extra).write(to: file, atomically: true, encoding: .utf8)
      let made = try Command.run(
        "calibrate", "--records", file.path, "-o", "this-machine.yaml", "--library",
        Command.root.appendingPathComponent("scenarios").path, in: folder)
      #expect(made.status == 0, "\(made.errors)")
      #expect(made.errors == "warning: the probe runner wrote a line that is no record: Killed\n")
      #expect(made.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(made.output)")
      for text in ["hypercall: skipped: no interface", "cpuid_exit", "inherited, because no probe measured it:"] {
        #expect(made.output.contains(text), "\(text)")
      }
      #expect(
        Set(try Command.files(in: folder).keys)
          == Set(
            ["records.jsonl", "this-machine.yaml"]
              + ["probes", "quantiles", "histograms", "steps", "covariance", "residuals"].map {
                "this-machine.\($0).csv"
              }))
      let profile = folder.appendingPathComponent("this-machine.yaml").path
      #expect(try Command.run("check", profile).status == 0)
      let run = try Command.run(
        "run", "scenarios/one-vm.yaml", "--set", "design=kvm-pvm", "--set", "duration=2 s", "--profile", profile, "-o",
        folder.appendingPathComponent("run").path, "--check")
      #expect(run.status == 0, "\(run.errors)")
      let provenance = try String(
        contentsOf: folder.appendingPathComponent("run/provenance.csv"), encoding: .utf8
      ).split(separator: "\n")
      let measured = try #require(provenance.first { $0.contains(",cpuid_exit,") })
      #expect(measured.contains(",measured,") && measured.contains(",this-machine,"))
      let inherited = try #require(provenance.first { $0.contains(",direct_switch,") })
      #expect(inherited.contains(",published,") && inherited.contains(",cascade-lake-pvm-paper,"))
    }
  }

  @Test func withoutADeviceThereIsOneMessageWithTheRemedy() throws {
    try Command.withFolder { folder in
      let missing = try Command.run("calibrate", "--device", "/nonexistent/kvm", in: folder)
      #expect(missing.status == 69)
      #expect(
        missing.errors == """
          error: calibration needs read and write access to /nonexistent/kvm, which does not exist; load KVM (modprobe \
          kvm_intel or kvm_amd; enable virtualization in the firmware, or nested virtualization for this guest). Runs and \
          comparisons work without it, from the published profiles.

          """)
      #expect(missing.output.isEmpty)
      #expect(try Command.files(in: folder).isEmpty)
    }
  }

  @Test func foreignFilesAreNotOverwritten() throws {
    try Command.withFolder { folder in
      let mine = folder.appendingPathComponent("notes.yaml")
      try "my: notes\n".write(to: mine, atomically: true, encoding: .utf8)
      let outcome = try Command.run("calibrate", "-o", mine.path)
      #expect(outcome.status == 73)
      #expect(outcome.errors.contains("exists and was not written by vdcsim"))
      #expect(try String(contentsOf: mine, encoding: .utf8) == "my: notes\n")
    }
  }

  @Test func recordsWithoutAMachineAreAnError() throws {
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("records.jsonl")
      try "garbage\n".write(to: file, atomically: true, encoding: .utf8)
      let outcome = try Command.run(
        "calibrate", "--records", file.path, "-o", folder.appendingPathComponent("p.yaml").path)
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("did not describe the machine"))
      #expect(try Command.files(in: folder).count == 1)
    }
  }

  @Test func setDesignStandsForAllHosts() throws {
    try Command.withFolder { folder in
      let outcome = try Command.run(
        "run", "scenarios/one-vm.yaml", "--set", "design=kvm-virtio", "--set", "design.paging=shadow", "--set",
        "duration=2 s", "-o", folder.appendingPathComponent("run").path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("kvm-virtio[paging=shadow]"))
      let wrong = try Command.run("run", "scenarios/one-vm.yaml", "--set", "design.pagin=shadow")
      #expect(wrong.status == 65)
      #expect(wrong.errors.contains("unknown key 'pagin'"))
    }
  }
}
