/// Why a guest left for its hypervisor, under one name for both vendors.
///
/// Reports name the same exit in several ways: Intel's and AMD's manuals, `perf kvm stat`, KVM's statistics. The table
/// below is the only place that knows them.
public enum ExitReason: String, CaseIterable, Sendable, Hashable {
  case cpuid
  case msrRead = "msr_read"
  case msrWrite = "msr_write"
  case msr
  case portIO = "port_io"
  case mmio
  case hypercall
  case halt
  case pageFault = "page_fault"
  case nestedPageFault = "nested_page_fault"
  case invlpg
  case cr3Write = "cr3_write"
  case cr3Read = "cr3_read"
  case controlRegister = "control_register"
  case debugRegister = "debug_register"
  case privilegedInstruction = "privileged_instruction"
  case exception
  case externalInterrupt = "external_interrupt"
  case interruptWindow = "interrupt_window"
  case preemptionTimer = "preemption_timer"
  case endOfInterrupt = "end_of_interrupt"
  case apicAccess = "apic_access"
  case pause
  case dirtyLog = "dirty_log"
  case nonMaskableInterrupt = "non_maskable_interrupt"
  case nestedVirtualization = "nested_virtualization"
  case other

  /// What a workload makes of exits for a reason.
  public enum Use: Sendable, Hashable {
    /// One given operation each.
    case given(GuestOperation)
    /// Follows from the simulation: other operations, idleness, the design or the host make these exits.
    case derived(String)
  }

  /// How a workload states the reason.
  public var use: Use {
    switch self {
    case .cpuid: .given(.cpuid)
    case .msrRead: .given(.msrRead)
    case .msrWrite, .msr: .given(.msrWrite)
    case .portIO: .given(.portIO)
    case .mmio: .given(.mmio)
    case .hypercall: .given(.hypercall)
    case .privilegedInstruction, .controlRegister, .debugRegister: .given(.privilegedInstruction)
    case .halt: .derived("follows from idleness")
    case .pageFault: .derived("follows from page faults and page-table writes under shadow paging")
    case .nestedPageFault: .derived("first touches of guest memory, and device registers on AMD-V")
    case .invlpg: .derived("follows from flushes under shadow paging")
    case .cr3Write, .cr3Read: .derived("follows from process switches under shadow paging")
    case .exception: .derived("interception of exceptions is a matter of the design")
    case .externalInterrupt: .derived("interrupts of the host")
    case .interruptWindow: .derived("interrupts that were blocked on arrival")
    case .preemptionTimer: .derived("expiry of the guest's timer")
    case .endOfInterrupt, .apicAccess: .derived("follows from interrupts and the design's interrupt controller")
    case .pause: .derived("spinning on a lock whose holder does not run")
    case .dirtyLog: .derived("dirty logging")
    case .nonMaskableInterrupt: .derived("profiling or watchdog of the host")
    case .nestedVirtualization: .derived("a hypervisor runs in the guest")
    case .other: .derived("no operation of the model makes these")
    }
  }

  /// The reason that a report calls by this name, in any case; nil for a name that no table has.
  ///
  /// Known are the names of `perf kvm stat` for VT-x and AMD-V (arch/x86/include/uapi/asm/vmx.h and svm.h of Linux, whose
  /// `EXIT_REASON_` and `SVM_EXIT_` are left away) and AMD's codes in hexadecimal.
  public init?(reportName name: String) {
    let key = Self.normalized(name)
    if let reason = Self.byName[key] {
      self = reason
    } else if key.hasPrefix("0x"), let code = UInt32(key.dropFirst(2), radix: 16), let reason = Self.reason(code: code)
    {
      self = reason
    } else if key.hasSuffix("_excp") || key.hasPrefix("excp_") {
      self = key.contains("pf") ? .pageFault : .exception
    } else if key.contains("_cr") && (key.hasPrefix("read_") || key.hasPrefix("write_") || key.hasPrefix("trap_")) {
      self = key == "write_cr3" ? .cr3Write : key == "read_cr3" ? .cr3Read : .controlRegister
    } else if key.contains("_dr") && (key.hasPrefix("read_") || key.hasPrefix("write_")) {
      self = .debugRegister
    } else {
      return nil
    }
  }

  private static func normalized(_ name: String) -> String {
    var key = name.lowercased().replacing(" ", with: "_").replacing("-", with: "_")
    for prefix in ["exit_reason_", "svm_exit_"] where key.hasPrefix(prefix) { key.removeFirst(prefix.count) }
    return key
  }

  /// AMD's exit codes (AMD64 Architecture Programmer's Manual, volume 2, appendix C).
  private static func reason(code: UInt32) -> ExitReason? {
    switch code {
    case 0x03: .cr3Read
    case 0x13: .cr3Write
    case 0x00...0x1f: .controlRegister
    case 0x20...0x3f: .debugRegister
    case 0x4e: .pageFault
    case 0x40...0x5f: .exception
    default: codes[code]
    }
  }

  private static let codes: [UInt32: ExitReason] = [
    0x60: .externalInterrupt, 0x61: .nonMaskableInterrupt, 0x64: .interruptWindow, 0x72: .cpuid, 0x77: .pause,
    0x78: .halt, 0x79: .invlpg, 0x7b: .portIO, 0x7c: .msr, 0x80: .nestedVirtualization, 0x81: .hypercall,
    0x87: .privilegedInstruction, 0x89: .privilegedInstruction, 0x8d: .privilegedInstruction, 0x400: .nestedPageFault,
  ]

  private static let byName: [String: ExitReason] = [
    // VT-x.
    "exception_nmi": .exception, "external_interrupt": .externalInterrupt, "interrupt_window": .interruptWindow,
    "pending_interrupt": .interruptWindow, "nmi_window": .nonMaskableInterrupt, "cpuid": .cpuid, "hlt": .halt,
    "invlpg": .invlpg, "rdpmc": .privilegedInstruction, "rdtsc": .privilegedInstruction, "vmcall": .hypercall,
    "cr_access": .controlRegister, "dr_access": .debugRegister, "io_instruction": .portIO, "msr_read": .msrRead,
    "msr_write": .msrWrite, "mwait_instruction": .halt, "monitor_instruction": .privilegedInstruction,
    "pause_instruction": .pause, "tpr_below_threshold": .apicAccess, "apic_access": .apicAccess,
    "eoi_induced": .endOfInterrupt, "apic_write": .apicAccess, "ept_violation": .nestedPageFault,
    "ept_misconfig": .mmio, "preemption_timer": .preemptionTimer, "wbinvd": .privilegedInstruction,
    "xsetbv": .privilegedInstruction, "rdrand": .privilegedInstruction, "rdseed": .privilegedInstruction,
    "invpcid": .invlpg, "pml_full": .dirtyLog, "gdtr_idtr": .privilegedInstruction, "ldtr_tr": .privilegedInstruction,
    "task_switch": .privilegedInstruction, "umwait": .halt, "tpause": .halt, "bus_lock": .other, "notify": .other,
    "vmread": .nestedVirtualization, "vmwrite": .nestedVirtualization, "vmresume": .nestedVirtualization,
    "vmlaunch": .nestedVirtualization, "vmclear": .nestedVirtualization, "vmptrld": .nestedVirtualization,
    "vmptrst": .nestedVirtualization, "vmoff": .nestedVirtualization, "vmon": .nestedVirtualization,
    "invept": .nestedVirtualization, "invvpid": .nestedVirtualization, "invalid_state": .other,
    "mce_during_vmentry": .other,
    "triple_fault": .other, "init_signal": .other, "sipi_signal": .other,
    // AMD-V.
    "interrupt": .externalInterrupt, "intr": .externalInterrupt, "nmi": .nonMaskableInterrupt,
    "vintr": .interruptWindow,
    "cr0_sel_write": .controlRegister, "pushf": .privilegedInstruction, "popf": .privilegedInstruction,
    "iret": .nonMaskableInterrupt, "swint": .exception, "invd": .privilegedInstruction, "pause": .pause,
    "invlpga": .invlpg, "io": .portIO, "ioio": .portIO, "msr": .msr, "shutdown": .other, "smi": .other, "init": .other,
    "vmrun": .nestedVirtualization, "vmmcall": .hypercall, "hypercall": .hypercall, "vmload": .nestedVirtualization,
    "vmsave": .nestedVirtualization, "stgi": .nestedVirtualization, "clgi": .nestedVirtualization,
    "rdtscp": .privilegedInstruction, "monitor": .privilegedInstruction, "mwait": .halt, "mwait_cond": .halt,
    "npf": .nestedPageFault, "avic_incomplete_ipi": .apicAccess, "avic_unaccelerated_access": .apicAccess,
    "rdpru": .privilegedInstruction, "vmgexit": .hypercall,
  ]
}
