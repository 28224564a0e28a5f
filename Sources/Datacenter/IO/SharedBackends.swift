import Model
import Quantities
import Virtualization

/// What other VMs ask of threads, disks and interfaces that a VM shares with them.
///
/// Open VMs come at their nominal rates. How fast closed ones go depends on each other: the engine finds their rates by
/// fixed point.
struct SharedBackends {
  /// What passes a device, per nanosecond.
  struct Passing {
    var rate = 0.0
    /// Time that it takes of the device, and rate times the second moment of that.
    var load = 0.0
    var secondMoment = 0.0

    mutating func add(_ rate: Double, _ time: Double) {
      guard time > 0 else { return }
      self.rate += rate
      load += rate * time
      secondMoment += rate * time * time
    }

    static func - (all: Passing, own: Passing) -> Passing {
      Passing(
        rate: max(0, all.rate - own.rate), load: max(0, all.load - own.load),
        secondMoment: max(0, all.secondMoment - own.secondMoment))
    }

    /// What passes a device that takes longer for all.
    func slowed(by factor: Double) -> Passing {
      Passing(rate: rate, load: load * factor, secondMoment: secondMoment * factor * factor)
    }

    mutating func add(_ other: Passing) {
      rate += other.rate
      load += other.load
      secondMoment += other.secondMoment
    }
  }

  /// Block requests on a disk: the load of `transfer` is that of its bus.
  struct DiskPassing {
    var reads = 0.0
    var writes = 0.0
    var transfer = Passing()

    mutating func add(_ vm: VirtualMachine, _ rate: Double, _ device: StorageDevice) {
      let load = vm.load.block
      reads += rate * load.reads
      writes += rate * load.writes
      transfer.add(rate * load.reads, vm.transferTime(load.readSize, device))
      transfer.add(rate * load.writes, vm.transferTime(load.writeSize, device))
    }

    mutating func add(_ other: DiskPassing) {
      reads += other.reads
      writes += other.writes
      transfer.add(other.transfer)
    }
  }

  let model: SimulationModel
  /// What polling for the wake-ups of halted vCPUs finds.
  let halts = SampledHaltsCache()
  /// Requests per nanosecond of each VM.
  private(set) var rates: [Double]
  /// What its threads meet at the processors.
  var delays: [ProcessorDelays]
  private let index: [UInt32: Int]
  /// The vCPU of its host's privileged domain that serves each VM, among those of all hosts.
  let threads: [Int]
  private var wires: [Passing]
  private var batches: [Double]
  private var disks: [DiskPassing]
  /// What hosts read from each disk and write to it for their guests' faults.
  private var swapping: [DiskPassing]
  private var privileged: [Passing]

  /// Open VMs at their rates, closed ones not yet.
  init(model: SimulationModel) {
    self.model = model
    index = Dictionary(
      model.vms.enumerated().map { ($0.element.stream, $0.offset) }, uniquingKeysWith: { first, _ in first })
    rates = model.vms.map { vm in
      guard case .requests(let requests) = model.workloads[vm.workload].shape else { return 0 }
      switch requests.arrivals {
      case .poisson(let rate), .deterministic(let rate): return rate.perSecond * 1e-9
      case .closed: return 0
      }
    }
    var first: [Int] = [0]
    for host in model.hosts { first.append(first[first.count - 1] + max(1, host.privilegedVCPUs)) }
    var here = [Int](repeating: 0, count: model.hosts.count)
    threads = model.vms.map { vm in
      defer { here[vm.host] += 1 }
      return first[vm.host] + here[vm.host] % max(1, model.hosts[vm.host].privilegedVCPUs)
    }
    delays = [ProcessorDelays](repeating: ProcessorDelays(), count: model.vms.count)
    wires = [Passing](repeating: Passing(), count: model.nicCount)
    batches = [Double](repeating: 0, count: model.nicCount)
    disks = [DiskPassing](repeating: DiskPassing(), count: model.disks.count)
    swapping = disks
    privileged = [Passing](repeating: Passing(), count: first[first.count - 1])
    addUp()
  }

  /// Takes the rates that were found for the VMs.
  mutating func take(_ rates: [Double]) {
    self.rates = rates
    addUp()
  }

  /// Takes what hosts read and write of swapped pages.
  mutating func takeSwap(_ requests: [(disk: Int, passing: DiskPassing)]) {
    for (disk, passing) in requests { swapping[disk] = passing }
    addUp()
  }

  private mutating func addUp() {
    for index in wires.indices { wires[index] = Passing() }
    for index in batches.indices { batches[index] = 0 }
    for index in disks.indices { disks[index] = DiskPassing() }
    for index in privileged.indices { privileged[index] = Passing() }
    for (number, vm) in model.vms.enumerated() {
      if let nic = vm.nic {
        wires[nic].add(rates[number], Double(model.wireTime(ofRequestBy: vm)))
        if vm.load.packetsReceived > 0 { batches[nic] += rates[number] }
      }
      if let disk = vm.io.disk, let device = model.disks[disk] {
        disks[disk].add(vm, rates[number], device)
      }
      if vm.design.hasPrivilegedDomain { privileged[threads[number]].add(items(of: vm, rate: rates[number])) }
    }
    for disk in disks.indices { disks[disk].add(swapping[disk]) }
  }

  /// Block requests of VMs on a disk, pages that hosts read from it left out.
  func requests(onDisk disk: Int) -> DiskPassing {
    var passing = DiskPassing()
    for (number, vm) in model.vms.enumerated() where vm.io.disk == disk {
      if let device = model.disks[disk] { passing.add(vm, rates[number], device) }
    }
    return passing
  }

  /// The vCPU of its host's privileged domain that serves a VM, among those of all hosts; nil without such a domain.
  func privilegedThread(of number: Int) -> Int? {
    model.vms[number].design.hasPrivilegedDomain ? threads[number] : nil
  }

  /// Items of a VM that pass its backend.
  func items(of vm: VirtualMachine, rate: Double) -> Passing {
    var sum = Passing()
    func time(_ operation: GuestOperation) -> Double { vm.design.cost(of: operation)?.asynchronousMean ?? 0 }
    sum.add(rate, Double(vm.load.packetsReceived) * time(.netRx))
    sum.add(rate, Double(vm.load.packetsSent) * time(.netTx))
    sum.add(rate * vm.load.block.reads, time(.blockRead))
    sum.add(rate * vm.load.block.writes, time(.blockWrite))
    sum.add(rate * vm.load.block.count, time(.blockCompletion))
    return sum
  }

  /// Whether a closed VM has neighbours on one of its devices, so that rates must be found.
  var needsIteration: Bool {
    enum Device: Hashable {
      case wire(Int)
      case disk(Int)
      case thread(Int)
    }
    var users: [Device: (count: Int, isClosed: Bool)] = [:]
    for (number, vm) in model.vms.enumerated() {
      guard case .requests(let requests) = model.workloads[vm.workload].shape else { continue }
      var isClosed = false
      if case .closed = requests.arrivals { isClosed = true }
      var devices: [Device] = []
      if let nic = vm.nic, vm.load.packetsSent + vm.load.packetsReceived > 0 { devices.append(.wire(nic)) }
      if let disk = vm.io.disk, vm.load.block.count > 0 { devices.append(.disk(disk)) }
      if vm.design.hasPrivilegedDomain, !devices.isEmpty { devices.append(.thread(threads[number])) }
      for device in devices {
        let known = users[device] ?? (0, false)
        users[device] = (known.count + 1, known.isClosed || isClosed)
      }
    }
    return users.values.contains { $0.count > 1 && $0.isClosed }
  }

  /// Items of other VMs that pass the same vCPU of the privileged domain.
  func privileged(beside vm: VirtualMachine) -> Passing {
    guard vm.design.hasPrivilegedDomain, let own = index[vm.stream] else { return Passing() }
    return privileged[threads[own]] - items(of: vm, rate: rates[own])
  }

  /// What the threads of a VM meet at the processors.
  func delays(of vm: VirtualMachine) -> ProcessorDelays { index[vm.stream].map { delays[$0] } ?? ProcessorDelays() }

  /// Block requests of other VMs on the same disk.
  func disk(beside vm: VirtualMachine) -> DiskPassing {
    guard let disk = vm.io.disk, let device = model.disks[disk], let own = index[vm.stream] else {
      return DiskPassing()
    }
    var passing = DiskPassing()
    passing.add(vm, rates[own], device)
    return DiskPassing(
      reads: max(0, disks[disk].reads - passing.reads), writes: max(0, disks[disk].writes - passing.writes),
      transfer: disks[disk].transfer - passing.transfer)
  }

  /// Batches per nanosecond that come through what interrupts for a VM, its interface or its function of one; `own` are its
  /// own.
  func batches(of vm: VirtualMachine, own: Double) -> Double {
    guard !vm.io.hasOwnInterrupts, let nic = vm.nic, let number = index[vm.stream] else { return own }
    return own + max(0, batches[nic] - (vm.load.packetsReceived > 0 ? rates[number] : 0))
  }

  /// Requests of other VMs that pass the same wire.
  func wire(beside vm: VirtualMachine) -> Passing {
    guard let nic = vm.nic, let own = index[vm.stream] else { return Passing() }
    var passing = Passing()
    passing.add(rates[own], Double(model.wireTime(ofRequestBy: vm)))
    return wires[nic] - passing
  }
}

extension VirtualMachine {
  /// Time of a block request's bytes on the disk's bus in nanoseconds, which walks of the IOMMU's tables may set.
  func transferTime(_ size: ByteCount, _ device: StorageDevice) -> Double {
    max(device.transfer(size), io.blockWalks)
  }
}
