/// Something a guest does, or that happens to it, which virtualization may make dearer.
///
/// *Given* operations are properties of the workload and the same under every design. *Derived* ones follow from the
/// workload, the design and the load; the engines produce them.
public enum GuestOperation: UInt8, CaseIterable, Sendable, Hashable {
  // Given.
  case syscall, contextSwitch, threadSwitch, pageFault, pageTableUpdate, tlbFlush, processCreation, exec
  case mmap, mprotect, copyOnWrite, pageAccess, cpuid, msrRead, msrWrite, privilegedInstruction, exception, portIO
  case mmio, halt, timerProgram, ipi, taskPriority
  case netTx, netRx, blockRead, blockWrite, fileFirstWrite
  // Derived.
  case hypercall, tlbMiss, firstTouch, hiddenFault, rootLoad, rootRead, emulatedStore, tableUnprotect, tableSync
  case entrySync, remoteFlush, shootdown, lockWait, mmuUpdate, mmuValidation, mmuPin
  case interrupt, eoi, timerInterrupt, hostInterrupt, doorbell, deviceInterrupt
  case dirtyPage, dirtyLogFull, dirtyLogRound, swapIn, guestSwapIn, memoryScan
  case victimHit, integerWork, floatingWork, memoryWork, branchWork, callWork, codeTranslation
  case blockCompletion, devicePort, deviceMemory, busyPoll, dmaMap, dmaUnmap, iotlbFlush, iotlbMiss, remoteAccess
  case balloonPage, balloonReturn, balloonBatch, pageReclaim, guestSwapOut, cacheRead, doublePaging, mergeBreak
  case shadowRecycle, lockSpin, lockKick, lockHalt, lockWake, pauseLoop
  case blockMerge, copiedPage, interruptWindow, flushWait, haltPoll, switchRefill
  // Micro-benchmarks of hypervisors, as programs may state them.
  case interruptController, vmSwitch, ioLatencyOut, ioLatencyIn

  /// Who decides how often the operation happens.
  public enum Origin: String, Sendable { case given, derived }

  /// How the exit-level engine treats the operation.
  public enum Scope: String, Sendable {
    /// Touches no other vCPU, device, lock or worker: a vCPU runs ahead through it in bulk.
    case `private`
    /// Meets a device, a worker or another vCPU: always an event.
    case shared
  }

  /// The name used in YAML, CSV and text.
  public var name: String { Self.entries[Int(rawValue)].name }
  /// One sentence on what the operation is.
  public var meaning: String { Self.entries[Int(rawValue)].meaning }
  /// Given by the workload or derived by the engines.
  public var origin: Origin { rawValue < GuestOperation.hypercall.rawValue ? .given : .derived }
  /// Private operations run ahead in bulk; shared ones are events.
  public var scope: Scope {
    switch self {
    case .netTx, .netRx, .blockRead, .blockWrite, .interrupt, .interruptWindow, .eoi, .doorbell, .deviceInterrupt,
      .halt, .memoryScan, .blockCompletion, .busyPoll, .balloonPage, .balloonReturn, .balloonBatch, .lockSpin,
      .lockKick, .lockHalt, .lockWake, .pauseLoop, .flushWait, .haltPoll:
      .shared
    default: .private
    }
  }
  /// Whether a workload may state how often it happens: every given operation but `halt`, which follows from idleness
  /// outside programs, and the derived ones whose model a workload may switch off by giving a rate.
  public var mayBeStated: Bool {
    switch self {
    case .tlbMiss, .firstTouch, .hiddenFault, .hypercall: true
    default: origin == .given
    }
  }

  /// Whether the loop of a program may state it: what any workload may state, but packets and block requests, which need
  /// a backend; and a doorbell that nobody sleeps behind.
  public var mayStandInProgram: Bool {
    switch self {
    case .halt, .netTx, .netRx, .blockRead, .blockWrite, .fileFirstWrite: false
    case .doorbell, .interruptController, .vmSwitch, .ioLatencyOut, .ioLatencyIn: true
    default: mayBeStated
    }
  }

  /// The operation of that name, or nil.
  public init?(name: String) {
    guard let operation = Self.byName[name] else { return nil }
    self = operation
  }

  private struct Entry: Sendable {
    let operation: GuestOperation
    let name: String
    let meaning: String
  }

  private static let byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.operation) })

  private static let entries: [Entry] = [
    Entry(operation: .syscall, name: "syscall", meaning: "system call entry and return"),
    Entry(operation: .contextSwitch, name: "context_switch", meaning: "switch to another address space"),
    Entry(
      operation: .threadSwitch, name: "thread_switch",
      meaning: "switch to another thread of the same address space on the same vCPU"),
    Entry(operation: .pageFault, name: "page_fault", meaning: "minor page fault of the guest that maps a page"),
    Entry(
      operation: .pageTableUpdate, name: "page_table_update",
      meaning: "write to a page-table entry"),
    Entry(operation: .tlbFlush, name: "tlb_flush", meaning: "invalidation of one page's translation"),
    Entry(
      operation: .processCreation, name: "process_creation",
      meaning: "fork, exit and wait, with the faults, updates, flushes and root loads of the guest's page tables"),
    Entry(
      operation: .exec, name: "exec",
      meaning: "fork, exec of another program, its run, exit and wait, with all that they do to page tables"),
    Entry(
      operation: .mmap, name: "mmap",
      meaning: "mapping of anonymous pages, of which some are written, and its removal"),
    Entry(operation: .mprotect, name: "mprotect", meaning: "change of the rights of resident pages, with its flush"),
    Entry(
      operation: .copyOnWrite, name: "copy_on_write",
      meaning: "fork of a process whose child writes to so many of its pages and ends"),
    Entry(
      operation: .pageAccess, name: "page_access",
      meaning: "read of the next of many mapped pages in sequence, where walks overlap"),
    Entry(operation: .cpuid, name: "cpuid", meaning: "CPUID instruction"),
    Entry(operation: .msrRead, name: "msr_read", meaning: "read of a model-specific register"),
    Entry(operation: .msrWrite, name: "msr_write", meaning: "write of a model-specific register"),
    Entry(
      operation: .privilegedInstruction, name: "privileged_instruction",
      meaning: "privileged instruction other than those named here, such as a control-register access"),
    Entry(
      operation: .exception, name: "exception",
      meaning: "exception that the guest handles itself, such as a breakpoint: delivery and return"),
    Entry(operation: .portIO, name: "port_io", meaning: "port read or write of an emulated device"),
    Entry(operation: .mmio, name: "mmio", meaning: "memory-mapped register access of an emulated device"),
    Entry(operation: .halt, name: "halt", meaning: "a vCPU goes idle"),
    Entry(operation: .timerProgram, name: "timer_program", meaning: "programming of the local timer"),
    Entry(operation: .ipi, name: "ipi", meaning: "inter-processor interrupt sent to a sibling vCPU"),
    Entry(
      operation: .taskPriority, name: "task_priority",
      meaning: "write of the task priority, below which a processor takes no interrupts"),
    Entry(operation: .netTx, name: "net_tx", meaning: "packet sent"),
    Entry(operation: .netRx, name: "net_rx", meaning: "packet received"),
    Entry(operation: .blockRead, name: "block_read", meaning: "read request to a disk"),
    Entry(operation: .blockWrite, name: "block_write", meaning: "write request to a disk"),
    Entry(
      operation: .fileFirstWrite, name: "first_file_write",
      meaning: "first write to a file, which is copied whole where it lies in a lower layer of an overlay"),
    Entry(operation: .hypercall, name: "hypercall", meaning: "call of the guest into its hypervisor"),
    Entry(operation: .tlbMiss, name: "tlb_miss", meaning: "translation missed in the TLB: a page walk"),
    Entry(operation: .firstTouch, name: "first_touch", meaning: "first access to guest memory that the host must back"),
    Entry(
      operation: .hiddenFault, name: "hidden_fault",
      meaning: "access to backed memory whose entry is missing in the hypervisor's tables alone"),
    Entry(operation: .rootLoad, name: "root_load", meaning: "load of a page-table root outside a scheduled switch"),
    Entry(operation: .rootRead, name: "root_read", meaning: "read of the page-table root"),
    Entry(
      operation: .emulatedStore, name: "emulated_store",
      meaning: "store to a page table above the leaves that a hypervisor protects and emulates"),
    Entry(
      operation: .tableUnprotect, name: "table_unprotect",
      meaning: "store to a page that a hypervisor protects as a page table, after which it is free"),
    Entry(
      operation: .tableSync, name: "table_sync",
      meaning: "shadow of a leaf table that is brought up to date with the guest's at a load of the root"),
    Entry(
      operation: .entrySync, name: "entry_sync",
      meaning: "present entry of such a shadow that is compared with the guest's"),
    Entry(
      operation: .remoteFlush, name: "remote_flush",
      meaning: "flush that the hypervisor asks of a running sibling vCPU when shadow tables change"),
    Entry(operation: .shootdown, name: "shootdown", meaning: "flush that the guest asks of a sibling vCPU"),
    Entry(
      operation: .lockWait, name: "lock_wait",
      meaning: "hold of the VM's shadow tables by a sibling vCPU, which this one waits for, spinning"),
    Entry(operation: .mmuUpdate, name: "mmu_update", meaning: "hypercall with a batch of page-table updates"),
    Entry(operation: .mmuValidation, name: "mmu_validation", meaning: "validation of a page-table entry"),
    Entry(operation: .mmuPin, name: "mmu_pin", meaning: "pinning or unpinning of a page table"),
    Entry(operation: .interrupt, name: "interrupt", meaning: "delivery of a device interrupt to a vCPU"),
    Entry(operation: .eoi, name: "eoi", meaning: "end-of-interrupt write"),
    Entry(operation: .timerInterrupt, name: "timer_interrupt", meaning: "the guest's own tick on a busy vCPU"),
    Entry(operation: .hostInterrupt, name: "host_interrupt", meaning: "the host's own tick while a vCPU runs"),
    Entry(operation: .doorbell, name: "doorbell", meaning: "notification of a backend that asked to be woken"),
    Entry(operation: .deviceInterrupt, name: "device_interrupt", meaning: "device wakes a sleeping backend"),
    Entry(operation: .dirtyPage, name: "dirty_page", meaning: "first write to a page in a round of dirty logging"),
    Entry(
      operation: .dirtyLogFull, name: "dirty_log_full", meaning: "the processor's log of dirty pages is full"),
    Entry(operation: .dirtyLogRound, name: "dirty_log_round", meaning: "a round of dirty logging starts anew"),
    Entry(operation: .swapIn, name: "swap_in", meaning: "access to a page that the host has swapped out"),
    Entry(
      operation: .guestSwapIn, name: "guest_swap_in",
      meaning: "access to a page that the guest has swapped out under its balloon"),
    Entry(operation: .memoryScan, name: "memory_scan", meaning: "the host compares a page with those of other guests"),
    Entry(
      operation: .victimHit, name: "victim_hit",
      meaning: "translation missed in a software TLB and found among its last victims"),
    Entry(
      operation: .integerWork, name: "integer_work",
      meaning: "a microsecond of native time in integer instructions that are translated"),
    Entry(
      operation: .floatingWork, name: "floating_work",
      meaning: "a microsecond of native time in floating-point instructions that are translated"),
    Entry(
      operation: .memoryWork, name: "memory_work",
      meaning: "a microsecond of native time in loads and stores that are translated"),
    Entry(
      operation: .branchWork, name: "branch_work",
      meaning: "a microsecond of native time in branches that are translated"),
    Entry(
      operation: .callWork, name: "call_work",
      meaning: "a microsecond of native time in calls, returns and indirect jumps that are translated"),
    Entry(
      operation: .codeTranslation, name: "code_translation",
      meaning: "an instruction of the guest that its translator meets for the first time"),
    Entry(
      operation: .blockCompletion, name: "block_completion",
      meaning: "a block request comes back from its device through the backend"),
    Entry(
      operation: .devicePort, name: "device_port_io",
      meaning: "port access of the driver of an emulated device, as the device's document counts them"),
    Entry(
      operation: .deviceMemory, name: "device_mmio",
      meaning: "memory-mapped access of the driver of an emulated device, as the device's document counts them"),
    Entry(operation: .busyPoll, name: "busy_poll", meaning: "a backend polls its rings before it sleeps"),
    Entry(
      operation: .dmaMap, name: "dma_map", meaning: "a driver maps a buffer for its device in the tables of an IOMMU"),
    Entry(operation: .dmaUnmap, name: "dma_unmap", meaning: "a driver takes a buffer's mapping for its device back"),
    Entry(
      operation: .iotlbFlush, name: "iotlb_flush",
      meaning: "a driver invalidates translations that an IOMMU may still hold, of one buffer or of a batch"),
    Entry(
      operation: .iotlbMiss, name: "iotlb_miss",
      meaning: "a device's address is not in the IOMMU's cache of translations: a walk, which takes the device's time"),
    Entry(
      operation: .remoteAccess, name: "remote_access",
      meaning: "reference to memory of another node, of which the vCPU waits for one at a time"),
    Entry(
      operation: .balloonPage, name: "balloon_page", meaning: "page that a guest's balloon takes and the host gives up"),
    Entry(operation: .balloonReturn, name: "balloon_return", meaning: "page that a guest's balloon gives back"),
    Entry(
      operation: .balloonBatch, name: "balloon_batch", meaning: "a batch of pages that a balloon's driver hands over"),
    Entry(
      operation: .pageReclaim, name: "page_reclaim",
      meaning: "page of a file that the guest drops from its cache for the balloon"),
    Entry(
      operation: .guestSwapOut, name: "guest_swap_out",
      meaning: "page that the guest writes to its own swap for the balloon"),
    Entry(
      operation: .cacheRead, name: "cache_read",
      meaning: "read of a file's page that the guest's cache has lost to the balloon"),
    Entry(
      operation: .doublePaging, name: "double_paging",
      meaning: "page that the host has swapped out and must read for the guest to evict or reuse it"),
    Entry(
      operation: .mergeBreak, name: "merge_break", meaning: "first write to a page that the host has merged with others"
    ),
    Entry(
      operation: .shadowRecycle, name: "shadow_recycle",
      meaning: "shadow page that is torn down because the limit of shadow pages is reached"),
    Entry(operation: .lockSpin, name: "lock_spin", meaning: "a pass of the loop in which the guest waits for a lock"),
    Entry(
      operation: .lockKick, name: "lock_kick", meaning: "call that wakes the next waiter of a paravirtual lock"),
    Entry(
      operation: .lockHalt, name: "lock_halt", meaning: "a vCPU that has spun in vain for a paravirtual lock halts"),
    Entry(
      operation: .lockWake, name: "lock_wake", meaning: "a vCPU that has halted for a lock is kicked and woken"),
    Entry(
      operation: .pauseLoop, name: "pause_loop", meaning: "the processor finds a vCPU spinning and lets it exit"),
    Entry(
      operation: .blockMerge, name: "block_merge",
      meaning: "a block request of the workload is merged with the one before it on the disk"),
    Entry(operation: .copiedPage, name: "copied_page", meaning: "a page of a file of a lower layer is copied up"),
    Entry(
      operation: .interruptWindow, name: "interrupt_window",
      meaning: "an interrupt came while the guest had interrupts off: it is injected when they are on again"),
    Entry(
      operation: .flushWait, name: "flush_wait",
      meaning: "wait, spinning, for the flush of sibling vCPUs that have lost their processors"),
    Entry(
      operation: .haltPoll, name: "halt_poll", meaning: "the host polls for the wake-up of a vCPU that has halted"),
    Entry(
      operation: .switchRefill, name: "switch_refill",
      meaning: "a process finds its data no longer in the cache and the TLB after a switch to it"),
    Entry(
      operation: .interruptController, name: "interrupt_controller",
      meaning: "access to a register of the interrupt controller that the hypervisor emulates"),
    Entry(
      operation: .vmSwitch, name: "vm_switch",
      meaning: "the hypervisor switches a processor from one VM to another; all of it is charged to the one that leaves"
    ),
    Entry(
      operation: .ioLatencyOut, name: "io_latency_out",
      meaning: "from a notification by the guest until the other end of its device has the signal"),
    Entry(
      operation: .ioLatencyIn, name: "io_latency_in",
      meaning: "from the signal of a device's other end until the guest, which was idle, has its interrupt"),
  ]
}

extension GuestOperation: CustomStringConvertible {
  /// The name used in YAML, CSV and text.
  public var description: String { name }
}
