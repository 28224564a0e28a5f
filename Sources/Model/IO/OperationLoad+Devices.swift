import Quantities
import Virtualization

extension OperationLoad {
  /// Register accesses of a request that do not depend on the load.
  static func accesses(_ io: IOSetting, _ traffic: RequestTraffic) -> [GuestOperation: Double] {
    var result: [GuestOperation: Double] = [:]
    func add(_ accesses: FrontEnd.Accesses, _ times: Double) {
      if accesses.ports > 0 { result[.devicePort, default: 0] += Double(accesses.ports) * times }
      if accesses.memory > 0 { result[.deviceMemory, default: 0] += Double(accesses.memory) * times }
    }
    if traffic.sent > 0 { add(io.accesses(.network, .transmit), 1) }
    if traffic.received > 0 {
      add(io.accesses(.network, .receive), Double((traffic.received + FrontEnd.refill - 1) / FrontEnd.refill))
    }
    if traffic.block.reads > 0 { add(io.accesses(ofBlock: traffic.block.readSize), traffic.block.reads) }
    if traffic.block.writes > 0 { add(io.accesses(ofBlock: traffic.block.writeSize), traffic.block.writes) }
    return result
  }
}

extension OperationLoad {
  /// Adds the mappings of a request's buffers and their invalidations. Returns how these are deferred, if they are.
  static func mapBuffers(
    _ io: IOSetting, traffic: RequestTraffic, vcpus: Int,
    into rates: inout [GuestOperation: Double]
  ) -> DeferredInvalidation? {
    guard let dma = io.dma, dma.mapping != .pinned else { return nil }
    let mappings = dma.mappings(
      sent: traffic.sent, received: traffic.received, sizes: (traffic.sentSize, traffic.receivedSize),
      blocks: traffic.block.count)
    guard mappings > 0 else { return nil }
    rates[.dmaMap] = mappings
    rates[.dmaUnmap] = mappings
    if dma.mapping == .strict {
      rates[.iotlbFlush] = mappings
      return nil
    }
    return DeferredInvalidation(
      perRequest: mappings, capacity: Double(dma.iommu.deferred * vcpus), deferral: dma.iommu.deferral)
  }

  /// The load with misses of the IOMMU's cache in each request: walks take the device's time and no processor's.
  func missing(_ misses: Double, scenario: String) -> OperationLoad {
    guard misses > 0 else { return self }
    var load = self
    let walk = StepCharge(
      step: "iotlb_walk", place: .guest, count: 1, exitsPerStep: 0, stepMean: 0, distribution: .deterministic,
      kind: .assumed,
      origin: PriceOrigin(document: scenario, source: "no processor's time: the walk is part of the device's"))
    load.design = load.design.replacing(
      .iotlbMiss, by: OperationCost(steps: [.init(charge: walk, role: .synchronous)], bareHost: 0))
    load.perRequest.append(Entry(operation: .iotlbMiss, rate: misses))
    return load
  }

  /// The load of a guest that reads so many more pages a request from its disk, for its own swap: single pages, which
  /// nothing merges.
  func readingSwap(_ pages: Double, vcpus: Int) -> OperationLoad {
    guard pages > 0 else { return self }
    var swap = RequestTraffic()
    swap.block.add(reads: pages, bytes: pages * BasePage.size)
    var load = self
    load.traffic.block.add(reads: pages, bytes: pages * BasePage.size)
    var more: [GuestOperation: Double] = [.blockRead: pages]
    let deferred = Self.mapBuffers(io, traffic: swap, vcpus: vcpus, into: &more)
    if let deferred {
      load.deferredInvalidation = DeferredInvalidation(
        perRequest: deferred.perRequest + (deferredInvalidation?.perRequest ?? 0), capacity: deferred.capacity,
        deferral: deferred.deferral)
    }
    more.merge(Self.accesses(io, swap)) { $0 + $1 }
    for (operation, rate) in more.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where rate > 0 {
      if let position = load.perRequest.firstIndex(where: { $0.operation == operation }) {
        load.perRequest[position] = Entry(operation: operation, rate: load.perRequest[position].rate + rate)
      } else {
        load.perRequest.append(Entry(operation: operation, rate: rate))
      }
    }
    return load
  }
}

extension BlockLoad {
  /// The block requests of a workload.
  init(_ shape: Workload.Shape) {
    self.init()
    guard case .requests(let requests) = shape else { return }
    reads = requests.perRequest[.blockRead] ?? 0
    writes = requests.perRequest[.blockWrite] ?? 0
    readSize = requests.readSize
    writeSize = requests.writeSize
  }

  /// Adds reads of so many bytes together; the size becomes the mean.
  mutating func add(reads count: Double, bytes: Double) {
    readSize = Self.mean(bytes: reads * Double(readSize.bytes) + bytes, count: reads + count)
    reads += count
  }

  /// Adds writes of so many bytes together; the size becomes the mean.
  mutating func add(writes count: Double, bytes: Double) {
    writeSize = Self.mean(bytes: writes * Double(writeSize.bytes) + bytes, count: writes + count)
    writes += count
  }

  private static func mean(bytes: Double, count: Double) -> ByteCount {
    ByteCount(bytes: Int64((bytes / count).rounded()))
  }
}

extension CompiledDesign {
  /// The design with the prices of device registers: its own, or those of port and memory-mapped accesses. The bare host's
  /// drivers do not touch these registers.
  func accessingDevices() -> CompiledDesign {
    var design = self
    for (register, access) in [(GuestOperation.devicePort, GuestOperation.portIO), (.deviceMemory, .mmio)]
    where choice.design.paths[register] == nil { design = design.replacing(register, asAddedBy: access) }
    return design
  }
}

extension ModelAssembly {
  /// Faults block requests that no disk can serve.
  mutating func checkDisk(_ load: OperationLoad, of workload: Workload, group: VMGroup, disk: HostGroup.Disk?) {
    guard load.block.count > 0 else { return }
    guard let disk else {
      fault(
        group.location,
        "vm group '\(group.name)' needs a disk: its workload '\(workload.name)' reads or writes blocks")
      return
    }
    if disk.model == nil {
      fault(
        disk.location, "disk '\(disk.name)' needs a model: workload '\(workload.name)' reads or writes blocks")
    }
  }
}
