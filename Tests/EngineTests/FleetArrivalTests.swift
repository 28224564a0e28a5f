import Documents
import Foundation
import Model
import Quantities
import Testing

@testable import Datacenter

/// VMs that come and go as their trace says.
struct FleetArrivalTests {
  /// A VM of a trace: name, begin and end in seconds, samples of 100 s in percent.
  typealias Life = (name: String, start: Int64, end: Int64?, samples: [Float])

  private func run(_ lives: [Life], hosts: Int, duration: String = "1000 s") throws -> RunResult {
    let scenario = try Support.scenario(
      """
      scenario: arrivals
      duration: \(duration)
      fidelity: fluid
      hosts:
        - {name: node, count: \(hosts), cpu: {cores: 2, frequency: 1000 MHz}, memory: {size: 8 GiB}, power: linear, design: bare-metal, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, vcpus: 2, memory: {size: 4 GiB}, trace: lives, workload: demand}
      workloads:
        demand: {utilization: trace}
      traces:
        lives: {}
      policies: {placement: first-fit}
      power:
        linear: {watts: [100 W, 200 W], source: test}
      """)
    var builder = TraceSetBuilder(unit: .seconds(100))
    for life in lives {
      let end = life.end.map { $0 * 1_000_000_000 } ?? TraceSet.forever
      let number = Array(life.name.utf8).withUnsafeBufferPointer {
        builder.add(
          name: $0, start: life.start * 1_000_000_000, end: end, vcpus: 2, capacity: 2000, memory: 4 << 30)
      }
      builder.select(number)
      for sample in life.samples { builder.append(sample, units: 1) }
    }
    let set = builder.finish(order: .given)
    var library = try Support.library.get()
    library.demands = ["lives": try #require(set?.evened())]
    let model = try SimulationModel(scenario: scenario, library: library)
    let result = try FleetEngine.run(model: model, replication: 1)
    try result.checkConservation()
    return result
  }

  @Test("VMs ask for their samples from their begin to their end, on and off the clock of the samples")
  func lives() throws {
    let result = try run(
      [
        ("a", 0, 300, [50, 50, 50]), ("b", 400, nil, [10, 20]), ("c", 450, 650, [100, 40]), ("d", 5000, nil, [100]),
      ], hosts: 4)
    let report = try #require(result.fleet).report
    // Two vCPUs: percent of 2 CPU seconds a second.
    let expected: [Double] = [300, 180, 280, 0]
    for (vm, seconds) in expected.enumerated() { #expect(abs(report.vmRequested[vm] - seconds) < 1e-6, "vm \(vm)") }
    #expect(report.endedVMs == 2)
    #expect(report.mostRunning == 2)
    #expect(report.vmHost[3] == -1)
    #expect(report.waitedVMs == 0)
    // b takes the first host that is free; c runs beside it on the next.
    #expect(report.initialHosts[1] == 0 && report.initialHosts[2] == 1)
  }

  @Test("A VM that finds no room waits for it, lives as long as it would have, and the wait is told")
  func waiting() throws {
    let result = try run(
      [("a", 0, 300, [100, 100, 100]), ("b", 100, 300, [50, 50]), ("c", 150, 950, [10])], hosts: 1)
    let report = try #require(result.fleet).report
    // b waits from 100 s to 300 s and runs until 500 s; c waits from 150 s to 500 s.
    #expect(abs(report.vmRequested[1] - 2 * 0.5 * 200) < 1e-6)
    #expect(abs(report.waitingTime - (200 + 350)) < 1e-6)
    #expect(report.waitedVMs == 2 && report.unplacedVMs == 0 && report.mostWaiting == 2)
    #expect(result.value(of: .waitedVMs) == 2)
    // Idle all the time, and 300 s at full load, 200 s at half, the rest at a tenth (c holds its only sample).
    let energy: Double = 100_000 + 100 * 300 + 50 * 200 + 10 * 100
    #expect(abs(report.energy - energy) < 1)
  }

  @Test("A VM that no empty host could take is an error, not a VM that waits for ever")
  func impossible() throws {
    let scenario = try Support.scenario(
      """
      scenario: impossible
      duration: 1 h
      hosts:
        - {name: node, cpu: {cores: 2, frequency: 1000 MHz}, memory: {size: 2 GiB}, design: bare-metal, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, vcpus: 2, memory: {size: 4 GiB}, workload: demand}
      workloads:
        demand: {utilization: 0.5}
      policies: {placement: first-fit}
      """)
    let model = try Support.model(scenario, fidelity: .fluid)
    #expect {
      try FleetEngine.run(model: model, replication: 1)
    } throws: {
      ($0 as? FleetError)?.location?.line == 6 && "\($0)".hasPrefix("vm 'vm' finds no host; expected one with 2 cores")
    }
  }

  @Test(
    "A week of SURF's traces: every VM runs, and asks for all that its fragments say",
    .enabled(
      if: FileManager.default.fileExists(atPath: "\(CloudSimReference.data)/surf_week/tasks.csv.xz"),
      "needs ../shared/data/surf_week"))
  func week() throws {
    let scenario = try Support.scenario(
      """
      scenario: surf
      duration: 7 d
      fidelity: fluid
      hosts:
        - {name: node, count: 100, cpu: {cores: 32, frequency: 2100 MHz}, memory: {size: 256 GiB}, design: kvm-virtio, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, vcpus: 16, memory: {size: 100 GB}, trace: week, workload: demand}
      workloads:
        demand: {utilization: trace}
      traces:
        week: {file: surf_week, format: opendc}
      policies: {placement: best-fit}
      """)
    var library = try Support.library.get()
    library.demands = try TraceLoader.load(scenario, folder: CloudSimReference.data).sets
    let model = try SimulationModel(scenario: scenario, library: library)
    let report = try #require(try FleetEngine.run(model: model, replication: 1).fleet).report
    let set = try #require(library.demands["week"])
    let asked = (0..<set.count).reduce(0.0) { sum, vm in
      sum + set.samples(of: vm).reduce(0) { $0 + Double($1) } / 100 * 16 * set.interval.seconds
    }
    // The last samples of VMs that still run when the week ends are cut off.
    #expect(abs(report.vmRequested.reduce(0, +) - asked) < 1e-3 * asked)
    #expect(report.waitedVMs == 0)
    // As many at a time as the trace has; whether one ends before another begins at the same instant is open.
    var changes: [(time: Int64, difference: Int)] = []
    for vm in 0..<set.count {
      changes.append((set.entities[vm].start, 1))
      changes.append((set.entities[vm].end, -1))
    }
    func most(endsFirst: Bool) -> Int {
      let sorted = changes.filter { $0.time < 7 * 86400 * 1_000_000_000 }.sorted {
        $0.time == $1.time
          ? ($0.difference < $1.difference) == endsFirst && $0.difference != $1.difference : $0.time < $1.time
      }
      return sorted.reduce(into: (now: 0, most: 0)) {
        $0.now += $1.difference
        $0.most = max($0.most, $0.now)
      }.most
    }
    #expect((most(endsFirst: true)...most(endsFirst: false)).contains(report.mostRunning))
  }
}
