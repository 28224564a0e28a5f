import Model
import Testing
import Virtualization

/// Translation of devices' addresses: the IOMMU's cache, and what its driver's mappings cost.
struct IOMMUTests {
  private static func scenario(
    page: String = "4 KiB", memory: String = "64 GiB", count: Int = 1, iommu: String = "", rate: Int = 20_000,
    design: String = "kvm-passthrough", service: Int = 10, duration: Int = 1200,
    packets: String = "net_tx: {count: 1, size: 1500 B}"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: iommu
      duration: \(duration) ms
      warmup: 200 ms
      hosts:
        - name: node
          cpu: {cores: 16, frequency: 2.5 GHz}
          memory: {size: \(memory), page: \(page)}
          nics: [{name: eth0, bandwidth: 25 Gbit/s, model: generic-25g}]\(iommu)
          design: \(design)
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: \(count), vcpus: 1, memory: {size: 4 GiB}, nic: eth0, workload: work}
      workloads:
        work:
          arrivals: {process: poisson, rate: \(rate)/s}
          service: {distribution: exponential, mean: \(service) us}
          per_request: {\(packets)}
      """)
  }

  private static func perRequest(_ result: RunResult, _ operation: GuestOperation) -> (count: Double, exits: Double) {
    let rows = result.exits.filter { $0.operation == operation }
    let done = Double(result.vms.reduce(0) { $0 + $1.completed })
    let steps = Set(rows.map(\.step)).map { step in rows.filter { $0.step == step }.reduce(0) { $0 + $1.count } }
    return (Double(steps.max() ?? 0) / done, Double(rows.reduce(0) { $0 + $1.exits }) / done)
  }

  /// Equally popular pages: `e^(-t/N) = 1 − E/N`.
  @Test(
    "Misses of the cache: 1 − E/N of N pages, none when they fit, all of fresh ones; fresh ones crowd the others out")
  func misses() {
    let iommu = IOMMU(entries: 64, walk: 330, nestedWalk: 700, walkers: 4, deferred: 256, deferral: 1e7)
    for pages in [80.0, 256, 1000] {
      let ratio = iommu.missRatios([IOMMU.Stream(pages: pages, rate: 1)])[0]
      #expect(abs(ratio - (1 - 64 / pages)) < 1e-6, "\(pages) pages: \(ratio)")
    }
    #expect(iommu.missRatios([IOMMU.Stream(pages: 64, rate: 1)])[0] == 0)
    // A ring's page that is read for each of many fresh buffers stays; one of few references does not.
    let mixed = iommu.missRatios([
      IOMMU.Stream(pages: 1, rate: 1), IOMMU.Stream(pages: 1, rate: 0.001),
      IOMMU.Stream(pages: 0, rate: 1, isFresh: true),
    ])
    #expect(mixed[2] == 1 && mixed[0] < 1e-6 && mixed[1] > 0.9, "\(mixed)")
  }

  @Test("Deferred invalidations: one a request when they are rare, one of 256 buffers when they are many")
  func deferral() {
    let queue = DeferredInvalidation(perRequest: 2, capacity: 256, deferral: 1e7)
    #expect(abs(queue.rate(requests: 1) - 1) < 0.011)
    #expect(abs(queue.rate(requests: 1000) - 1 / 0.011) < 1e-9)
    #expect(abs(queue.rate(requests: 1e6) - 2e6 / 256) < 1e-6)
    #expect(queue.rate(requests: 0) == 0)
  }

  @Test(
    "Exits of each packet: two where mappings are reported, one where only invalidations are, none without an IOMMU")
  func exits() throws {
    func run(_ axes: [DesignAxis: String]) throws -> RunResult {
      try Support.exit(try Support.model(try Self.scenario(), design: "kvm-passthrough", axes: axes))
    }
    func exits(_ axes: [DesignAxis: String]) throws -> Double {
      let result = try run(axes)
      return [GuestOperation.dmaMap, .dmaUnmap, .iotlbFlush].reduce(0) { $0 + Self.perRequest(result, $1).exits }
    }
    #expect(try exits([:]) == 0)
    // Requests that are under way at the window's ends are counted in part.
    #expect(abs(try exits([.iommu: "emulated"]) - 2) < 0.001)
    #expect(abs(try exits([.iommu: "nested"]) - 1) < 0.001)
    // 20,000 buffers a second make 200 in 10 ms, fewer than 256: the timer decides.
    let timer = (1 / (0.01 + 1 / 20_000.0)) / 20_000
    #expect(abs(try exits([.iommu: "nested", .dmaMapping: "lazy"]) - timer) < 0.02 * timer)
    #expect(abs(try exits([.iommu: "emulated", .dmaMapping: "lazy"]) - 1 - timer) < 0.001)
    let reasons = try run([.iommu: "emulated"]).exits.filter { $0.operation == .dmaMap && $0.exits > 0 }
    #expect(reasons.map(\.step) == ["mmio_exit"])
  }

  @Test("A queue of deferred invalidations that overflows: one of 256 buffers; both engines agree")
  func overflow() throws {
    let model = try Support.model(
      try Self.scenario(rate: 30_000, packets: "net_tx: {count: 4, size: 1500 B}"),
      design: "kvm-passthrough", axes: [.iommu: "nested", .dmaMapping: "lazy"])
    let exit = Self.perRequest(try Support.exit(model), .iotlbFlush).count
    let fluid = Self.perRequest(try Support.fluid(model), .iotlbFlush).count
    #expect(abs(exit - 4.0 / 256) < 0.01 * 4 / 256, "\(exit)")
    #expect(abs(fluid - 4.0 / 256) < 0.01 * 4 / 256, "\(fluid)")
  }

  @Test(
    "Both engines agree on every mode",
    arguments: [
      ("none", "strict"), ("emulated", "strict"), ("emulated", "lazy"), ("nested", "strict"), ("nested", "lazy"),
    ])
  func agreement(iommu: String, mapping: String) throws {
    let model = try Support.model(
      try Self.scenario(
        rate: 10_000, duration: 6000, packets: "net_rx: {count: 1, size: 1500 B}, net_tx: {count: 1, size: 6000 B}"),
      design: "kvm-passthrough", axes: [.iommu: iommu, .dmaMapping: mapping])
    let exit = try (1...2).map { try Support.exit(model, replication: $0) }
    let fluid = try Support.fluid(model)
    for metric in [SummaryMetric.throughput, .virtualizationCPU, .exitsPerRequest, .utilization, .latencyMean] {
      let mean = exit.compactMap { $0.value(of: metric) }.reduce(0, +) / 2
      let expected = try #require(fluid.value(of: metric))
      let tolerance = metric == .latencyMean ? 0.1 : 0.02
      #expect(abs(mean - expected) <= tolerance * expected, "\(metric.name): \(mean) against \(expected)")
    }
  }

  @Test("Throughput falls with protection; huge pages and fewer functions miss less")
  func order() throws {
    func saturated(_ axes: [DesignAxis: String], design: String = "kvm-passthrough") throws -> Double {
      // Neighbours differ by more than a tenth; 15,000 packets are enough.
      let model = try Support.model(try Self.scenario(rate: 150_000, duration: 400), design: design, axes: axes)
      return try Support.exit(model).workloads[0].throughput
    }
    let modes = try [
      saturated([:]), saturated([.iommu: "nested", .dmaMapping: "lazy"]), saturated([.iommu: "nested"]),
      saturated([.iommu: "emulated"]),
    ]
    #expect(zip(modes, modes.dropFirst()).allSatisfy { $0 > $1 }, "\(modes)")
    let bare = try [
      saturated([:], design: "bare-metal"), saturated([.iommu: "hardware", .dmaMapping: "lazy"], design: "bare-metal"),
      saturated([.iommu: "hardware"], design: "bare-metal"),
    ]
    #expect(zip(bare, bare.dropFirst()).allSatisfy { $0 > $1 }, "\(bare)")
    func misses(_ page: String, _ count: Int) throws -> Double {
      let model = try Support.model(try Self.scenario(page: page, count: count))
      return Self.perRequest(try Support.exit(model), .iotlbMiss).count
    }
    // 256 buffers of 2 KiB lie in 128 pages; the ring's own page is the 129th, and stays.
    let one = try misses("4 KiB", 1)
    #expect(abs(one - 0.5) < 0.02, "\(one)")
    #expect(try misses("4 KiB", 8) > 0.9)
    #expect(try misses("2 MiB", 1) == 0)
    #expect(try misses("2 MiB", 8) == 0)
  }

  @Test("Walks bound a fast interface: four at a time of 330 ns")
  func bound() throws {
    let model = try Support.model(
      try Self.scenario(
        count: 8, rate: 1000, service: 200, packets: "net_tx: {count: 64, size: 100 B}"))
    let wire = model.wireTime(ofRequestBy: model.vms[0])
    // 64 packets of 100 bytes take 2 us at 25 Gbit/s; their misses 64 · m · 330 / 4 ns.
    #expect(Double(wire) > 0.9 * 64 * 330 / 4 && wire < 64 * 2 * 330 / 4, "\(wire)")
  }

  @Test("Faults: a device that is no IOMMU, an unknown one, overcommitment of pinned memory")
  func faults() throws {
    func faults(_ scenario: Scenario, _ axes: [DesignAxis: String] = [:]) -> [String] {
      Support.faults { _ = try Support.model(scenario, design: "kvm-passthrough", axes: axes) }
    }
    #expect(
      faults(try Self.scenario(iommu: "\n    iommu: generic-25g")) == [
        "device 'generic-25g' is no IOMMU; expected one of kind iommu"
      ])
    #expect(faults(try Self.scenario(iommu: "\n    iommu: vt-e")) == ["unknown device 'vt-e' (did you mean 'vt-d'?)"])
    let crowded = try Self.scenario(memory: "4.5 GiB, swap: {latency: 100 us}")
    let pinned = faults(crowded)
    #expect(pinned.count == 1 && pinned[0].contains("cannot overcommit memory: the device writes to pinned memory"))
    #expect(faults(crowded, [.iommu: "nested"]).count == 1)
    #expect(faults(crowded, [.iommu: "emulated"]) == [])
  }
}
