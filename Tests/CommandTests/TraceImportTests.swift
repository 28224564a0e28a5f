import Foundation
import Testing

/// Imports of traces.
@Suite struct TraceImportTests {
  private func write(_ text: String, _ name: String, in folder: URL) throws {
    let url = folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: url, atomically: true, encoding: .utf8)
  }

  @Test func aFolderBecomesTablesAndAScenario() throws {
    try Command.withFolder { folder in
      try write("5\n15\n", "day/b", in: folder)
      try write("10\n30\n", "day/a", in: folder)
      let outcome = try Command.run(
        "import", "planetlab", "day", "--samples", "2", "--interval", "60 s", "--speed", "2 GHz", "-o", "out",
        in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(
        outcome.output
          == "day: 2 VMs, 4 samples over 2 min, mean demand 15.00 %, at most 2 VMs with 2.00 vCPUs at a time\ntrace: out\n"
      )
      let files = try Command.files(in: folder.appendingPathComponent("out"))
      #expect(files.keys.sorted() == ["fragments.csv", "manifest.json", "scenario.yaml", "tasks.csv"])
      #expect(
        String(decoding: files["fragments.csv"]!, as: UTF8.self)
          == "id,duration,cpu_usage\na,60000,200\na,60000,600\nb,60000,100\nb,60000,300\n")
      // Written by vdcsim, so that it may be replaced.
      let again = try Command.run("import", "opendc", "out", "-o", "out", "--quiet", in: folder)
      #expect(again.status == 0 && again.output.isEmpty)
      #expect(try Command.files(in: folder.appendingPathComponent("out"))["tasks.csv"] == files["tasks.csv"])
    }
  }

  @Test func faultsLeaveNothing() throws {
    try Command.withFolder { folder in
      try write("5\nnan\n", "day/b", in: folder)
      let outcome = try Command.run("import", "planetlab", "day", "--samples", "2", "-o", "out", in: folder)
      #expect(outcome.status == 65)
      #expect(outcome.errors == "day/b:2:1: error: expected one integer from 0 to 100 in a line, found 'nan'\n")
      #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("out").path))
      #expect(try Command.run("import", "swf", "absent", "-o", "out", in: folder).status == 66)
      try write("mine", "kept/file", in: folder)
      try write("1 0 -1 5 2 -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1\n", "log", in: folder)
      #expect(try Command.run("import", "swf", "log", "-o", "kept", in: folder).status == 73)
      for arguments in [
        ["import", "planetlab", "day", "--samples", "0"], ["import", "swf", "log", "--speed", "2"],
        ["import", "azure", "day", "--machine", "0", "--cores", "0", "--machine-memory", "1 GiB"],
        ["import", "opendc", "day", "--memory-unit", "GB"], ["import", "swf", "log", "--name", ""],
      ] {
        #expect(try Command.run(arguments, in: folder).status == 64, "\(arguments)")
      }
    }
  }

  @Test("What may be wrong with a trace is told by every run, and stands in its manifest; only --quiet hides it")
  func warnings() throws {
    try Command.withFolder { folder in
      try write("5\n1", "day/a", in: folder)
      try write(
        """
        scenario: cut
        duration: 10 min
        hosts:
          - {name: node, cpu: {cores: 2, frequency: 2 GHz}, memory: {size: 4 GiB}, design: ideal, profile: cascade-lake-pvm-paper}
        vms:
          - {name: vm, vcpus: 1, memory: {size: 1 GiB}, trace: day, workload: demand}
        traces:
          day: {file: day, samples: 2}
        workloads:
          demand: {utilization: trace}
        """, "s.yaml", in: folder)
      let library = ["VDCSIM_LIBRARY": Command.root.path + "/scenarios"]
      let warning = "./day/a:2:1: warning: the last line has no end: the file may be cut off\n"
      let outcome = try Command.run("run", "s.yaml", "-o", "out", in: folder, environment: library)
      #expect(outcome.status == 0 && outcome.errors == warning)
      let manifest = try String(
        contentsOf: folder.appendingPathComponent("out/manifest.json"), encoding: .utf8)
      #expect(manifest.contains("day/a:2:1: warning: the last line has no end"))
      #expect(try Command.run("check", "s.yaml", in: folder, environment: library).errors == warning)
      let quiet = try Command.run("run", "s.yaml", "-o", "out", "--quiet", in: folder, environment: library)
      #expect(quiet.status == 0 && quiet.errors.isEmpty)
    }
  }
}
