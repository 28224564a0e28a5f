/// Block requests that are done, of which one interrupt of an emulated disk tells together.
struct DoneRequests {
  /// What its driver does at the interrupt.
  enum Step: UInt8 {
    case none
    /// It finds out whether the device has anything to tell.
    case looks
    /// It clears the cause.
    case clears
    /// It reads which requests are done.
    case reads
    /// It has told their jobs.
    case leaves
  }

  /// Accesses up to the ends of these steps; 0 where each request has an interrupt of its own.
  var status: Int64 = 0
  var clear: Int64 = 0
  var completions: Int64 = 0
  var count: Int64 = 0
  /// One of them.
  var access = LeafGroup()
  var step = Step.none
  /// Whether the device has something to tell since the cause was last cleared, and whether an interrupt waits to be taken.
  var isStatusSet = false
  var isAsserted = false
  /// Items of the requests that are done.
  var head: Int32 = -1
  var tail: Int32 = -1

  /// Whether one interrupt tells of all.
  var isShared: Bool { count > 0 }
}

/// Interrupts of an emulated disk that tell of all requests that are done.
///
/// A request that is done sets the port's status and sends a message; one that waits in the local interrupt controller takes
/// others along. The driver looks at the status, clears it, reads which commands are no longer active, and completes them.
/// What is done after the look interrupts again, though the driver may have read it: then the next look may find nothing.
/// QEMU, hw/ide/ahci.c: `ahci_trigger_irq`, `ahci_check_irq` and `ahci_irq_raise`; Linux, drivers/ata/libahci.c:
/// `ahci_single_level_irq_intr`, `ahci_port_intr` and `ahci_handle_port_interrupt`.
extension Simulation {
  /// A block request is done: the disk interrupts, unless an interrupt still waits to be taken.
  mutating func interruptForDone(job: Int32, vm: Int) {
    let item = makeItem(BackendItem(job: job, vm: Int32(vm), kind: .completion))
    if vms[vm].doneRequests.tail >= 0 {
      items[Int(vms[vm].doneRequests.tail)].next = item
    } else {
      vms[vm].doneRequests.head = item
    }
    vms[vm].doneRequests.tail = item
    vms[vm].doneRequests.isStatusSet = true
    guard !vms[vm].doneRequests.isAsserted else { return }
    vms[vm].doneRequests.isAsserted = true
    // The vCPU that handles one takes the next when it is through.
    guard vms[vm].doneRequests.step == .none else { return }
    if !wakeHalted(vm: vm, preferred: vcpu(of: job, vm: vm)) { kick(vm: vm, range: vms[vm].threads) }
  }

  /// A vCPU has taken the interrupt, and its driver begins to handle it.
  mutating func beginDiskInterrupt(thread index: Int, vm: Int) {
    vms[vm].doneRequests.isAsserted = false
    access(.looks, vms[vm].doneRequests.status, thread: index, vm: vm)
  }

  private mutating func access(_ step: DoneRequests.Step, _ accesses: Int64, thread index: Int, vm: Int) {
    vms[vm].doneRequests.step = step
    begin(.diskInterrupt, group: vms[vm].doneRequests.access, operations: accesses, thread: index)
  }

  /// The accesses of a step are made.
  mutating func endDiskAccesses(thread index: Int) {
    let vm = Int(threads[index].vm)
    let done = vms[vm].doneRequests
    switch done.step {
    case .looks where done.isStatusSet: access(.clears, done.clear - done.status, thread: index, vm: vm)
    case .clears:
      vms[vm].doneRequests.isStatusSet = false
      access(.reads, done.completions - done.clear, thread: index, vm: vm)
    case .reads:
      tellOfDone(thread: index, vm: vm)
      access(.leaves, done.count - done.completions, thread: index, vm: vm)
    case .none, .looks, .leaves:
      vms[vm].doneRequests.step = .none
      if done.isAsserted {
        begin(.kick, group: nextKick(vm: vm), operations: 1, thread: index)
      } else {
        decideVCPU(thread: index)
      }
    }
  }

  /// The jobs of all requests that are done are ready; a vCPU that has none of its own takes the first.
  private mutating func tellOfDone(thread index: Int, vm: Int) {
    var item = vms[vm].doneRequests.head
    vms[vm].doneRequests.head = -1
    vms[vm].doneRequests.tail = -1
    let isFree: Int32 = threads[index].current < 0 ? 1 : 0
    vms[vm].waking += isFree
    while item >= 0 {
      let (job, next) = (items[Int(item)].job, items[Int(item)].next)
      items[Int(item)].next = freeItem
      freeItem = item
      if takeBlock(job: job, vm: vm) { notify(vm: vm, byInterrupt: false, preferred: vcpu(of: job, vm: vm)) }
      item = next
    }
    vms[vm].waking -= isFree
  }
}
