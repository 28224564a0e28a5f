/// How a guest's kernel spins for a lock.
public enum SpinLockKind: String, CaseIterable, Sendable, Hashable {
  /// Served in the order of coming; a waiter that has lost its processor holds up those behind it.
  case ticket
  /// As a ticket lock, each waiter spinning on a word of its own (MCS). The two differ in cache traffic, which is not
  /// modelled.
  case queued
  /// Whoever runs when the lock is let go may take it: unfair, and free of waiters that hold up others.
  case testAndSet = "test_and_set"
  /// Queued; a waiter that has spun in vain halts, and is kicked when it is its turn. A newcomer may take the lock while it
  /// wakes up.
  case paravirtual
}

/// What spin locks a guest system has.
public struct SpinLockPolicy: Sendable, Hashable {
  /// Where the design has what it needs.
  public var kind: SpinLockKind
  /// In place of paravirtual ones in a VM whose hypervisor has no calls for them.
  public var fallback: SpinLockKind
  /// Passes of the loop after which a waiter of a paravirtual lock halts.
  ///
  /// Linux: `SPIN_THRESHOLD`, 2^15.
  public var threshold: Double

  /// Creates a policy; `threshold` > 0.
  public init(kind: SpinLockKind = .queued, fallback: SpinLockKind = .queued, threshold: Double = 32768) {
    self.kind = kind
    self.fallback = fallback
    self.threshold = threshold
  }

  /// Passes after which a waiter that is not the first looks whether the one before it runs.
  ///
  /// Linux: `PV_PREV_CHECK_MASK`, 0xff.
  public static let checkedPasses = 256.0

  /// The kind that a guest uses under a design which asked for `stated`, if anything.
  ///
  /// Linux without a hypervisor has queued locks; in a VM without calls for paravirtual ones it falls back to the unfair
  /// test-and-set (`virt_spin_lock`).
  public func effective(_ stated: SpinLockKind?, under design: CompiledDesign) -> SpinLockKind {
    let wanted = stated ?? kind
    guard wanted == .paravirtual else { return wanted }
    if !(design.cost(of: .lockKick)?.synchronous.isEmpty ?? true) { return .paravirtual }
    return design.choice.axes[.cpu] == "native" ? .queued : fallback
  }
}

/// Exits of a vCPU that spins: what the processor counts, and what the hypervisor makes of it.
public enum PauseLoops {
  /// What a hypervisor does with a vCPU that spins.
  public enum Response: String, CaseIterable, Sendable, Hashable {
    /// The processor does not look.
    case off
    /// It makes way for whoever comes next.
    case yield
    /// KVM: it makes way for a sibling that was preempted in its kernel.
    case directedYield = "directed_yield"
  }

  /// Cycles of a loop of PAUSE after which VT-x exits (`ple_window`), doubled at each exit, reset when the vCPU gets a
  /// processor. [Linux, arch/x86/kvm/vmx/vmx.c]
  public static let windowCycles = 4096.0
  /// PAUSE instructions after which AMD-V exits. [Linux, arch/x86/kvm/svm/svm.c]
  public static let filterCount = 3000.0
  /// To how many they may grow.
  public static let largestFilterCount = 65535.0
}
