/// Where a step's CPU time is spent.
public enum Place: UInt8, CaseIterable, Sendable, Hashable, CustomStringConvertible {
  case guest, hypervisor, hostKernel, vmm, worker, privilegedDomain

  /// The name used in YAML, CSV and text.
  public var name: String {
    switch self {
    case .guest: "guest"
    case .hypervisor: "hypervisor"
    case .hostKernel: "host_kernel"
    case .vmm: "vmm"
    case .worker: "worker"
    case .privilegedDomain: "privileged_domain"
    }
  }

  /// Steps at an asynchronous place queue there; all others stall the vCPU.
  public var isAsynchronous: Bool { self == .worker || self == .privilegedDomain }

  /// The place of that name, or nil.
  public init?(name: String) {
    guard let place = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = place
  }

  /// The name used in YAML, CSV and text.
  public var description: String { name }
}
