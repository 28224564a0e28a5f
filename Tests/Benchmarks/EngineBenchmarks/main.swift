// How many private guest operations the exit-level engine simulates in a second of one core, on scenarios/one-vm.yaml.

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

let limit = 20e6
let library = LibraryLoader.locate()
let scenario = try ScenarioReader.read(
  path: "\(library)/one-vm.yaml", edits: [DocumentEdit(key: "duration", value: "300 s")]
).scenario
let model = try SimulationModel(scenario: scenario, library: LibraryLoader.load(folder: library))

// The median of five runs.
var rates: [Double] = []
var events: Int64 = 0
for replication in 1...5 {
  let start = threadSeconds()
  let result = try ExitEngine.run(model: model, replication: replication)
  let seconds = threadSeconds() - start
  let perRequest = model.vms[0].load.perRequest.filter { $0.operation.scope == .private }.reduce(0) { $0 + $1.rate }
  let ticks = result.exits.filter { $0.step == "timer_exit" }.reduce(0) { $0 + $1.count }
  rates.append((Double(result.workloads[0].completed) * perRequest + 2 * Double(ticks)) / seconds)
  events = result.events
}
rates.sort()
let median = rates[2]
print("private operations a second of one core: \(Int(median / 1e6)) million (limit \(Int(limit / 1e6)) million)")
print("events of one run: \(events)")
if median < limit { exit(1) }

// Scheduling decisions: sixteen always-busy VMs on four processors with slices of 10 us, so that each processor makes
// 100,000 a second of simulated time.
let decisionLimit = 5e6
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
    scenario: ScenarioReader.read(bytes: Array(text.utf8), file: "decisions").scenario,
    library: LibraryLoader.load(folder: library))
  var decisionRates: [Double] = []
  for replication in 1...3 {
    let start = threadSeconds()
    _ = try ExitEngine.run(model: overcommitted, replication: replication)
    decisionRates.append(4e6 / (threadSeconds() - start))
  }
  let rate = decisionRates.sorted()[1]
  print(
    "scheduling decisions a second of one core, \(scheduler.rawValue): \(Int(rate / 1e5)) hundred thousand (limit 50)")
  if rate < decisionLimit { exit(1) }
}

// Events of packets through a virtio ring: arrivals, bursts of vCPUs, bells, the backend's work.
let packetLimit = 3e6
let packetModel = try SimulationModel(
  scenario: ScenarioReader.read(
    path: "\(library)/notification-sweep.yaml",
    edits: [DocumentEdit(key: "workloads.send.arrivals.rate", value: "200000/s")]
  ).scenario, library: LibraryLoader.load(folder: library))
var packetRates: [Double] = []
for replication in 1...5 {
  let start = threadSeconds()
  let result = try ExitEngine.run(model: packetModel, replication: replication)
  packetRates.append(Double(result.events) / (threadSeconds() - start))
}
let packetRate = packetRates.sorted()[2]
print("I/O events a second of one core: \(Int(packetRate / 1e5)) hundred thousand (limit 30)")
if packetRate < packetLimit { exit(1) }
