import Model

extension CompatibleFleet {
  /// The detector of a run.
  struct Detector {
    let overload: ConsolidationPolicy.Overload
    let parameter: Double
    /// Threshold where the history is too short for the detector.
    static let fallback = 0.7
    /// Bytes a second of a migration.
    let migrationRate: Double
  }

  /// Whether a host is overloaded, or would be with one more VM.
  ///
  /// - Complexity: O(1) for THR; O(30) for the others once the host's history is made.
  func isOverloaded(_ host: Int, with vm: Int? = nil, by detector: Detector) -> Bool {
    let requested = hosts[host].requested + (vm.map { vms[$0].request } ?? 0)
    let utilization = requested / hostKinds[host].total
    if detector.overload == .threshold { return utilization > detector.parameter }
    let length = OverloadStatistics.historyLength
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: length) { buffer in
      let history = buffer.baseAddress!
      makeHistory(of: host)
      history.update(from: hostHistories + host * length, count: length)
      if let vm { add(vm, to: history, of: host) }
      // The tail of zeros belongs to times before the first VM.
      var count = length
      while count > 0, history[count - 1] == 0 { count -= 1 }
      switch detector.overload {
      case .threshold, .interquartileRange, .medianAbsoluteDeviation:
        guard count >= 12 else { return utilization > Detector.fallback }
        let spread =
          detector.overload == .interquartileRange
          ? OverloadStatistics.interquartileRange(history, count: count)
          : OverloadStatistics.medianAbsoluteDeviation(history, count: count)
        return utilization > 1 - detector.parameter * spread
      case .localRegression, .robustLocalRegression:
        // The robust form never applies its weights: both are ordinary least squares.
        let used = OverloadStatistics.regressionLength
        guard count >= used else { return utilization > Detector.fallback }
        for index in 0..<used / 2 {
          (history[index], history[used - 1 - index]) = (history[used - 1 - index], history[index])
        }
        let memory = max(hosts[host].largestMemory, vm.map { vmKinds[$0].memory } ?? 0)
        let steps = (Double(memory) / detector.migrationRate / interval).rounded(.up)
        let predicted =
          corrections.regression
          ? OverloadStatistics.localRegression(
            history, count: used, to: Double(used) + steps, isRobust: detector.overload == .robustLocalRegression)
          : OverloadStatistics.extrapolation(history, count: used, to: Double(used) + steps)
        return predicted * detector.parameter >= 1
      }
    }
  }

  private func makeHistory(of host: Int) {
    guard !hosts[host].hasHistory else { return }
    hosts[host].hasHistory = true
    let length = OverloadStatistics.historyLength
    let history = hostHistories + host * length
    history.update(repeating: 0, count: length)
    for index in 0..<Int(hosts[host].count) { add(Int(hosts[host].slots[index].vm), to: history, of: host) }
  }

  private func add(_ vm: Int, to history: UnsafeMutablePointer<Double>, of host: Int) {
    let own = vmHistories + vm * OverloadStatistics.historyLength
    let mips = vmKinds[vm].mips
    let total = hostKinds[host].total
    for index in 0..<Int(vms[vm].historyCount) { history[index] += own[index] * mips / total }
  }
}
