import Model

/// Interrupts for packets that have been sent, where the driver asks for them.
///
/// It frees what has come back and asks for an interrupt when it sends, when it polls for received packets, and when it has
/// been interrupted: in the first two cases after a share of what is under way, in the last one for the next packet.
/// Linux: `virtqueue_enable_cb_delayed` in `start_xmit` and `virtnet_poll_cleantx`, `virtqueue_enable_cb_prepare` in
/// `virtnet_poll_tx`.
extension Simulation {
  /// The driver frees what has come back, asks, and hands over so many packets more; those of a request, unless stated. It
  /// asks when it hands over the last one.
  mutating func askForSent(queue: Int, vm: Int, packets: Int64? = nil) {
    guard vms[vm].network.transmitShare >= 0 else { return }
    let more = packets ?? Int64(vms[vm].packetsSent)
    var sent = queues[queue].sent
    sent.freed = sent.back
    let underway = sent.given - sent.freed + max(0, more - 1)
    sent.wanted = sent.freed + Int64(vms[vm].network.transmitShare * Double(underway))
    sent.isAsked = !sent.isTelling
    sent.given += more
    queues[queue].sent = sent
  }

  /// The backend has sent the packets of a job: it hands them back, or sends what waits first.
  mutating func handBack(job: Int32, queue: Int, vm: Int) {
    guard vms[vm].network.transmitShare >= 0 else { return }
    queues[queue].sent.done += Int64(vms[vm].packetsSent)
    let sent = queues[queue].sent
    guard queues[queue].pending == 0 || sent.done - sent.back >= Int64(vms[vm].network.transmitBatch) else { return }
    queues[queue].sent.back = sent.done
    guard sent.isAsked, sent.wanted >= sent.back, sent.wanted < sent.done else { return }
    queues[queue].sent.isAsked = false
    // Before anybody is interrupted: who is polled for may take it at once.
    queues[queue].sent.isTelling = true
    vms[vm].isTold = true
    if !wakeHalted(vm: vm, preferred: vcpu(of: job, vm: vm)), !interruptRunning(vm: vm) { freeSent(queue: queue) }
  }

  /// A vCPU has taken an interrupt: the driver frees what has come back of every queue that one was on its way for.
  ///
  /// - Complexity: O(queues).
  mutating func freeSent(vm: Int) {
    vms[vm].isTold = false
    let first = Int(vms[vm].network.firstQueue)
    for queue in first..<first + Int(vms[vm].network.queues) { freeSent(queue: queue) }
  }

  private mutating func freeSent(queue: Int) {
    guard queues[queue].sent.isTelling else { return }
    queues[queue].sent.isTelling = false
    queues[queue].sent.freed = queues[queue].sent.back
    queues[queue].sent.wanted = queues[queue].sent.back
    queues[queue].sent.isAsked = true
  }
}
