import Quantities
import Virtualization

/// Polling of a backend before it sleeps.
public enum BackendPolling {
  /// The charge of one time of polling.
  public static func charge(of time: TimeSpan, place: Place, scenario: String) -> StepCharge {
    StepCharge(
      step: "busy_poll", place: place, count: 1, exitsPerStep: 0, stepMean: Double(time.nanoseconds),
      distribution: .deterministic, kind: .assumed,
      origin: PriceOrigin(document: scenario, source: "busy_poll of the VM's device"))
  }
}

extension CompiledDesign {
  /// Whether one thread serves the network and the disk of a VM: the main loop of its device model.
  public var sharesBackend: Bool {
    let network = choice.axes[.network]
    return network == choice.axes[.disk] && (network == "emulated" || network == "virtio_user")
  }

  /// Whether packets, or block requests, go by a device or a virtual function of one that the guest drives itself.
  public func isAssigned(_ use: FrontEnd.Use) -> Bool {
    ["passthrough", "sriov"].contains(choice.axes[use == .network ? .network : .disk])
  }

  /// Threads of the backend that serve the queues of a device: one each unless the VM says otherwise; the main loop of a
  /// device model is a single one.
  public func workers(of options: DeviceOptions) -> Int {
    sharesBackend ? 1 : min(options.queues, options.workers ?? options.queues)
  }

  /// Packets that the backend of the network sends at most before it hands them back, while more wait; 1 where it hands back
  /// each batch of the guest.
  public var transmitBatch: Int {
    guard let batch = choice.design.transmitBatch, batch.conditions.allSatisfy({ choice.axes[$0] == $1 }) else {
      return 1
    }
    return batch.packets
  }

  /// Whether its backends are vCPUs of a domain that all VMs of the host share.
  public var hasPrivilegedDomain: Bool {
    [GuestOperation.netTx, .netRx, .blockRead, .blockCompletion].contains { operation in
      cost(of: operation)?.asynchronous.contains { $0.place == .privilegedDomain } ?? false
    }
  }
}

extension SimulationModel {
  /// Time that a VM's own limit gives to the packets that one request sends, in nanoseconds; 0 without a limit.
  public func limitTime(ofRequestBy vm: VirtualMachine) -> Int64 {
    guard let limit = vm.io.networkOptions.limit, case .requests = workloads[vm.workload].shape else { return 0 }
    let bits = vm.load.traffic.sentBytes * 8
    return Int64((bits / limit * 1e9).rounded(.up))
  }
}
