import ArgumentParser
import Calibration
import Documents
import Experiments
import Glibc
import Machine
import Model
import Tables
import Virtualization

/// What `vdcsim calibrate` does, step by step.
struct CalibrationSession {
  let command: CalibrateCommand
  private let runner: ProbeRunner
  private let folder: String
  private let library: Library
  private let plans: [CalibrationPlan]
  private let progress: Progress

  init(command: CalibrateCommand) throws {
    self.command = command
    runner = command.runner.map { ProbeRunner(executable: $0) } ?? .besideThisProgram()
    folder = LibraryLoader.locate(explicit: command.library.folder)
    library = try LibraryLoader.load(folder: folder, digest: Digest.sha256)
    plans = try CalibrationReader.plans(folder: folder, library: library)
    progress = Progress(isQuiet: command.quiet)
  }

  func perform() throws {
    if library.profiles[command.base] == nil {
      throw ValidationError(unknown("profile", command.base, among: library.profiles.keys.sorted()))
    }
    for file in outputs.values { try file.check() }
    let earlier = try command.against.map { try EarlierRun(csv: FileAccess.read($0), path: $0) }
    if command.records == nil || command.verify { try requireDevice() }
    Interruption.install()
    if command.profile == nil { try calibrate(earlier: earlier) }
    if command.verify { try verify() }
  }

  // MARK: Files

  private var stem: String {
    let name = command.output
    return name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name.hasSuffix(".yml") ? String(name.dropLast(4)) : name
  }

  private var verifyPath: String {
    let folder = FileAccess.folder(of: command.output)
    return folder == "." ? "verify.csv" : "\(folder)/verify.csv"
  }

  /// All files that this command may write, by name of table; the profile is `profile`.
  private var outputs: [String: ResultFile] {
    var files: [String: ResultFile] = [:]
    if command.profile == nil {
      files["profile"] = ResultFile(path: command.output, marker: ProfileWriter.marker)
      for schema in CalibrationTables.schemas where schema.name != CalibrationTables.verify.name {
        files[schema.name] = ResultFile(path: "\(stem).\(schema.name).csv", marker: Self.header(of: schema))
      }
    }
    if command.verify {
      files["verify"] = ResultFile(path: verifyPath, marker: Self.header(of: CalibrationTables.verify))
    }
    return files
  }

  /// How a table begins, whichever version wrote it: later columns may differ.
  private static func header(of schema: TableSchema) -> String {
    schema.columns.prefix(2).map(\.name).joined(separator: ",")
  }

  private func write(_ files: [(name: String, bytes: [UInt8])]) throws {
    if Interruption.isRequested { throw ProbeRunnerError.interrupted }
    let outputs = outputs
    try ResultFile.write(files.compactMap { file in outputs[file.name].map { ($0, file.bytes) } })
  }

  // MARK: The machine

  /// One clear message when the device cannot be used.
  private func requireDevice() throws {
    guard access(command.device, R_OK | W_OK) != 0 else { return }
    let code = errno
    var message = "error: calibration needs read and write access to \(command.device)"
    switch code {
    case ENOENT, ENOTDIR:
      message +=
        ", which does not exist; load KVM (modprobe kvm_intel or kvm_amd; enable virtualization in the firmware, or "
        + "nested virtualization for this guest)"
    case EACCES, EPERM:
      message += ": permission denied; join the group that owns it (sudo usermod -aG kvm $USER, then log in again)"
    default: message += ": \(String(cString: strerror(code)))"
    }
    printError(message + ". Runs and comparisons work without it, from the published profiles.")
    throw ExitCodes.unavailable
  }

  private func plan(for machine: MachineRecord) throws -> CalibrationPlan {
    let paging = Calibration.paging(of: machine)
    guard let plan = plans.first(where: { $0.fits(backend: machine.backend, paging: paging) }) else {
      printError(
        "error: no document of \(folder)/calibrations is for backend '\(machine.backend)' with \(paging) paging; "
          + "expected one of: \(plans.map(\.name).joined(separator: ", "))")
      throw ExitCodes.unavailable
    }
    return plan
  }

  // MARK: Calibration

  private func calibrate(earlier: EarlierRun?) throws {
    let run = try command.records.map { try readRecords($0) } ?? measure()
    for line in run.garbage { printError("warning: the probe runner wrote a line that is no record: \(line)") }
    // Of a runner that was asked this minute it is no faulty document but a fault of the runner.
    guard let machine = run.machine else {
      guard command.records == nil else { throw MissingMachine() }
      throw ProbeRunnerError.failed(what: "did not describe the machine", messages: [])
    }
    let calibration = try Calibration(run: run, plan: try plan(for: machine))
    let name = stem.split(separator: "/").last.map(String.init) ?? "this-machine"
    let writer = ProfileWriter(name: name, base: command.base, catalogue: library.catalogue)
    let tables = CalibrationTables.make(calibration)
    try write(
      [("profile", Array(writer.text(of: calibration).utf8))] + tables.map { ($0.schema.name, $0.csv()) })
    guard !command.quiet else { return }
    let text = CalibrationText(calibration: calibration, catalogue: library.catalogue)
    print(text.machine)
    print(text.probes)
    print(text.steps)
    if let earlier { print(earlier.comparison(with: calibration.summaries)) }
    print("profile: \(command.output); tables: \(stem).*.csv")
  }

  private func readRecords(_ path: String) throws -> ProbeRun {
    var run = ProbeRun()
    for line in String(decoding: try FileAccess.read(path, limit: 1 << 30), as: UTF8.self)
      .split(whereSeparator: \.isNewline)
    {
      run.add(line: String(line))
    }
    return run
  }

  private var common: [String] {
    ["--device", command.device, "--samples", "\(command.samples)"] + (command.cpu.map { ["--cpu", "\($0)"] } ?? [])
  }

  /// Runs all probes. A runner that dies is started again for the probes that it has not come to; the one that it died
  /// in is left out.
  private func measure() throws -> ProbeRun {
    var run = ProbeRun()
    var wanted = command.probe
    for attempt in 0..<6 {
      do {
        try collect(
          ["run", "--processes", "\(command.processes)", "--goal-us", "\(command.goal)"] + common
            + wanted.flatMap { ["--probe", $0] }, into: &run)
        return run
      } catch ProbeRunnerError.failed(let what, let messages) {
        let started = run.series.filter { !$0.samples.isEmpty || !$0.latencies.isEmpty || $0.skipped != nil }
        guard attempt < 5, run.machine != nil, let last = started.last else {
          throw ProbeRunnerError.failed(what: what, messages: messages)
        }
        printError("warning: the probe runner \(what) during or after probe '\(last.name)'")
        run.skip(last.name, reason: "the runner \(what)")
        let done = Set(started.map(\.name))
        wanted = try names().filter { !done.contains($0) && (command.probe.isEmpty || command.probe.contains($0)) }
        if wanted.isEmpty { return run }
      }
    }
    return run
  }

  private func names() throws -> [String] {
    var list = ProbeRun()
    try collect(["list"], into: &list)
    return list.series.map(\.name)
  }

  private func collect(_ arguments: [String], into run: inout ProbeRun) throws {
    var collected = run
    defer { progress.clear() }
    do {
      try runner.run(arguments, isCancelled: { Interruption.isRequested }) { line in
        collected.add(line: line)
        progress.update(text: collected.series.last { !$0.samples.isEmpty }?.name ?? "starting")
      }
      run = collected
    } catch {
      run = collected
      throw error
    }
  }

  // MARK: Verification

  private func verify() throws {
    let profile = try Inputs.profile(command.profile ?? asFile(command.output), library: library)
    var machine = ProbeRun()
    try collect(["machine", "--device", command.device], into: &machine)
    guard let record = machine.machine else { throw MissingMachine() }
    let plan = try plan(for: record)
    let folder = command.cases ?? "\(folder)/cases/programs"
    let paths = try FileAccess.documents(in: folder)
    guard !paths.isEmpty else { throw DiagnosticError.missing(path: "\(folder)/*.yaml") }
    // All predictions come first: nothing that is measured can change them.
    let programs = try paths.map { try GuestProgram(path: $0, profile: profile, plan: plan, library: library) }
    var measured: [Verification.Measured] = []
    for program in programs {
      measured.append(try measure(program))
    }
    let verification = Verification(measured)
    try write([("verify", CalibrationTables.make(verification).csv())])
    if !command.quiet {
      print(CalibrationText.verification(verification))
      print("verification: \(verifyPath)")
    }
  }

  /// A bare name would be looked up in the library.
  private func asFile(_ path: String) -> String { path.contains("/") ? path : "./\(path)" }

  private func measure(_ program: GuestProgram) throws -> Verification.Measured {
    switch program.blocks {
    case .failure(let missing):
      return Verification.Measured(
        name: program.name, predicted: program.predicted, run: nil,
        reason: "the probe runner has no block for \(missing.operation) on this backend")
    case .success(let blocks):
      var run = ProbeRun()
      do {
        try collect(
          ["program", "--iterations", "\(program.iterations)", "--processes", "\(command.processes)"] + common + blocks,
          into: &run)
      } catch ProbeRunnerError.failed(let what, let messages) {
        return Verification.Measured(
          name: program.name, predicted: program.predicted, run: nil,
          reason: (["the runner \(what)"] + messages.suffix(1)).joined(separator: ": "))
      }
      return Verification.Measured(name: program.name, predicted: program.predicted, run: run)
    }
  }
}

/// A program document with its prediction and the runner's blocks.
private struct GuestProgram {
  let name: String
  let iterations: Int64
  /// Run time in nanoseconds.
  let predicted: Double
  let blocks: Result<[String], Verification.MissingBlock>

  init(path: String, profile: CostProfile, plan: CalibrationPlan, library: Library) throws {
    let scenario = try ScenarioReader.read(path: path).scenario
    guard scenario.workloads.count == 1, case .program(let program) = scenario.workloads[0].shape else {
      throw ModelFaults(faults: [
        ModelFault(location: scenario.location, message: "expected a scenario with one workload, a program")
      ])
    }
    let location = SourceLocation(file: path, line: 1, column: 1)
    let design = DesignReference(name: plan.design, overrides: plan.axes, location: location)
    let model = try SimulationModel(
      scenario: scenario, library: library,
      overrides: ModelOverrides(design: design, profile: profile, fidelity: .exit))
    let result = try ExitEngine.run(model: model, replication: 1)
    let backends = library.designs[plan.design]?.backends ?? []
    guard
      let row = result.workloads.first, row.completed == program.iterations, let mean = row.meanLatency,
      let loop = profile.price(of: plan.loop, backends: backends)?.nanoseconds, loop > 0
    else {
      throw ModelFaults(faults: [
        ModelFault(
          location: scenario.location,
          message: "expected a program that ends within its duration, and a profile that prices '\(plan.loop)'")
      ])
    }
    name = scenario.name
    iterations = program.iterations
    predicted = mean * 1e9 * Double(program.iterations)
    blocks = Verification.blocks(of: program, plan: plan, loopTime: loop)
  }
}
