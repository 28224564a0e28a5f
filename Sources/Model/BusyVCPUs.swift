/// How many vCPUs of a VM work at a time.
struct BusyVCPUs {
  let workload: Workload
  let vcpus: Int

  /// vCPUs that may work at a time.
  var most: Int {
    switch workload.shape {
    case .requests: vcpus
    case .batch(let batch): min(batch.threads, vcpus)
    case .program, .idle: 1
    }
  }

  /// Processes that work at a time, each in an address space of its own.
  var processes: Int {
    guard case .requests(let requests) = workload.shape, case .closed(let clients, _) = requests.arrivals
    else { return most }
    return min(most, clients)
  }

  /// Shares of the work that is done while 1, 2, ... vCPUs are busy, `rate` being that of requests that end then, in
  /// requests per nanosecond.
  ///
  /// Busy vCPUs make a birth-death process.
  func weights(rate: (Int) -> Double) -> [Double] {
    let last = most
    var weights = [Double](repeating: 0, count: last)
    guard case .requests(let requests) = workload.shape else {
      weights[last - 1] = 1
      return weights
    }
    func deaths(_ number: Int) -> Double { rate(min(number, last)) }
    var state = 1.0
    func add(_ number: Int, times: Double = 1) { weights[min(number, last) - 1] += state * times * deaths(number) }
    switch requests.arrivals {
    case .poisson(let arrivals), .deterministic(let arrivals):
      let births = arrivals.perSecond * 1e-9
      for number in 1..<last {
        state *= births / deaths(number)
        add(number)
      }
      let load = births / deaths(last)
      state *= load
      // All later states are busy alike; where they are unstable there are no others.
      if load < 1 { add(last, times: 1 / (1 - load)) } else { weights = [Double](repeating: 0, count: last - 1) + [1] }
    case .closed(let clients, let think):
      for number in 1...clients {
        let births = Double(clients - number + 1) / max(1, Double(think.nanoseconds))
        state *= births / deaths(number)
        add(number)
        if state > 1e200 {
          state *= 1e-200
          weights = weights.map { $0 * 1e-200 }
        }
      }
    }
    let all = weights.reduce(0, +)
    guard all > 0 else { return [1] + [Double](repeating: 0, count: last - 1) }
    return weights.map { $0 / all }
  }
}
