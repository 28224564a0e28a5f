import Model

/// Interrupts for packets that have been sent, where the driver asks for them.
extension Simulation {
  /// The driver asks, and hands over so many packets more; those of a request, unless stated.
  mutating func askForSent(queue: Int, vm: Int, packets: Int64? = nil) {
    guard vms[vm].network.transmitShare >= 0 else { return }
    queues[queue].sent.ask(handing: packets ?? Int64(vms[vm].packetsSent), after: vms[vm].network.transmitShare)
  }

  /// The backend has sent the packets of a job: it hands them back, or sends what waits first.
  mutating func handBack(job: Int32, queue: Int, vm: Int) {
    guard vms[vm].network.transmitShare >= 0 else { return }
    let isLast = queues[queue].pending == 0
    guard
      queues[queue].sent.send(
        Int64(vms[vm].packetsSent), isLast: isLast, batch: Int64(vms[vm].network.transmitBatch))
    else { return }
    vms[vm].isTold = true
    if !wakeHalted(vm: vm, preferred: vcpu(of: job, vm: vm)), !interruptRunning(vm: vm) { queues[queue].sent.free() }
  }

  /// A vCPU has taken an interrupt: the driver frees what has come back of every queue that one was on its way for.
  ///
  /// - Complexity: O(queues).
  mutating func freeSent(vm: Int) {
    vms[vm].isTold = false
    let first = Int(vms[vm].network.firstQueue)
    for queue in first..<first + Int(vms[vm].network.queues) { queues[queue].sent.free() }
  }
}
