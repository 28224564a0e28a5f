/// What becomes of the exits of a guest (L2) whose hypervisor (L1) runs in a VM of another one (L0).
///
/// `L0's exit + reflection + L1's handler + Σ L1's own exits + L0's resume`: the hardware exits to L0, which enters L1 with
/// L2's state; L1's handler is that of an exit as it is without nesting, less the switches of the hardware; what L1 does to
/// get at L2's state (VMREAD, VMWRITE) and on its way exits itself; its resume exits, and L0 merges and enters.
/// [M. Ben-Yehuda et al., The Turtles project, OSDI 2010]
public struct NestedExits: Sendable, Hashable {
  /// How often L1 does something for one exit of L2.
  public struct Counts: Sendable, Hashable {
    /// By reason of L2's exit, where the reason matters.
    public let byReason: [ExitReason: Int]
    /// For exits that L1's kernel hands to the device model.
    public let deviceModel: Int
    /// For all others.
    public let usual: Int

    /// Creates counts.
    public init(byReason: [ExitReason: Int] = [:], deviceModel: Int, usual: Int) {
      self.byReason = byReason
      self.deviceModel = deviceModel
      self.usual = usual
    }

    func count(reason: ExitReason?, place: Place) -> Int {
      reason.flatMap { byReason[$0] } ?? (place == .vmm ? deviceModel : usual)
    }
  }

  /// L1's accesses to L2's control structure, where they exit.
  public let accesses: Counts
  /// Other exits of L1, beyond those of the round trip.
  public let own: Counts
  /// Where the figures come from.
  public let source: String

  /// Creates the counts.
  public init(accesses: Counts, own: Counts, source: String) {
    self.accesses = accesses
    self.own = own
    self.source = source
  }

  /// The step of L0's exit, the reflection, L1's resume and L0's entry.
  static let roundTrip = "nested_exit"
  /// The step of an access to L2's control structure that exits.
  static let access = "vmcs_access_exit"
  /// The step of another exit of L1.
  static let own = "l1_exit"
}

extension StepCharge {
  /// The charge as the work of a hypervisor in a VM, which does not switch by itself: `hardware` nanoseconds an exit.
  func handled(withoutSwitch hardware: Double) -> StepCharge {
    let isSwitch = step == "vm_exit" || step == "vm_entry"
    guard exits > 0 || isSwitch, count > 0 else { return self }
    let rest = isSwitch ? 0 : max(0, mean - Double(exits) * hardware)
    return StepCharge(
      step: step, place: place, count: count, exitsPerStep: exits / count, reason: reason,
      stepMean: rest / Double(count), distribution: distribution, kind: kind,
      origin: origin ?? PriceOrigin(document: "", source: "handler in the VM: the exit less the hardware's switches"))
  }
}
