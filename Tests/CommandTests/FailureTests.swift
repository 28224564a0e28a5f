import Foundation
import Testing

/// Bad input and bad luck: located messages, documented exit codes, nothing half-written.
struct FailureTests {
  private let faulty = """
    scenario: faulty
    duration: 5
    hosts:
      - name: node
        cpu: {coers: 8, frequency: 2.5 Ghz}
        memory: {size: 64 GiB}
        design: kvm-virtio
        profile: cascade-lake
    vms:
      - {name: vm, vcpus: 0, memory: {size: 1 GiB}, workload: work}
    workloads:
      work:
        arrivals: {process: poison, rate: 100/s}
        service: {distribution: exponential, mean: 1 ms}
        per_request: {sycall: 3}
    """

  @Test("Six different faults get six located messages in one go, exit 65, nothing written")
  func sixFaults() throws {
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("faulty.yaml")
      try faulty.write(to: file, atomically: true, encoding: .utf8)
      let outcome = try Command.run("run", "faulty.yaml", "-o", "out", in: folder)
      #expect(outcome.status == 65)
      #expect(outcome.output == "")
      let lines = outcome.errors.split(separator: "\n")
      #expect(lines.count == 6)
      #expect(lines.allSatisfy { $0.hasPrefix("faulty.yaml:") && $0.contains(": error: ") })
      for expected in [
        "5:11: error: unknown key 'coers' in a cpu (did you mean 'cores'?)", "5:32: error: expected a frequency",
        "13:25: error: unknown process 'poison'", "15:19: error: unknown operation 'sycall'",
        "10:23: error: expected an integer from 1 to 1024, found '0'", "2:11: error: expected a time with its unit",
      ] {
        #expect(outcome.errors.contains(expected), "\(expected) is not in \(outcome.errors)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["faulty.yaml"])
    }
  }

  @Test("A missing file is 66")
  func missing() throws {
    let outcome = try Command.run("run", "no-such.yaml")
    #expect(outcome.status == 66)
    #expect(outcome.errors.contains("no-such.yaml"))
  }

  @Test("A place that cannot be written is 73, before anything runs")
  func unwritable() throws {
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("plain")
      try "text".write(to: file, atomically: true, encoding: .utf8)
      let outcome = try Command.run("run", "scenarios/one-vm.yaml", "-o", file.path + "/below")
      #expect(outcome.status == 73)
      let foreign = folder.appendingPathComponent("foreign")
      try FileManager.default.createDirectory(at: foreign, withIntermediateDirectories: true)
      try "mine".write(to: foreign.appendingPathComponent("notes.txt"), atomically: true, encoding: .utf8)
      let refused = try Command.run("run", "scenarios/one-vm.yaml", "-o", foreign.path)
      #expect(refused.status == 73)
      #expect(try FileManager.default.contentsOfDirectory(atPath: foreign.path) == ["notes.txt"])
    }
  }

  @Test("Wrong usage is 64")
  func usage() throws {
    #expect(try Command.run("run").status == 64)
    #expect(try Command.run("run", "scenarios/one-vm.yaml", "--replications", "0").status == 64)
    #expect(try Command.run("run", "scenarios/one-vm.yaml", "--fidelity", "exact").status == 64)
    #expect(try Command.run("explain", "kvm-shdow").status == 64)
  }

  @Test("A step that no profile prices is a located error, never zero")
  func unpriced() throws {
    try Command.withFolder { folder in
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("designs"), withIntermediateDirectories: true)
      try """
      design: odd
      base: kvm-virtio
      title: a design with a step that has no price
      paths:
        cpuid:
          - {step: hypercall_dispatch, place: host_kernel}
      """.write(to: folder.appendingPathComponent("designs/odd.yaml"), atomically: true, encoding: .utf8)
      try FileManager.default.copyItem(
        at: Command.root.appendingPathComponent("scenarios/one-vm.yaml"), to: folder.appendingPathComponent("s.yaml"))
      let outcome = try Command.run("run", "s.yaml", "-o", "out", "--set", "hosts.node.design=odd", in: folder)
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("designs/odd.yaml:6:"))
      #expect(outcome.errors.contains("no profile prices step 'hypercall_dispatch'"))
    }
  }

  @Test("Interrupted runs end with 130 and leave nothing")
  func interrupted() throws {
    try Command.withFolder { folder in
      let process = Process()
      process.executableURL = Command.executable
      process.arguments = [
        "run", Command.root.path + "/scenarios/one-vm.yaml", "-o", "out", "--set", "duration=600 s",
        "--replications", "50", "--verbose",
      ]
      process.currentDirectoryURL = folder
      let errors = Pipe()
      process.standardError = errors
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      // The runs take minutes; they are announced once the signal's handler is in place.
      var announced = ""
      while !announced.contains("50 runs") {
        let data = errors.fileHandleForReading.availableData
        guard !data.isEmpty else { break }
        announced += String(decoding: data, as: UTF8.self)
      }
      process.interrupt()
      process.waitUntilExit()
      #expect(process.terminationStatus == 130)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }

  /// Runs words of a shell that has the command as `$0`.
  private func shell(_ words: String, in folder: URL) throws -> Command.Outcome {
    try Command.run(
      "-c", words, Command.executable.path, in: folder, executable: URL(fileURLWithPath: "/bin/sh"),
      environment: ["VDCSIM_LIBRARY": Command.root.path + "/scenarios"])
  }

  private let short = "run '\(Command.root.path)/scenarios/one-vm.yaml' -o out --set 'duration=2 s'"

  @Test(
    "Standard output that cannot be written is 74, and the results are there all the same",
    arguments: ["> /dev/full", ">&-", "--json > /dev/full"])
  func lostOutput(redirection: String) throws {
    try Command.withFolder { folder in
      let outcome = try shell("\"$0\" \(short) \(redirection)", in: folder)
      #expect(outcome.status == 74)
      #expect(outcome.errors.hasPrefix("standard output: error: cannot write: "))
      #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("out/manifest.json").path))
    }
  }

  @Test(
    "Every command tells that its output is lost",
    arguments: [
      "--help", "run --help", "--version", "list designs", "explain kvm-virtio cpuid", "check scenarios/one-vm.yaml",
    ])
  func lostText(words: String) throws {
    #expect(try shell("\"$0\" \(words) > /dev/full", in: Command.root).status == 74)
  }

  @Test("An error keeps its exit code where the output is lost too")
  func errorFirst() throws {
    #expect(try shell("\"$0\" check README.md > /dev/full", in: Command.root).status == 65)
    #expect(try shell("\"$0\" run > /dev/full", in: Command.root).status == 64)
  }

  @Test("A reader that has seen enough is no failure, and the results are there", arguments: ["true", "head -1"])
  func closedPipe(reader: String) throws {
    try Command.withFolder { folder in
      let outcome = try shell(
        "{ \"$0\" \(short); echo $? > status; } | { \(reader); exec <&-; while ! [ -s status ]; do sleep 0.02; done; }",
        in: folder)
      #expect(outcome.errors == "")
      #expect(try String(contentsOf: folder.appendingPathComponent("status"), encoding: .utf8) == "0\n")
      #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("out/manifest.json").path))
    }
  }

  @Test("Files that may not grow are 73, with nothing left behind")
  func fullDisk() throws {
    try Command.withFolder { folder in
      // Half a KiB or one, by shell; summaries are larger.
      let outcome = try shell("ulimit -f 1; \"$0\" \(short)", in: folder)
      #expect(outcome.status == 73)
      #expect(outcome.errors.contains("out/") && outcome.errors.contains(": error: cannot write: "))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }
}
