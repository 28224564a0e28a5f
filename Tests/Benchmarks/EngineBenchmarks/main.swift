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
