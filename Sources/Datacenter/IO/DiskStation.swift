import EventKernel
import Model
import Statistics

/// A disk under Poisson requests: channels by Allen-Cunneen, the bound on starts and the bus as queues with constant
/// service.
struct DiskStation {
  var device: StorageDevice
  /// Requests per nanosecond of all VMs together, of reads and writes.
  var reads: Double
  var writes: Double
  /// Share of reads among the VM's own requests.
  var ownReadShare: Double
  /// Time on the bus of the VM's own requests' bytes, on average, and all VMs' use of the bus.
  var ownTransfer: Double
  var transfer: SharedBackends.Passing
  /// Least time between requests of the VM, 0 without a limit, and its own requests per nanosecond.
  var gap: Double
  var own: Double

  private var rate: Double { reads + writes }
  private var readShare: Double { rate > 0 ? reads / rate : 1 }

  /// Mean time of all VMs' requests on their channels in nanoseconds.
  var service: Double { readShare * device.read.latency.mean + (1 - readShare) * device.write.latency.mean }
  /// Mean time of the VM's own.
  var ownService: Double {
    ownReadShare * device.read.latency.mean + (1 - ownReadShare) * device.write.latency.mean
  }
  /// Mean time between starts that the device needs.
  var start: Double { readShare * device.read.gap + (1 - readShare) * device.write.gap }

  /// Squared coefficient of variation of the time on a channel.
  var variation: Double {
    let mean = service
    guard mean > 0 else { return 0 }
    let second =
      readShare * (device.read.latency.variance + device.read.latency.mean * device.read.latency.mean)
      + (1 - readShare) * (device.write.latency.variance + device.write.latency.mean * device.write.latency.mean)
    return second / (mean * mean) - 1
  }

  /// Whether the disk keeps up.
  var isStable: Bool {
    rate * service < Double(device.parallelism) && rate * start < 1 && transfer.load < 1 && own * gap < 1
  }

  /// Mean time from a request of the VM to its end in nanoseconds.
  var sojourn: Double {
    guard isStable else { return .infinity }
    let load = rate * service
    let count = Double(device.parallelism)
    var time = ownService + ownTransfer
    if load > 0 {
      time +=
        service * Erlang.c(servers: device.parallelism, offeredLoad: load) / (count - load) * (1 + variation) / 2
    }
    func constant(_ rate: Double, _ time: Double) -> Double { rate * time * time / (2 * (1 - rate * time)) }
    return time + constant(rate, start) + transfer.secondMoment / (2 * (1 - transfer.load)) + constant(own, gap)
  }
}
