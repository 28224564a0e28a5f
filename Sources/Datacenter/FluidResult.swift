import Model
import Virtualization

/// Turns expected rates into rows of whole nanoseconds that add up exactly, as the exit-level engine's do.
struct FluidResult {
  let model: SimulationModel
  let expectations: [VMExpectation]
  /// Processors that the works of each host get.
  let works: [[Double]]

  /// Seconds of the measured window in which a VM works, and when its work ends.
  private func activity(of vm: Int) -> (seconds: Double, end: Double?) {
    let expectation = expectations[vm]
    let end = expectation.workLimit / expectation.throughput
    guard end.isFinite, end < model.duration.seconds else { return (model.window.seconds, nil) }
    return (max(0, end - model.warmup.seconds), end)
  }

  func make(replication: Int) -> RunResult {
    var exits: [RunResult.ExitRow] = []
    var rows: [RunResult.VMRow] = []
    for vm in model.vms.indices {
      let own = exitRows(of: vm)
      exits += own
      rows.append(vmRow(vm, exits: own))
    }
    if model.vms.contains(where: { $0.logged != nil || $0.plan != nil }) { exits = RunResult.joining(exits) }
    return RunResult(
      model: model, replication: replication, fidelity: .fluid, exits: exits,
      vms: rows, services: serviceRows(exits: exits, vms: rows),
      workloads: model.workloads.indices.map { workloadRow($0) }, events: 0)
  }

  private func exitRows(of vm: Int) -> [RunResult.ExitRow] {
    let seconds = activity(of: vm).seconds
    var rows: [RunResult.ExitRow] = []
    var cumulative = [0.0, 0.0]
    for flow in expectations[vm].flows {
      let operations = flow.rate * seconds
      let account = flow.charge.place.isAsynchronous ? 1 : 0
      // Rounded down, so that the sum never exceeds the cores' time.
      let before = cumulative[account].rounded(.down)
      cumulative[account] += operations * flow.charge.mean * expectations[vm].stretch
      rows.append(
        RunResult.ExitRow(
          host: model.vms[vm].host, vm: vm, operation: flow.operation, step: flow.charge.step,
          place: flow.charge.place, count: Int64((operations * Double(flow.charge.count)).rounded()),
          exits: Int64((operations * Double(flow.charge.exits)).rounded()),
          nanoseconds: Int64(cumulative[account].rounded(.down) - before), kind: flow.charge.kind,
          reason: flow.charge.reason))
    }
    return rows
  }

  private func vmRow(_ index: Int, exits: [RunResult.ExitRow]) -> RunResult.VMRow {
    let vm = model.vms[index]
    let expectation = expectations[index]
    let seconds = activity(of: index).seconds
    let stall = exits.reduce(0) { $0 + ($1.place.isAsynchronous ? 0 : $1.nanoseconds) }
    let backend = exits.reduce(0) { $0 + ($1.place.isAsynchronous ? $1.nanoseconds : 0) }
    let capacity = Int64(vm.vcpus) * model.window.nanoseconds
    let guest = min(capacity - stall, Int64((expectation.guest * expectation.stretch * seconds).rounded(.down)))
    let rest = capacity - guest - stall
    // A saturated VM's vCPUs always have work: what they do not run of it while it lasts is steal.
    let parallel = expectation.isSaturated ? Double(saturatedVCPUs(of: index)) : 0
    let wanted = Int64(((parallel * 1e9 - expectation.waiting) * seconds).rounded())
    let delayed = Int64((expectation.steal * seconds).rounded(.down))
    let steal = max(0, min(rest, expectation.isSaturated ? wanted - guest - stall : delayed))
    var row = RunResult.VMRow(
      name: vm.name, host: vm.host, workload: vm.workload, vcpus: vm.vcpus, guest: guest, stall: stall, steal: steal,
      halted: rest - steal, backend: backend, completed: completed(by: index),
      exits: exits.reduce(0) { $0 + $1.exits }, shadowTables: vm.load.shadowTables,
      memory: expectation.memory ?? MemoryUse(vm.memory))
    row.spin = min(guest, Int64((expectation.spin * expectation.stretch * seconds).rounded(.down)))
    return row
  }

  private func serviceRows(exits: [RunResult.ExitRow], vms rows: [RunResult.VMRow]) -> [RunResult.ServiceRow] {
    var left = model.hosts.map { Int64($0.cores) * model.window.nanoseconds }
    for row in exits { left[row.host] -= row.nanoseconds }
    for row in rows { left[row.host] -= row.guest }
    var result: [RunResult.ServiceRow] = []
    for (host, description) in model.hosts.enumerated() {
      for (work, processors) in zip(description.works, works[host]) {
        let time = min(
          max(0, left[host]), Int64((processors * Double(model.window.nanoseconds)).rounded(.down)))
        left[host] -= time
        result.append(
          RunResult.ServiceRow(
            host: host, name: work.name, home: work.home, threads: work.threads,
            wakeups: Int64((Double(work.threads) * (work.wakeups ?? 0) * model.window.seconds).rounded()),
            nanoseconds: time))
      }
    }
    return result
  }

  private func saturatedVCPUs(of index: Int) -> Int {
    switch model.workloads[model.vms[index].workload].shape {
    case .requests, .idle: model.vms[index].vcpus
    case .batch(let batch): min(batch.threads, model.vms[index].vcpus)
    case .program: 1
    }
  }

  private func completed(by index: Int) -> Int64 {
    let (seconds, end) = activity(of: index)
    switch model.workloads[model.vms[index].workload].shape {
    case .batch: return end != nil ? 1 : 0
    default: return Int64((expectations[index].throughput * seconds).rounded())
    }
  }

  private func workloadRow(_ index: Int) -> RunResult.WorkloadRow {
    let workload = model.workloads[index]
    let own = model.vms.indices.filter { model.vms[$0].workload == index }
    let completed = own.reduce(0) { $0 + self.completed(by: $1) }
    let throughput = own.reduce(0.0) { $0 + expectations[$1].throughput }
    switch workload.shape {
    case .requests:
      let latencies = own.compactMap { vm in
        expectations[vm].latency.map { ($0 * expectations[vm].stretch, expectations[vm].throughput) }
      }
      let weight = latencies.reduce(0) { $0 + $1.1 }
      let mean =
        latencies.count == own.count && weight > 0
        ? latencies.reduce(0) { $0 + $1.0 * $1.1 } / weight * 1e-9 : nil
      return RunResult.WorkloadRow(
        name: workload.name, shape: workload.shape.name, completed: completed, throughput: throughput,
        meanLatency: mean, quantiles: [])
    case .idle:
      return RunResult.WorkloadRow(
        name: workload.name, shape: workload.shape.name, completed: completed, throughput: 0, meanLatency: nil,
        quantiles: [])
    case .program:
      let means = own.compactMap { expectations[$0].latency }
      return RunResult.WorkloadRow(
        name: workload.name, shape: workload.shape.name, completed: completed, throughput: throughput,
        meanLatency: means.isEmpty ? nil : means.reduce(0, +) / Double(means.count) * 1e-9, quantiles: [])
    case .batch:
      let ends = own.compactMap { activity(of: $0).end }
      return RunResult.WorkloadRow(
        name: workload.name, shape: workload.shape.name, completed: completed, throughput: throughput * 1e-9,
        meanLatency: ends.isEmpty ? nil : ends.reduce(0, +) / Double(ends.count), quantiles: [])
    }
  }
}
