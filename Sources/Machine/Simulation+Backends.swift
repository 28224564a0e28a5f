import EventKernel

/// Network backends: a worker thread for each VM that moves packet batches between the wire and the guest's rings.
///
/// The transmit ring is rung only when the worker has asked for it: it has asked unless sent batches wait or are in its
/// hands. A request's packets arrive and leave as one batch, as offloading and bursts of the network stack hand them
/// over.
extension Simulation {
  /// The packets of a request arrive at the host.
  mutating func receive(job: Int32, vm: Int) {
    push(item: BackendItem(job: job, isSent: false), vm: vm)
    wakeBackend(vm: vm, byBell: false)
  }

  /// The guest hands the packets of a finished job to the ring. Returns whether it must ring.
  mutating func send(job: Int, vm: Int) -> Bool {
    push(item: BackendItem(job: Int32(job), isSent: true), vm: vm)
    vms[vm].sentPending += 1
    return vms[vm].sentPending == 1
  }

  /// The guest's notification has reached the host.
  mutating func ringBackend(vm: Int) { wakeBackend(vm: vm, byBell: true) }

  private mutating func wakeBackend(vm: Int, byBell: Bool) {
    let thread = Int(vms[vm].backend)
    guard threads[thread].state == .blocked else { return }
    threads[thread].activity = .woken
    // `current` tells the wake-up which of its two causes to book; no item is in hand while asleep.
    threads[thread].current = byBell ? -2 : -1
    wake(thread: thread)
  }

  mutating func decideBackend(thread index: Int) {
    let vm = Int(threads[index].vm)
    if threads[index].activity == .woken {
      let group = threads[index].current == -2 ? vms[vm].wakeByBell : vms[vm].wakeByDevice
      threads[index].current = -1
      begin(.backendWake, group: group, operations: 1, thread: index)
      return
    }
    let item = Int(vms[vm].itemHead)
    guard item >= 0 else {
      block(thread: index)
      return
    }
    vms[vm].itemHead = items[item].next
    if vms[vm].itemHead < 0 { vms[vm].itemTail = -1 }
    threads[index].current = Int32(item)
    if items[item].isSent {
      begin(.item, group: vms[vm].transmit, operations: Int64(vms[vm].packetsSent), thread: index)
    } else {
      begin(.item, group: vms[vm].receive, operations: Int64(vms[vm].packetsReceived), thread: index)
    }
  }

  mutating func endItem(thread index: Int) {
    let vm = Int(threads[index].vm)
    let item = Int(threads[index].current)
    threads[index].current = -1
    let job = items[item].job
    let isSent = items[item].isSent
    items[item].next = freeItem
    freeItem = Int32(item)
    if isSent {
      vms[vm].sentPending -= 1
      leave(job: Int(job), vm: vm)
    } else {
      pushJob(job, vm: vm)
      notify(vm: vm, byInterrupt: true)
    }
    decideBackend(thread: index)
  }

  private mutating func push(item: BackendItem, vm: Int) {
    let index: Int
    if freeItem >= 0 {
      index = Int(freeItem)
      freeItem = items[index].next
      items[index] = item
    } else {
      index = items.append(item)
    }
    if vms[vm].itemTail >= 0 {
      items[Int(vms[vm].itemTail)].next = Int32(index)
    } else {
      vms[vm].itemHead = Int32(index)
    }
    vms[vm].itemTail = Int32(index)
  }
}
