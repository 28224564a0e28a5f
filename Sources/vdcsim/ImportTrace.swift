import ArgumentParser
import Documents
import Experiments
import Model
import Quantities
import Tables
import Virtualization

/// What all imports of traces have in common.
struct TraceImportOptions: ParsableArguments {
  @Argument(help: "The trace: a file, a folder or an archive (tar, gzip, xz, bzip2, zstd).")
  var trace: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Directory of the tables and the scenario; replaced whole if vdcsim wrote it (default: reports/<name>).",
      valueName: "dir"))
  var output: String?

  @Option(help: "Name of the trace and the scenario (default: that of the file).")
  var name: String?

  @Option(help: ArgumentHelp("Speed of a vCPU where the trace has none, such as '2.6 GHz'.", valueName: "frequency"))
  var speed = "1 GHz"

  @Option(help: ArgumentHelp("Memory of a VM where the trace has none, such as '2 GiB'.", valueName: "size"))
  var memory = "1 GiB"

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  func validate() throws {
    if let name, !(1...128).contains(name.count) || name.unicodeScalars.contains(where: { $0.value < 32 }) {
      throw ValidationError("--name: expected 1 to 128 characters without control characters")
    }
    do {
      guard try Frequency.parse(speed).hertz > 0 else { throw ValidationError("--speed: expected a frequency above 0") }
      guard try ByteCount.parse(memory) > .zero else { throw ValidationError("--memory: expected a size above 0") }
    } catch let error as QuantityError {
      throw ValidationError(error.message)
    }
  }

  /// Reads the trace and writes it as tables with a scenario to start from.
  func perform(
    _ format: TraceReference.Format, interval: TimeSpan? = nil, samples: Int? = nil,
    memoryUnit: TraceReference.MemoryUnit? = nil, machine: TraceReference.Machine? = nil
  ) throws {
    let name = self.name ?? Self.stem(of: trace)
    let directory = ResultDirectory(path: output ?? "reports/\(ScenarioRun.fileName(name))")
    try directory.check()
    let location = SourceLocation(file: trace, line: 1, column: 1)
    let loaded = try TraceReader.load(
      TraceReference(
        name: name, format: format, path: trace, isFromCommandLine: true, interval: interval, samples: samples,
        memoryUnit: memoryUnit, machine: machine, location: location))
    for warning in loaded.warnings where !quiet { printError("\(warning)") }
    let tables = try TraceTables(
      loaded.set, speed: Frequency.parse(speed), memory: ByteCount.parse(memory), location: location)
    let summary = TraceSummary(loaded.set)
    let starter = StarterScenario(
      name: name, summary: summary, memory: memory)
    let manifest = """
      {
        "generator": "vdcsim \(Manifest.version)",
        "trace": \(Manifest.quoted(trace)),
        "format": \(Manifest.quoted(format.rawValue)),
        "tasks_sha256": \(Manifest.quoted(Digest.sha256(tables.tasks))),
        "fragments_sha256": \(Manifest.quoted(Digest.sha256(tables.fragments)))
      }

      """
    try directory.write(files: [
      ("fragments.csv", tables.fragments), ("manifest.json", Array(manifest.utf8)),
      ("scenario.yaml", Array(starter.text.utf8)), ("tasks.csv", tables.tasks),
    ])
    guard !quiet else { return }
    let demand = summary.samples > 0 ? ", mean demand \(SummaryText.decimal(summary.meanDemand)) %" : ""
    print(
      "\(name): \(summary.count) VMs, \(summary.samples) samples over \(summary.span)\(demand), at most "
        + "\(summary.peakCount) VMs with \(SummaryText.decimal(summary.peakVCPUs)) vCPUs at a time")
    print("trace: \(directory.path)")
  }

  /// A file's name without the endings of formats and compression.
  static func stem(of path: String) -> String {
    var name = path.split(separator: "/").last.map(String.init) ?? "trace"
    for ending in [".gz", ".xz", ".bz2", ".zst", ".tar", ".csv", ".swf"] where name.hasSuffix(ending) {
      name = String(name.dropLast(ending.count))
    }
    return name.isEmpty || name == "." || name == ".." ? "trace" : name
  }
}

/// `vdcsim import planetlab`.
struct ImportPlanetLab: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "planetlab", abstract: "Import a day of PlanetLab's traces.",
    discussion:
      "A file per VM with a whole percentage of its CPU per line; VMs come in the order of their names' bytes.")

  @Option(help: "Samples of each VM.")
  var samples = 288

  @Option(help: ArgumentHelp("Time between samples.", valueName: "time"))
  var interval = "5 min"

  @OptionGroup var options: TraceImportOptions

  func validate() throws {
    guard (1...10_000_000).contains(samples) else {
      throw ValidationError("--samples \(samples): expected a number from 1 to 10000000")
    }
    guard let time = try? TimeSpan.parse(interval), time > .zero, time <= .seconds(86_400 * 366) else {
      throw ValidationError("--interval \(interval): expected a time above 0, such as '5 min', of at most a year")
    }
  }

  func run() async throws {
    try await reportingFailures {
      try options.perform(.planetlab, interval: TimeSpan.parse(interval), samples: samples)
    }
  }
}

/// `vdcsim import gwa`.
struct ImportGWA: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gwa", abstract: "Import VMs of the Grid Workloads Archive (GWA-T-12 Bitbrains).")

  @OptionGroup var options: TraceImportOptions

  func run() async throws { try await reportingFailures { try options.perform(.gwa) } }
}

/// `vdcsim import opendc`.
struct ImportOpenDC: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "opendc", abstract: "Import tasks and fragments of OpenDC, as CSV.")

  @Option(
    name: .customLong("memory-unit"),
    help: "What mem_capacity is counted in: MB, or KB as in traces made from the Grid Workloads Archive.")
  var memoryUnit = TraceReference.MemoryUnit.megabytes

  @OptionGroup var options: TraceImportOptions

  func run() async throws {
    try await reportingFailures { try options.perform(.opendc, memoryUnit: memoryUnit) }
  }
}

extension TraceReference.MemoryUnit: ExpressibleByArgument {}

/// `vdcsim import azure`.
struct ImportAzure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "azure", abstract: "Import VM requests of the Azure trace for packing, as CSV.",
    discussion: """
      Export the tables of its SQLite file first: sqlite3 -header -csv FILE 'SELECT * FROM vmType' > vmType.csv, and the \
      same of vm to vm.csv. Types are shares of machines of several generations: say which one hosts are, and what a \
      whole one has.
      """)

  @Option(help: "Number of the machine in vmType.csv (machineId).")
  var machine: Int

  @Option(help: "Cores of that machine.")
  var cores: Int

  @Option(name: .customLong("machine-memory"), help: ArgumentHelp("Memory of that machine.", valueName: "size"))
  var machineMemory: String

  @OptionGroup var options: TraceImportOptions

  func validate() throws {
    guard (0...1_000_000).contains(machine) else {
      throw ValidationError("--machine \(machine): expected a number from 0 to 1000000")
    }
    guard (1...100_000).contains(cores) else {
      throw ValidationError("--cores \(cores): expected a number from 1 to 100000")
    }
    guard let size = try? ByteCount.parse(machineMemory), size > .zero else {
      throw ValidationError("--machine-memory \(machineMemory): expected a size above 0, such as '512 GiB'")
    }
  }

  func run() async throws {
    try await reportingFailures {
      let size = try ByteCount.parse(machineMemory)
      try options.perform(.azure, machine: TraceReference.Machine(number: machine, cores: cores, memory: size))
    }
  }
}

/// `vdcsim import swf`.
struct ImportSWF: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swf", abstract: "Import jobs of the Parallel Workloads Archive (Standard Workload Format).",
    discussion: """
      A job becomes a VM that begins when the job was submitted and has a vCPU for each processor; the wait in the \
      queue of the logged machine is not part of it.
      """)

  @OptionGroup var options: TraceImportOptions

  func run() async throws { try await reportingFailures { try options.perform(.swf) } }
}

/// A scenario to start from with an imported trace.
struct StarterScenario {
  let name: String
  let summary: TraceSummary
  let memory: String

  /// Cores of a host, if no VM has more.
  private static let cores = 32

  var text: String {
    let cores = max(Self.cores, Int(min(4096, summary.largestVCPUs).rounded(.up)))
    // Filling hosts one after another leaves at most every second one less than half full.
    let vcpus = max(summary.peakVCPUs, Double(summary.peakCount))
    let hosts = max(1, min(100_000, Int((2 * vcpus / Double(cores)).rounded(.up)) + (summary.peakCount > 1 ? 1 : 0)))
    let unknown = (try? ByteCount.parse(memory).bytes) ?? 0
    let bytes = max(max(summary.mostMemoryPerVCPU, Double(unknown)) * Double(cores), Double(summary.largestMemory))
    let hostMemory = max(64, Int((bytes * 1.1 / 1_073_741_824).rounded(.up)) + 8)
    return """
      # Written by vdcsim import as a start: \(summary.count) VMs, \(summary.samples) samples.
      # VMs have the sizes that tasks.csv gives them (state vcpus and memory to give all the same), and there are hosts for
      # twice the vCPUs that exist at one time, so that sizes which do not fit together find room. Change what you know better.
      scenario: \(Self.quoted(name))
      duration: \(max(summary.span, .seconds(1)))
      fidelity: fluid
      hosts:
        - name: host
          count: \(hosts)
          cpu: {cores: \(cores), frequency: 2.5 GHz}
          memory: {size: \(hostMemory) GiB}
          nics: [{name: eth0, bandwidth: 10 Gbit/s}]
          design: kvm-virtio
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, trace: demand, workload: demand}
      traces:
        demand: {file: tasks.csv, format: opendc}
      workloads:
        demand: {utilization: trace}

      """
  }

  /// A text as a YAML scalar in double quotes.
  private static func quoted(_ text: String) -> String { Manifest.quoted(text) }
}
