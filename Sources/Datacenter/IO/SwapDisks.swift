import Model
import Quantities
import Virtualization

/// Disks of hosts that swap to them: how long a page takes when all vCPUs that may wait for one queue for the channels.
///
/// For a share of the pages that are read others are written, which nobody waits for. A vCPU asks for one page at a
/// time, so that the queue has as many sources as there are vCPUs. Its length follows from the machine repairman's
/// model at the rate of faults that holds, scaled to the device's variability as Allen and Cunneen scale Erlang's;
/// channels that others' block requests keep busy serve the more slowly. The rate of faults follows from the time in
/// turn: the time at which both agree is found by bisection, since faults become fewer as it grows.
/// [D. Gross, C. M. Harris, Fundamentals of Queueing Theory, machine repair; A. O. Allen, Probability, Statistics, and
/// Queueing Theory]
struct SwapDisks {
  private struct Disk {
    let device: StorageDevice
    let writes: SwapWrites
    /// vCPUs that may wait for a page of it.
    var sources = 0
    /// Time of a page in nanoseconds while nobody else uses the disk; the one that VMs are told, and between which it is.
    var alone = 0.0
    var time = 0.0
    var lower = 0.0
    var upper = 0.0
    /// Pages per nanosecond.
    var rate = 0.0

    /// What the host writes for them.
    var written: SharedBackends.DiskPassing {
      var passing = SharedBackends.DiskPassing()
      passing.writes = rate * writes.dirty / Double(writes.cluster)
      passing.transfer.add(passing.writes, device.pageTransfer * Double(writes.cluster))
      return passing
    }
  }

  private var disks: [Int: Disk] = [:]

  init(model: SimulationModel) {
    for vm in model.vms {
      guard let number = vm.swapDisk, let device = model.disks[number],
        vm.plan != nil || vm.load.perCPUSecond.contains(where: { $0.operation.readsHostSwap })
      else { continue }
      let threads = FluidEngine.threads(of: vm, in: model)
      disks[number, default: Disk(device: device, writes: vm.swapWrites)].sources += threads
    }
    for (number, disk) in disks {
      let alone = Self.time(of: disk.device, sources: 1, pages: 0, beside: SharedBackends.DiskPassing())
      disks[number]?.alone = alone
    }
    restart()
  }

  /// Looks for the times anew, as those of disks without a queue.
  mutating func restart() {
    for (number, disk) in disks {
      disks[number]?.time = disk.alone
      disks[number]?.lower = disk.alone
      disks[number]?.upper = 0
    }
  }

  /// Whether any host swaps to a disk.
  var isUsed: Bool { !disks.isEmpty }

  /// What hosts read from each disk and write to it.
  var requests: [(disk: Int, passing: SharedBackends.DiskPassing)] {
    disks.sorted { $0.key < $1.key }.map { number, disk in
      var passing = disk.written
      passing.reads = disk.rate
      passing.transfer.add(disk.rate, disk.device.pageTransfer)
      return (number, passing)
    }
  }

  /// A VM that waits for its host's disk as long as is known now.
  func waiting(_ vm: VirtualMachine) -> VirtualMachine {
    guard let number = vm.swapDisk, let disk = disks[number] else { return vm }
    return vm.waitingForSwap(disk.time)
  }

  /// Takes the rates of faults that were found, beside other block requests. Returns by how much times changed, at
  /// most.
  mutating func update(
    _ faults: [(disk: Int, rate: Double)], beside passing: (Int) -> SharedBackends.DiskPassing
  ) -> Double {
    var change = 0.0
    for number in disks.keys.sorted() {
      guard var disk = disks[number] else { continue }
      disk.rate = faults.reduce(0) { $0 + ($1.disk == number ? $1.rate : 0) }
      var passing = passing(number)
      passing.add(disk.written)
      let found = Self.time(of: disk.device, sources: disk.sources, pages: disk.rate, beside: passing)
      let before = disk.time
      if disk.upper == 0 {
        // The first time is that of an empty disk: hardly a queue needs no search.
        if found < 1.001 * before {
          disk.time = found
        } else {
          disk.upper = Self.longest(of: disk.device, sources: disk.sources, beside: passing)
          disk.time = min(found, (disk.lower + disk.upper) / 2)
        }
      } else {
        if found > disk.time { disk.lower = disk.time } else { disk.upper = disk.time }
        disk.time = (disk.lower + disk.upper) / 2
      }
      change = max(change, abs(disk.time - before) / max(before, 1))
      disks[number] = disk
    }
    return change
  }

  // MARK: The queue

  private static func service(of device: StorageDevice, beside passing: SharedBackends.DiskPassing) -> Double {
    let others = passing.reads * device.read.latency.mean + passing.writes * device.write.latency.mean
    return device.read.latency.mean / max(0.05, 1 - others / Double(device.parallelism))
  }

  /// The time of a page when all sources are at the disk.
  private static func longest(
    of device: StorageDevice, sources: Int, beside passing: SharedBackends.DiskPassing
  ) -> Double {
    let share = max(1, Double(sources) / Double(device.parallelism))
    let slowest = max(
      service(of: device, beside: passing) * share, device.read.gap * Double(sources),
      device.pageTransfer * Double(sources))
    return 2 * (slowest + device.read.latency.mean + device.pageTransfer)
  }

  /// The mean time of a page in nanoseconds at a rate of faults per nanosecond; infinite where the disk cannot keep up.
  static func time(
    of device: StorageDevice, sources: Int, pages: Double, beside passing: SharedBackends.DiskPassing
  ) -> Double {
    let transfer = device.pageTransfer
    let alone = device.read.latency.mean + transfer
    guard pages > 0 else { return alone }
    let slowed = service(of: device, beside: passing)
    var bus = passing.transfer
    bus.add(pages, transfer)
    let starts = pages * device.read.gap + passing.reads * device.read.gap + passing.writes * device.write.gap
    let queue = repairman(sources: sources, servers: device.parallelism, service: slowed, rate: pages)
    guard bus.load < 1, starts < 1, queue.isFinite else { return .infinity }
    let latency = device.read.latency
    let variability = latency.mean > 0 ? (1 + latency.variance / (latency.mean * latency.mean)) / 2 : 1
    // Nobody waits for a page of its own.
    let others = Double(sources - 1) / Double(max(1, sources))
    let busWait = bus.secondMoment / (2 * (1 - bus.load))
    let startWait = starts * device.read.gap / (2 * (1 - starts))
    return alone + (slowed - latency.mean) + queue * variability + (busWait + startWait) * others
  }

  /// Mean wait in a queue of `servers` with exponential service and so many sources that ask at the given total rate.
  ///
  /// - Complexity: O(sources) for each of 60 steps.
  static func repairman(sources: Int, servers: Int, service: Double, rate: Double) -> Double {
    guard sources > servers, service > 0 else { return 0 }
    let load = rate * service
    guard load < Double(servers) * (1 - 1e-9) else { return .infinity }
    /// Servers at work and customers that wait when each source asks `ratio` times a service.
    func state(_ ratio: Double) -> (busy: Double, waiting: Double) {
      var weight = 1.0
      var (sum, busy, waiting) = (1.0, 0.0, 0.0)
      for customers in 1...sources {
        weight *= Double(sources - customers + 1) * ratio / Double(min(customers, servers))
        sum += weight
        busy += weight * Double(min(customers, servers))
        waiting += weight * Double(max(0, customers - servers))
        if sum > 1e200 {
          weight /= sum
          busy /= sum
          waiting /= sum
          sum = 1
        }
      }
      return (busy / sum, waiting / sum)
    }
    var (lower, upper) = (0.0, 1.0)
    while state(upper).busy < load, upper < 1e9 { upper *= 4 }
    for _ in 0..<60 {
      let middle = (lower + upper) / 2
      if state(middle).busy < load { lower = middle } else { upper = middle }
    }
    return state((lower + upper) / 2).waiting / rate
  }
}

extension StorageDevice {
  /// Time of a page's bytes on the bus in nanoseconds.
  var pageTransfer: Double { transfer(ByteCount(bytes: BasePage.bytes)) }
}

extension VMExpectation {
  /// Pages a nanosecond that it reads from its host's swap.
  var swapReads: Double {
    GuestOperation.hostSwapReads.reduce(0) { sum, operation in
      sum + (flows.reduce(0) { $1.operation == operation ? max($0, $1.rate) : $0 }) * 1e-9
    }
  }
}
