/// What a design can and cannot do with its guests.
public struct DesignCapabilities: Sendable, Hashable {
  /// Paravirtual interfaces that a guest must have, by name.
  public var guestInterfaces: [String]
  /// Whether VMs can be moved while they run.
  public var canMigrate: Bool
  /// Whether memory can be promised that the host does not have.
  public var canOvercommitMemory: Bool
  /// Why, for messages.
  public var reason: String

  /// Creates capabilities; without arguments a design can do everything with every guest.
  public init(
    guestInterfaces: [String] = [], canMigrate: Bool = true, canOvercommitMemory: Bool = true, reason: String = ""
  ) {
    self.guestInterfaces = guestInterfaces
    self.canMigrate = canMigrate
    self.canOvercommitMemory = canOvercommitMemory
    self.reason = reason
  }

  /// Paravirtual interfaces between guests and hypervisors: drivers of virtual devices (`virtio`, `xen`, `hyper-v`,
  /// `vmware`), and kernels that were made for a hypervisor (`xen-pv`, `pvm`).
  public static let knownInterfaces = ["virtio", "xen", "hyper-v", "vmware", "xen-pv", "pvm"]

  /// The interfaces that a guest lacks.
  public func missing(in guest: GuestSystem) -> [String] {
    guard let interfaces = guest.interfaces else { return [] }
    return guestInterfaces.filter { !interfaces.contains($0) }
  }
}
