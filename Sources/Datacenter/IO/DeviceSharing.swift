import Model
import Virtualization

/// What of their requests VMs get through the devices that they share: wires, disks and the vCPUs of a privileged domain.
///
/// No device gives more time than it has. On one that is asked for more its VMs have max-min fair shares of that time. A
/// VM that one device holds back asks those looked at later for less: wires, then the domain, then disks.
struct DeviceSharing {
  /// Time of a device that a request of a VM takes, in nanoseconds.
  private struct Use {
    let vm: Int
    let time: Double
  }

  private var devices: [(capacity: Double, uses: [Use])] = []

  /// What the VMs of a model ask of its devices.
  init(_ neighbours: SharedBackends) {
    let model = neighbours.model
    var wires = [[Use]](repeating: [], count: model.nicCount)
    var threads: [Int: [Use]] = [:]
    var disks = model.disks.map { _ in DiskUses() }
    for (number, vm) in model.vms.enumerated() {
      if let nic = vm.nic { wires[nic].append(Use(vm: number, time: Double(model.wireTime(ofRequestBy: vm)))) }
      if let thread = neighbours.privilegedThread(of: number) {
        threads[thread, default: []].append(Use(vm: number, time: neighbours.items(of: vm, rate: 1).load))
      }
      if let disk = vm.io.disk, let device = model.disks[disk] { disks[disk].add(number, vm, device) }
    }
    devices += wires.map { (1, $0) }
    devices += threads.sorted { $0.key < $1.key }.map { (1, $0.value) }
    for (device, uses) in zip(model.disks, disks) {
      devices += [(Double(device?.parallelism ?? 1), uses.channels), (1, uses.starts), (1, uses.bus)]
    }
  }

  /// What requests take of a disk: channels, starts, its bus.
  private struct DiskUses {
    var channels: [Use] = []
    var starts: [Use] = []
    var bus: [Use] = []

    mutating func add(_ number: Int, _ vm: VirtualMachine, _ device: StorageDevice) {
      let load = vm.load.block
      func use(_ read: Double, _ write: Double) -> Use {
        Use(vm: number, time: load.reads * read + load.writes * write)
      }
      channels.append(use(device.read.latency.mean, device.write.latency.mean))
      starts.append(use(device.read.gap, device.write.gap))
      bus.append(use(vm.transferTime(load.readSize, device), vm.transferTime(load.writeSize, device)))
    }
  }

  /// For each VM the share of its requests that gets through, at so many requests per nanosecond.
  ///
  /// - Complexity: O(devices × VMs log VMs).
  func shares(of rates: [Double]) -> [Double] {
    var shares = rates.map { _ in 1.0 }
    for (capacity, uses) in devices {
      let demands = uses.map { $0.time * rates[$0.vm] * shares[$0.vm] }
      guard demands.reduce(0, +) > capacity else { continue }
      let given = HostSharing.maxMin(
        demands: demands, weights: uses.map { _ in 1 }, capacity: capacity)
      for (use, (demand, share)) in zip(uses, zip(demands, given)) where demand > 0 {
        shares[use.vm] *= share / demand
      }
    }
    return shares
  }
}
