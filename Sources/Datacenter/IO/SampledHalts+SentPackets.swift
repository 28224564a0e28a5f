/// Interrupts for packets that have been sent, where the driver of a sample asks for them: as the exit-level engine has them.
extension SampledHalts.Course {
  /// The driver frees what has come back, asks, and hands over so many packets more. It asks when it hands over the last one.
  mutating func askForSent(_ thread: Int, packets: Int) {
    var sent = threads[thread].sent
    sent.freed = sent.back
    let underway = sent.given - sent.freed + max(0, packets - 1)
    sent.wanted = sent.freed + Int(threads[thread].worker.transmitShare * Double(underway))
    sent.isAsked = !sent.isTelling
    sent.given += packets
    threads[thread].sent = sent
  }

  /// The packets of a job are sent: they are handed back, or what waits is sent first.
  mutating func handBack(_ job: Int, thread: Int) {
    let worker = threads[thread].worker
    threads[thread].sent.done += worker.packets
    let sent = threads[thread].sent
    guard threads[thread].packets == 0 || sent.done - sent.back >= worker.transmitBatch else { return }
    threads[thread].sent.back = sent.done
    guard sent.isAsked, sent.wanted >= sent.back, sent.wanted < sent.done else { return }
    threads[thread].sent.isAsked = false
    threads[thread].sent.isTelling = true
    isTold = true
    if vcpus.contains(where: { $0.phase == .halted }) {
      wakeHalted(for: setting.hasFlows ? job : -1)
    } else if let interrupts = setting.interrupts, interrupts.kick > 0 {
      interrupt()
    } else {
      freeSent(thread)
    }
  }

  mutating func freeSent(_ thread: Int) {
    guard threads[thread].sent.isTelling else { return }
    threads[thread].sent.isTelling = false
    threads[thread].sent.freed = threads[thread].sent.back
    threads[thread].sent.wanted = threads[thread].sent.back
    threads[thread].sent.isAsked = true
  }
}
