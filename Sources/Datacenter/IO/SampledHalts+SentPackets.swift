import Model

/// Interrupts for packets that have been sent, where the driver of a sample asks for them: as the exit-level engine has them.
extension SampledHalts.Course {
  /// The driver asks, and hands over so many packets more.
  mutating func askForSent(_ thread: Int, packets: Int) {
    threads[thread].sent.ask(handing: Int64(packets), after: threads[thread].worker.transmitShare)
  }

  /// The packets of a job are sent: they are handed back, or what waits is sent first.
  mutating func handBack(_ job: Int, thread: Int) {
    let worker = threads[thread].worker
    let isLast = threads[thread].packets == 0
    guard threads[thread].sent.send(Int64(worker.packets), isLast: isLast, batch: Int64(worker.transmitBatch))
    else { return }
    isTold = true
    if vcpus.contains(where: { $0.phase == .halted }) {
      wakeHalted(for: setting.hasFlows ? job : -1)
    } else if let interrupts = setting.interrupts, interrupts.kick > 0 {
      interrupt()
    } else {
      threads[thread].sent.free()
    }
  }
}
