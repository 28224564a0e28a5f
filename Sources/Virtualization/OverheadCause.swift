/// Why virtualization takes time.
public enum OverheadCause: String, CaseIterable, Sendable, Hashable {
  /// Instructions and calls that leave the guest, or take a longer way inside it.
  case exits
  /// Page tables, faults, and memory that is taken back or logged.
  case paging
  /// Devices and their backends.
  case inputOutput
  /// Idleness, wake-ups, interrupts, timers.
  case scheduling
  /// Misses of the TLB, and translated code.
  case translation

  /// The name in tables.
  public var name: String { self == .inputOutput ? "io" : rawValue }
}

extension GuestOperation {
  /// What the overhead of the operation is counted as.
  public var cause: OverheadCause {
    switch self {
    case .pageFault, .pageTableUpdate, .tlbFlush, .processCreation, .exec, .mmap, .mprotect, .copyOnWrite,
      .contextSwitch, .firstTouch, .hiddenFault, .rootLoad, .rootRead, .emulatedStore, .tableUnprotect, .tableSync,
      .entrySync, .remoteFlush, .shootdown, .flushWait, .lockWait, .mmuUpdate, .mmuValidation, .mmuPin, .dirtyPage,
      .dirtyLogFull, .dirtyLogRound, .swapIn, .guestSwapIn, .memoryScan, .remoteAccess, .switchRefill,
      .balloonPage, .balloonReturn, .balloonBatch, .pageReclaim, .guestSwapOut, .cacheRead, .doublePaging, .mergeBreak,
      .shadowRecycle:
      .paging
    case .portIO, .mmio, .netTx, .netRx, .blockRead, .blockWrite, .doorbell, .deviceInterrupt, .blockCompletion,
      .devicePort, .deviceMemory, .busyPoll, .dmaMap, .dmaUnmap, .iotlbFlush, .iotlbMiss, .blockMerge, .fileFirstWrite,
      .copiedPage, .ioLatencyOut, .ioLatencyIn:
      .inputOutput
    case .halt, .timerProgram, .ipi, .taskPriority, .interruptWindow, .interrupt, .eoi, .timerInterrupt, .hostInterrupt,
      .interruptController, .vmSwitch, .lockSpin, .lockKick, .lockHalt, .lockWake, .pauseLoop, .haltPoll:
      .scheduling
    case .tlbMiss, .pageAccess, .victimHit, .integerWork, .floatingWork, .memoryWork, .branchWork, .callWork,
      .codeTranslation:
      .translation
    default: .exits
    }
  }
}
