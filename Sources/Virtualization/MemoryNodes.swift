import Quantities

/// What memory of another node costs a processor, with the source of the figures.
public struct MemoryNodes: Sendable, Hashable {
  /// Time of a reference to the memory of the processor's own node.
  public var local: Cost
  /// Time of a reference to the memory of another node.
  public var remote: Cost
  /// What the links into a node carry.
  public var bandwidth: BitRate
  /// Measured, published or assumed.
  public var kind: CostKind
  /// The source, or for an assumption the reason.
  public var source: String

  /// Creates the data. `remote` is no less than `local`.
  public init(local: Cost, remote: Cost, bandwidth: BitRate, kind: CostKind, source: String) {
    self.local = local
    self.remote = remote
    self.bandwidth = bandwidth
    self.kind = kind
    self.source = source
  }

  /// Bytes of a cache line.
  public static let line = 64.0
  /// Time in nanoseconds that the links into a node take for a line.
  public var lineTime: Double { Self.line * 8 / Double(bandwidth.bitsPerSecond) * 1e9 }

  /// Time in nanoseconds that a reference to another node takes more, waiting for the links left out, at the clock that its prices
  /// in cycles count.
  public func added(at frequency: Frequency) -> Double {
    max(0, remote.nanoseconds(at: frequency) - local.nanoseconds(at: frequency))
  }

  /// Mean time in nanoseconds that a line waits for links that are busy for a share `load` of the time: M/D/1.
  public func wait(load: Double) -> Double {
    load < 1 ? lineTime * load / (2 * (1 - load)) : .infinity
  }
}

extension CostProfile {
  /// The data of memory nodes of this profile or of the nearest base that has it, with the profile that states it.
  public var effectiveNodes: (nodes: MemoryNodes, profile: CostProfile)? {
    for profile in [self] + bases {
      if let nodes = profile.memoryNodes { return (nodes, profile) }
    }
    return nil
  }
}

/// References of a workload that go to memory, per second of CPU time on the bare host.
public struct MemoryTraffic: Sendable, Hashable {
  /// Lines of data.
  public var data: Double
  /// Misses of data that are under way at a time.
  public var parallelism: Double
  /// Entries of page tables that walks read, one after another.
  public var walks: Double

  /// The traffic of a workload; nil when nothing is known of it.
  ///
  /// Misses are stated, or those of the changes of the page: the lines that they bring in, of which the last level of the
  /// profile's hierarchy holds the most recently used pages (Che's approximation, every line of a page alike).
  public init?(memory: MemoryReferences, translation: TranslationLoad?, profile: CostProfile) {
    let references = translation?.references ?? memory.referencesPerSecond
    if let stated = memory.cacheMisses {
      data = stated
    } else if let size = profile.effectiveWalks?.hardware.hierarchy.last?.size {
      let lines = memory.regions.reduce(0) { $0 + $1.share * $1.lines }
      data =
        references * lines
        * memory.missRatio(page: BasePage.size, entries: (Double(size) / BasePage.size).rounded(.down))
    } else {
      return nil
    }
    parallelism = memory.missParallelism
    walks = 0
    if let side = translation?.design, let walk = side.walk {
      walks = side.misses * walk.references.reduce(0) { $0 + $1.count * ($1.shares.last ?? 0) }
    }
  }

  /// References whose time the vCPU waits for.
  public var waited: Double { data / parallelism + walks }
  /// Lines that move.
  public var lines: Double { data + walks }
}

extension CompiledDesign {
  /// The step of a reference to another node's memory.
  public static let remoteStep = "remote_memory"

  /// The design with what a reference to another node's memory takes more, in nanoseconds.
  public func reaching(remote added: Double, wait: Double, document: String, nodes: MemoryNodes) -> CompiledDesign {
    let text = wait >= 0.005 ? "; links loaded: \((wait * 100).rounded() / 100) ns more" : ""
    let charge = StepCharge(
      step: Self.remoteStep, place: .guest, count: 1, exitsPerStep: 0, stepMean: added + wait,
      distribution: .deterministic, kind: nodes.kind,
      origin: PriceOrigin(document: document, source: nodes.source + text))
    return replacing(
      .remoteAccess,
      by: OperationCost(steps: [OperationCost.PathStep(charge: charge, role: .synchronous)], bareHost: 0))
  }
}
