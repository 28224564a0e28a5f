import Model

extension CompatibleEngine {
  func note() {
    var active = 0
    var allocated = 0.0
    for host in 0..<fleet.hostCount {
      if fleet.hosts[host].utilization > 0 { active += 1 }
      allocated += fleet.hosts[host].utilization
    }
    ticks.append(
      FleetReport.Tick(
        time: now, activeHosts: active, allocated: allocated, energy: total, migrations: migrations.count))
  }

  func report() -> FleetReport {
    finishEnergy()
    var report = FleetReport(hostCount: fleet.hostCount, vmCount: fleet.vmCount)
    report.energy = total
    report.ticks = ticks
    report.migrations = migrations
    report.initialHosts = initialHosts
    report.endedVMs = endedVMs
    var requested = 0.0
    var allocated = 0.0
    var lost = 0.0
    var missing = 0.0
    var missingCount = 0
    for vm in 0..<fleet.vmCount {
      let account = fleet.vms[vm].account
      // In CPU seconds of a vCPU at its nominal speed.
      let speed = max(1, fleet.vmKinds[vm].mips / Double(fleet.vmKinds[vm].vcpus))
      report.vmRequested[vm] = account.requested / speed
      report.vmGuest[vm] = account.allocated / speed
      report.vmSteal[vm] = max(0, account.requested - account.allocated) / speed
      report.vmHost[vm] = fleet.vms[vm].lastHost
      report.vmMigrations[vm] = fleet.vms[vm].moves
      requested += account.requested
      allocated += account.allocated
      lost += account.lostToMigration
      missing += account.missingShares
      missingCount += account.missingCount
    }
    var active = 0.0
    var short = 0.0
    for host in 0..<fleet.hostCount {
      fleet.hostAccounts[host].finish()
      let speed = fleet.hostKinds[host].element
      report.hostEnergy[host] = energy[host]
      report.hostGuest[host] = fleet.hostAccounts[host].used / speed
      report.hostActive[host] = fleet.hostAccounts[host].active
      report.hostShort[host] = fleet.hostAccounts[host].short
      active += fleet.hostAccounts[host].active
      short += fleet.hostAccounts[host].short
      report.shutdowns += fleet.hostAccounts[host].shutdowns
    }
    report.degradation = requested > 0 ? lost / requested : 0
    report.shortTime = active > 0 ? short / active : 0
    report.overallViolation = requested > 0 ? (requested - allocated) / requested : 0
    report.averageViolation = missingCount > 0 ? missing / Double(missingCount) : 0
    return report
  }
}
