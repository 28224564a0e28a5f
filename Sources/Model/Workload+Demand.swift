extension RequestWorkload {
  /// Requests per nanosecond that a VM is asked for; of a closed population, as if nobody waited.
  public var nominalRate: Double {
    switch arrivals {
    case .poisson(let rate), .deterministic(let rate): rate.perSecond * 1e-9
    case .closed(let clients, let think): Double(clients) / max(1e-3, Double(think.nanoseconds) + service.mean)
    }
  }
}

extension Workload {
  /// CPU time on the bare host by which operations are counted, in nanoseconds: that of a request, else a second.
  var unitOfWork: Double {
    if case .requests(let requests) = shape { requests.service.mean } else { 1e9 }
  }

  /// Busy vCPUs of a VM that is asked for what the workload's document states.
  func nominalBusy(vcpus: Int) -> Double {
    switch shape {
    case .batch(let batch): Double(min(batch.threads, vcpus))
    case .program: 1
    case .idle: 0
    case .requests(let requests): min(Double(vcpus), requests.nominalRate * requests.service.mean)
    }
  }
}
