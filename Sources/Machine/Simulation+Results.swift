import Model
import Quantities
import Virtualization

/// From the ledger and the threads' clocks to rows of whole nanoseconds that add up exactly.
///
/// A VM's leaves are rounded cumulatively, so that their sum is the rounded sum; all else follows by integer sums and
/// differences: the guest's own work is what remains of the vCPUs' time on cores.
extension Simulation {
  func makeResult() -> RunResult {
    var exits = exitRows()
    if model.vms.contains(where: { $0.logged != nil || $0.plan != nil }) { exits = RunResult.joining(exits) }
    var stall = [Int64](repeating: 0, count: vms.count)
    var backend = [Int64](repeating: 0, count: vms.count)
    var exitCounts = [Int64](repeating: 0, count: vms.count)
    for row in exits {
      if row.place.isAsynchronous { backend[row.vm] += row.nanoseconds } else { stall[row.vm] += row.nanoseconds }
      exitCounts[row.vm] += row.exits
    }
    let rows = vms.indices.map { vm in
      vmRow(vm, stall: stall[vm], backend: backend[vm], exits: exitCounts[vm])
    }
    return RunResult(
      model: model, replication: Int(replication), fidelity: .exit, exits: exits,
      vms: rows, services: serviceRows(virtualized: exits, vms: rows),
      workloads: model.workloads.indices.map { workloadRow($0) }, events: eventCount)
  }

  private func exitRows() -> [RunResult.ExitRow] {
    var rows: [RunResult.ExitRow] = []
    var cumulative = [Int128](repeating: 0, count: vms.count * 2)
    for (index, leaf) in ledger.leaves.enumerated() where ledger.count[index] > 0 || ledger.time[index] > 0 {
      // Synchronous and asynchronous leaves of a VM are rounded apart, each against its own threads' clocks.
      let account = leaf.vm * 2 + (leaf.charge.place.isAsynchronous ? 1 : 0)
      let before = Self.nanoseconds(cumulative[account])
      cumulative[account] += Int128(ledger.time[index])
      rows.append(
        RunResult.ExitRow(
          host: model.vms[leaf.vm].host, vm: leaf.vm, operation: leaf.operation, step: leaf.charge.step,
          place: leaf.charge.place, count: ledger.count[index],
          exits: ledger.count[index] / Int64(leaf.charge.count) * Int64(leaf.charge.exits),
          nanoseconds: Self.nanoseconds(cumulative[account]) - before, kind: leaf.charge.kind,
          reason: leaf.charge.reason))
    }
    return rows
  }

  private static func nanoseconds(_ units: Int128) -> Int64 { Int64((units + 32768) >> 16) }

  private func vmRow(_ index: Int, stall: Int64, backend: Int64, exits: Int64) -> RunResult.VMRow {
    let vm = model.vms[index]
    var running: Int64 = 0
    var waiting: Int64 = 0
    var halted: Int64 = 0
    let first = Int(vms[index].firstThread)
    for thread in first..<first + vm.vcpus {
      running += threads[thread].runningTime
      waiting += threads[thread].waitingTime
      halted += threads[thread].blockedTime
    }
    var row = RunResult.VMRow(
      name: vm.name, host: vm.host, workload: vm.workload, vcpus: vm.vcpus, guest: running - stall, stall: stall,
      steal: waiting, halted: halted, backend: backend, completed: completed(by: index), exits: exits,
      shadowTables: vm.load.shadowTables, memory: memoryUse(of: index))
    // Rounded to whole nanoseconds apart from the guest's own time.
    row.spin = min(row.guest, Self.nanoseconds(Int128(spins[index].spun)))
    return row
  }

  private func completed(by vm: Int) -> Int64 {
    switch vms[vm].shape {
    case .requests, .idle: vms[vm].completed
    case .program: vms[vm].done
    case .batch: vms[vm].finishedAt >= 0 ? 1 : 0
    }
  }

  private func workloadRow(_ index: Int) -> RunResult.WorkloadRow {
    let workload = model.workloads[index]
    let own = vms.indices.filter { vms[$0].workload == Int32(index) }
    let seconds = model.window.seconds
    let completed = own.reduce(0) { $0 + self.completed(by: $1) }
    switch workload.shape {
    case .requests:
      return RunResult.WorkloadRow(
        name: workload.name, shape: workload.shape.name, completed: completed,
        throughput: Double(completed) / seconds, meanLatency: latencies[index].mean,
        quantiles: latencies[index].quantiles, violation: latencies[index].violation)
    case .idle:
      return RunResult.WorkloadRow(
        name: workload.name, shape: workload.shape.name, completed: completed, throughput: 0, meanLatency: nil,
        quantiles: [])
    case .program, .batch:
      // Rates are taken over the part of the window in which the VM had work left.
      let unit = workload.shape.name == "batch" ? 1e-9 : 1
      let throughput = own.reduce(0.0) { sum, vm in
        let active = activeSeconds(of: vm)
        return active > 0 ? sum + Double(vms[vm].done) * unit / active : sum
      }
      let means: [Double] = own.compactMap { vm in
        if unit == 1 { return vms[vm].done > 0 ? activeSeconds(of: vm) / Double(vms[vm].done) : nil }
        return vms[vm].finishedAt >= 0 ? Double(vms[vm].finishedAt) * 1e-9 : nil
      }
      return RunResult.WorkloadRow(
        name: workload.name, shape: workload.shape.name, completed: completed, throughput: throughput,
        meanLatency: means.isEmpty ? nil : means.reduce(0, +) / Double(means.count), quantiles: [])
    }
  }

  /// Seconds of the measured window before a batch or program ended.
  private func activeSeconds(of vm: Int) -> Double {
    let end = vms[vm].finishedAt >= 0 ? vms[vm].finishedAt : model.duration.nanoseconds
    return Double(max(0, end - model.warmup.nanoseconds)) * 1e-9
  }
}
