import Quantities

/// Where a cost comes from.
public enum CostKind: String, CaseIterable, Sendable, Hashable {
  /// Measured by the calibration harness.
  case measured
  /// Read or derived from a cited source.
  case published
  /// Neither: a reasoned guess with a range.
  case assumed
}

/// The law by which single costs of a step scatter around their mean.
public enum CostDistribution: Sendable, Hashable {
  /// Always the mean.
  case deterministic
  /// Gamma with the given coefficient of variation (> 0); sums of such costs are again gamma, so that bulk charges stay
  /// exact in distribution.
  case gamma(coefficientOfVariation: Double)
}

/// What one step costs, and why.
public struct StepCost: Sendable, Hashable {
  /// Mean cost.
  public let mean: Cost
  /// How single costs scatter.
  public let distribution: CostDistribution
  /// Measured, published or assumed.
  public let kind: CostKind
  /// The source, or for an assumption the reason.
  public let source: String
  /// The range in which an assumed mean lies; of a measured one its 95 % interval.
  public let range: ClosedRange<Double>?
  /// Rows of the published table that the mean is a linear combination of, with their coefficients.
  public let rows: [PublishedRow]
  /// Where the price stands.
  public let location: SourceLocation

  /// A row of the table of published measurements, by id.
  public struct PublishedRow: Sendable, Hashable {
    /// The row's id.
    public let id: String
    /// What it is multiplied by.
    public let coefficient: Double

    /// Creates a reference to a row.
    public init(id: String, coefficient: Double) {
      self.id = id
      self.coefficient = coefficient
    }
  }

  /// Creates a cost. `range` is in nanoseconds at the profile's frequency.
  public init(
    mean: Cost, distribution: CostDistribution = .deterministic, kind: CostKind, source: String,
    range: ClosedRange<Double>? = nil, rows: [PublishedRow] = [], location: SourceLocation
  ) {
    self.mean = mean
    self.distribution = distribution
    self.kind = kind
    self.source = source
    self.range = range
    self.rows = rows
    self.location = location
  }
}

/// The prices of steps on one machine.
public struct CostProfile: Sendable {
  /// The name by which scenarios choose it.
  public let name: String
  /// One line on the machine.
  public let title: String
  /// The virtualization backend on which measured steps were measured (`vt-x`, `amd-v`, `pvm`, `none`).
  public let backend: String
  /// The frequency at which the prices were found.
  public let frequency: Frequency
  /// Processor models that the profile was made on.
  public let processors: [String]
  /// The data of the TLB, if the profile has it.
  public let tlb: ProcessorTLB?
  /// The data of page walks, if the profile has it; without it walks cost the flat prices of their steps.
  public let walks: WalkHardware?
  /// What memory of another node costs, if the profile has it.
  public let memoryNodes: MemoryNodes?
  /// The idle states of its cores, if the profile knows them; those of a base are another processor's.
  public let idleStates: IdleStates?
  /// The cache that processes share, if the profile has it.
  public let cache: PhysicalCache?
  /// The profile's own prices by step.
  public let costs: [String: StepCost]
  /// Prices by backend and step for designs that run on another backend of the same machine than `backend`.
  public let otherBackends: [String: [String: StepCost]]
  /// How the prices were measured: facts on the machine and the run, in the order of the document; empty when nothing was.
  public let provenance: [Fact]
  /// The profiles that price what this one does not, nearest first.
  public let bases: [CostProfile]
  /// SHA-256 of the documents that made the profile, in hexadecimal.
  public let digest: String

  /// A fact on a measurement.
  public struct Fact: Sendable, Hashable {
    /// What it is about, such as `kernel` or `mitigations.spectre_v2`.
    public let name: String
    /// The fact.
    public let text: String

    /// Creates a fact.
    public init(name: String, text: String) {
      self.name = name
      self.text = text
    }
  }

  /// Creates a profile.
  public init(
    name: String, title: String, backend: String, frequency: Frequency, processors: [String] = [], tlb: ProcessorTLB?,
    walks: WalkHardware? = nil, memoryNodes: MemoryNodes? = nil, idleStates: IdleStates? = nil,
    cache: PhysicalCache? = nil, costs: [String: StepCost],
    otherBackends: [String: [String: StepCost]] = [:], provenance: [Fact] = [], bases: [CostProfile] = [],
    digest: String = ""
  ) {
    self.name = name
    self.title = title
    self.backend = backend
    self.frequency = frequency
    self.processors = processors
    self.tlb = tlb
    self.walks = walks
    self.memoryNodes = memoryNodes
    self.idleStates = idleStates
    self.cache = cache
    self.costs = costs
    self.otherBackends = otherBackends
    self.provenance = provenance
    self.bases = bases
    self.digest = digest
  }

  /// A price with the profile that it comes from.
  public struct Price: Sendable {
    /// The price.
    public let cost: StepCost
    /// The profile that states it.
    public let profile: String
    /// Mean in nanoseconds at that profile's frequency.
    public let nanoseconds: Double
    /// The nearer profile whose measured price was passed over because its backend does not match.
    public let passedOver: String?
    /// How many bases away the profile is that states the price: 0 for the profile itself.
    public let distance: Int
  }

  /// The price of a step for a design that accepts the given backends, in their order of preference. Of each profile,
  /// nearest first, the design takes the price for the first of its backends that the profile has one for; a profile's own
  /// prices stand for any other backend unless they are measured. Nil when nothing prices the step.
  ///
  /// - Complexity: O(number of bases × backends).
  public func price(of step: String, backends: [String]) -> Price? {
    var passedOver: String?
    for (distance, profile) in ([self] + bases).enumerated() {
      let preferred = backends.lazy.compactMap { backend in
        backend == profile.backend ? profile.costs[step] : profile.otherBackends[backend]?[step]
      }.first
      guard let cost = preferred ?? profile.costs[step] else { continue }
      if preferred == nil && cost.kind == .measured {
        passedOver = passedOver ?? profile.name
        continue
      }
      return Price(
        cost: cost, profile: profile.name, nanoseconds: cost.mean.nanoseconds(at: profile.frequency),
        passedOver: passedOver, distance: distance)
    }
    return nil
  }

  /// The profile for a machine of the same kind at another clock: prices in cycles are converted at that frequency,
  /// prices in time stay.
  public func at(_ frequency: Frequency) -> CostProfile {
    CostProfile(
      name: name, title: title, backend: backend, frequency: frequency, processors: processors, tlb: tlb, walks: walks,
      memoryNodes: memoryNodes, idleStates: idleStates, cache: cache, costs: costs, otherBackends: otherBackends,
      provenance: provenance, bases: bases.map { $0.at(frequency) }, digest: digest)
  }

  /// The profile as the base of another machine's: every price is scaled and becomes an assumption, which says so. Prices
  /// of the steps in `ratios` are no times and stay.
  public func scaled(by scaling: CostScaling, leaving ratios: Set<String>) -> CostProfile {
    func scaled(_ costs: [String: StepCost]) -> [String: StepCost] {
      Dictionary(
        uniqueKeysWithValues: costs.map { step, cost in
          (step, ratios.contains(step) ? cost : scaling.apply(to: cost, of: self))
        })
    }
    return CostProfile(
      name: name, title: title, backend: backend, frequency: frequency, processors: processors, tlb: tlb, walks: walks,
      memoryNodes: memoryNodes, idleStates: idleStates, cache: cache, costs: scaled(costs),
      otherBackends: otherBackends.mapValues(scaled), provenance: provenance,
      bases: bases.map { $0.scaled(by: scaling, leaving: ratios) }, digest: digest)
  }

  /// The TLB's data of this profile or of the nearest base that has it.
  public var effectiveTLB: ProcessorTLB? { tlb ?? bases.lazy.compactMap(\.tlb).first }

  /// The data of page walks of this profile, or of the nearest base that has it where this profile prices no walk itself.
  public var effectiveWalks: (hardware: WalkHardware, profile: CostProfile)? {
    for profile in [self] + bases {
      if let hardware = profile.walks { return (hardware, profile) }
      // A measured or stated price of the walk is nearer than a model's data further down.
      if profile.costs["page_walk"] != nil { return nil }
    }
    return nil
  }
}
