// Speed of the exit-level engine on one core: private guest operations, scheduling decisions, I/O events.

import Documents
import Glibc
import Machine
import Model
import Virtualization

/// CPU time of this thread in seconds.
func threadSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

let library = LibraryLoader.locate()
let documents = try LibraryLoader.load(folder: library)

func model(_ name: String, design: String? = nil, edits: [String]) throws -> SimulationModel {
  let scenario = try ScenarioReader.read(
    path: "\(library)/\(name).yaml", edits: edits.compactMap { DocumentEdit($0) }
  ).scenario
  let location = SourceLocation(file: "benchmark", line: 1, column: 1)
  return try SimulationModel(
    scenario: scenario, library: documents,
    overrides: ModelOverrides(design: design.map { DesignReference(name: $0, location: location) }, fidelity: .exit))
}

/// What five runs do in a CPU second, the median.
func rate(_ model: SimulationModel, _ count: (RunResult) -> Double) throws -> Double {
  try (1...5).map { replication in
    let start = threadSeconds()
    let result = try ExitEngine.run(model: model, replication: replication)
    let seconds = threadSeconds() - start
    return count(result) / seconds
  }.sorted()[2]
}

var missed = false

/// Prints a figure beside its limit, both in millions a second of one core.
@MainActor func show(_ what: String, _ rate: Double, limit: Double) {
  let million = (rate / 1e5).rounded() / 10
  print("\(what): \(million) million (at least \(limit / 1e6))\(rate < limit ? ": missed" : "")")
  if rate < limit { missed = true }
}

/// Private operations of a run: by request, by CPU time of work, and those of the ticks.
func privateOperations(_ model: SimulationModel) -> (RunResult) -> Double {
  let load = model.vms[0].load
  func sum(_ entries: [OperationLoad.Entry]) -> Double {
    entries.filter { $0.operation.scope == .private }.reduce(0) { $0 + $1.rate }
  }
  let (perRequest, perSecond) = (sum(load.perRequest), sum(load.perCPUSecond))
  return { result in
    let ticks = result.exits.filter { $0.step == "timer_exit" }.reduce(0) { $0 + $1.count }
    let row = result.workloads[0]
    // The throughput of a batch is CPU seconds of work a second.
    let work = row.shape == "batch" ? row.throughput * model.window.seconds : 0
    return Double(row.completed) * perRequest + work * perSecond + 2 * Double(ticks)
  }
}

let plain = try model("one-vm", edits: ["duration=300 s"])
show("private operations", try rate(plain, privateOperations(plain)), limit: 20e6)
for (name, design) in [("tlb-heavy", "kvm-virtio"), ("tlb-heavy", "kvm-shadow"), ("fork-heavy", "kvm-shadow")] {
  let modelled = try model(name, design: design, edits: ["duration=60 s"])
  show(
    "private operations with TLB and paging, \(name) under \(design)",
    try rate(modelled, privateOperations(modelled)), limit: 20e6)
}

// Sixteen always-busy VMs on four processors with slices of 10 us: each processor makes 100,000 decisions a second of
// simulated time. Credit2's rate limit and gangs make other slices than these.
for scheduler in SchedulerKind.allCases where scheduler != .credit2 && scheduler != .strictCoscheduling {
  let text = """
    scenario: decisions
    duration: 10 s
    hosts:
      - {name: node, cpu: {cores: 4, frequency: 2.5 GHz}, memory: {size: 64 GiB}, scheduling: {slice: 10 us},
         design: {name: bare-metal, scheduler: \(scheduler.rawValue)}, profile: cascade-lake-pvm-paper}
    vms:
      - {name: vm, count: 16, vcpus: 1, memory: {size: 1 GiB}, guest: bare, workload: work}
    workloads:
      work: {batch: {work: 1000 s}}
    """
  let overcommitted = try SimulationModel(
    scenario: ScenarioReader.read(bytes: Array(text.utf8), file: "decisions").scenario, library: documents)
  show("scheduling decisions, \(scheduler.rawValue)", try rate(overcommitted) { _ in 4e6 }, limit: 5e6)
}

// Packets through a virtio ring: arrivals, bursts of vCPUs, bells, the backend's work.
let packets = try model("notification-sweep", edits: ["workloads.send.arrivals.rate=200000/s"])
show("I/O events", try rate(packets) { Double($0.events) }, limit: 3e6)
if missed { exit(1) }
