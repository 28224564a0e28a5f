import Quantities
import Virtualization

/// How the addresses are translated by which devices reach a VM's buffers.
public struct DMASetting: Sendable, Hashable {
  /// How the VM's drivers map buffers.
  public enum Mapping: Sendable, Hashable {
    /// Once, as all memory is pinned.
    case pinned
    /// Each buffer for its use, and invalidated when it is taken back.
    case strict
    /// Each buffer for its use; invalidations wait for more.
    case lazy
  }

  /// The IOMMU.
  public let iommu: IOMMU
  /// How buffers are mapped.
  public let mapping: Mapping
  /// Whether walks go through the guest's tables and the host's.
  public let isNested: Bool
  /// Whether packets are translated.
  public let network: Bool
  /// Whether block requests are translated.
  public let block: Bool

  /// The setting of a VM; nil where no device's address is translated.
  init?(design: CompiledDesign, iommu: IOMMU, hasNetwork: Bool, hasDisk: Bool) {
    let axes = design.choice.axes
    func isTranslated(_ use: FrontEnd.Use) -> Bool {
      design.isAssigned(use) || (axes[.iommu] == "hardware" && axes[use == .network ? .network : .disk] == "native")
    }
    network = hasNetwork && isTranslated(.network)
    block = hasDisk && isTranslated(.block)
    guard network || block else { return nil }
    self.iommu = iommu
    isNested = axes[.iommu] == "nested"
    mapping = axes[.iommu] == "none" ? .pinned : axes[.dmaMapping] == "lazy" ? .lazy : .strict
  }

  /// Time of a walk in nanoseconds.
  var walk: Double { isNested ? iommu.nestedWalk : iommu.walk }

  /// Pages that data of that size takes, and so the mappings of a packet: its fragments are mapped one by one.
  static func pages(_ size: ByteCount) -> Double {
    max(1, (Double(size.bytes) / Double(IOMMU.mappingPage)).rounded(.up))
  }

  /// Mappings of a request with so many packets and block requests.
  func mappings(sent: Int, received: Int, sizes: (sent: ByteCount, received: ByteCount), blocks: Double) -> Double {
    let packets =
      network ? Double(sent) * Self.pages(sizes.sent) + Double(received) * Self.pages(sizes.received) : 0
    return packets + (block ? blocks : 0)
  }
}

/// What of a VM's transfers a device asks the IOMMU for.
struct DMATraffic {
  /// By kind of transfer: the streams of a request, with references of one request as their rate.
  var network: [IOMMU.Stream] = []
  var block: [IOMMU.Stream] = []

  /// Bytes of a descriptor: 16 in the rings of interfaces of the last decades; NVMe has 64 and 16, in two queues.
  private static let descriptor = 16.0

  init(_ vm: VirtualMachine, dma: DMASetting, host: PageMix) {
    let isFresh = dma.mapping != .pinned
    func add(
      _ count: Double, size: ByteCount, entries: Int, queues: Double, to streams: inout [IOMMU.Stream]
    ) {
      guard count > 0 else { return }
      let ring = (Double(entries) * Self.descriptor / Double(IOMMU.mappingPage)).rounded(.up) * queues
      streams.append(IOMMU.Stream(pages: ring, rate: count * queues))
      // The buffers of a ring lie side by side in pages of the host's size.
      let buffers = Double(entries) * Double(max(size.bytes, 2048))
      let references = count * DMASetting.pages(size)
      if isFresh {
        streams.append(IOMMU.Stream(pages: 0, rate: references, isFresh: true))
        return
      }
      for part in host.parts where part.share > 0 {
        streams.append(
          IOMMU.Stream(
            pages: (buffers * part.share / Double(part.page)).rounded(.up), rate: references * part.share))
      }
    }
    if dma.network {
      let entries = vm.io.networkOptions.ring ?? FrontEnd.usualEntries
      add(Double(vm.load.packetsSent), size: vm.load.traffic.sentSize, entries: entries, queues: 1, to: &network)
      add(
        Double(vm.load.packetsReceived), size: vm.load.traffic.receivedSize, entries: entries, queues: 1, to: &network)
    }
    if dma.block {
      let entries = vm.io.blockOptions.ring ?? FrontEnd.usualEntries
      add(vm.load.block.reads, size: vm.load.block.readSize, entries: entries, queues: 2, to: &block)
      add(vm.load.block.writes, size: vm.load.block.writeSize, entries: entries, queues: 2, to: &block)
    }
  }
}

extension ModelAssembly {
  /// The IOMMU of a host: the one it names, else the library's usual one.
  mutating func iommu(of group: HostGroup) -> IOMMU? {
    guard let named = group.iommu else {
      if case .iommu(let iommu)? = library.devices[Library.usualIOMMU]?.kind { return iommu }
      return nil
    }
    guard let device = library.devices[named.name] else {
      fault(named.location, unknown("device", named.name, among: library.devices.keys))
      return nil
    }
    if case .iommu(let iommu) = device.kind { return iommu }
    fault(named.location, "device '\(device.name)' is no IOMMU; expected one of kind iommu")
    return nil
  }

  /// Finds how often devices miss in the cache of translations that they share on each host, and what the walks take.
  mutating func translateDMA() {
    guard faults.isEmpty else { return }
    for slot in slots.indices {
      let group = scenario.hosts[slots[slot].group]
      let host = PageMix(page: group.page.bytes, hugeShare: group.hugePageShare)
      var streams: [IOMMU.Stream] = []
      var owners: [(vm: Int, traffic: DMATraffic, first: Int)] = []
      for vm in vms.indices where vms[vm].host == slot {
        guard let dma = vms[vm].io.dma, case .requests(let requests) = scenario.workloads[vms[vm].workload].shape
        else { continue }
        let traffic = DMATraffic(vms[vm], dma: dma, host: host)
        owners.append((vm, traffic, streams.count))
        streams += (traffic.network + traffic.block).map {
          IOMMU.Stream(pages: $0.pages, rate: $0.rate * max(1e-18, requests.nominalRate), isFresh: $0.isFresh)
        }
      }
      guard let first = owners.first, let iommu = vms[first.vm].io.dma?.iommu else { continue }
      let ratios = iommu.missRatios(streams)
      for owner in owners {
        guard let dma = vms[owner.vm].io.dma else { continue }
        func misses(_ streams: [IOMMU.Stream], from first: Int) -> Double {
          streams.enumerated().reduce(0) { $0 + $1.element.rate * ratios[first + $1.offset] }
        }
        let packets = misses(owner.traffic.network, from: owner.first)
        let blocks = misses(owner.traffic.block, from: owner.first + owner.traffic.network.count)
        let perWalker = dma.walk / Double(iommu.walkers)
        vms[owner.vm].io.packetWalks = packets * perWalker
        vms[owner.vm].io.walkDelay = min(1, packets) * dma.walk
        let count = vms[owner.vm].load.block.count
        vms[owner.vm].io.blockWalks = count > 0 ? blocks / count * perWalker : 0
        vms[owner.vm].changeLoads { $0.missing(packets + blocks, scenario: scenario.name) }
      }
    }
  }
}
