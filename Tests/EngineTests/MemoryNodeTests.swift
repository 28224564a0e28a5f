import Model
import Testing
import Virtualization

/// Memory nodes: where VMs run and have their memory, and what references to other nodes cost.
struct MemoryNodeTests {
  private func scenario(
    scheduling: String = "aware", nodes: Int = 2, cores: Int = 8, count: Int = 2, vcpus: Int = 4,
    memory: String = "8 GiB",
    numa: String = "{placement: local}", cpu: String = "", design: String = "bare-metal",
    workload: String = "batch: {work: 1000 s, threads: 8}",
    references: String = "{working_set: 4 GiB, page_references: 1000000/s, reuse_skew: 0, cache_misses: 4000000/s}"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: test
      duration: 10 s
      hosts:
        - name: node
          cpu: {cores: \(cores), frequency: 2.5 GHz}
          memory: {size: 64 GiB}
          numa: {nodes: \(nodes), scheduling: \(scheduling)}
          design: {name: \(design), services: false}
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: \(count), vcpus: \(vcpus), memory: {size: \(memory)}, numa: \(numa), workload: work\(cpu)}
      workloads:
        work:
          \(workload)
          memory: \(references)
      """)
  }

  private func homes(_ scenario: Scenario) throws -> [NodeHome] {
    try Support.model(scenario).vms.compactMap(\.home)
  }

  @Test("Homes: the least loaded node with room; several for wide VMs; where it is pinned to")
  func homes() throws {
    #expect(try homes(try scenario(count: 4, vcpus: 2)).map(\.nodes) == [[0], [1], [0], [1]])
    #expect(try homes(try scenario(count: 4, vcpus: 2)).allSatisfy { $0.remoteShare == 0 })
    // 20 GiB fit once on a node of 32 GiB.
    #expect(try homes(try scenario(count: 2, vcpus: 1, memory: "20 GiB")).map(\.nodes) == [[0], [1]])
    let wide = try homes(try scenario(count: 1, vcpus: 6))
    #expect(wide.map(\.nodes) == [[0, 1]] && wide[0].remoteShare == 0.5)
    let four = try homes(try scenario(nodes: 4, count: 1, vcpus: 4, numa: "{exposed: true, shared: 0.5}"))
    #expect(four.map(\.nodes) == [[0, 1]] && abs(four[0].remoteShare - 0.25) < 1e-12)
    let pinned = try homes(try scenario(count: 1, vcpus: 2, cpu: ", cpu: {pinned: [5, 6]}"))
    #expect(pinned.map(\.nodes) == [[1]] && pinned[0].remoteShare == 0)
  }

  @Test("Remote shares: blind, interleaved, striped, spilled")
  func shares() throws {
    #expect(try homes(try scenario(scheduling: "blind", count: 1))[0].remoteShare == 0.5)
    #expect(try homes(try scenario(scheduling: "blind", nodes: 4, count: 1))[0].remoteShare == 0.75)
    #expect(try homes(try scenario(nodes: 4, vcpus: 2, numa: "{placement: interleaved}"))[0].remoteShare == 0.75)
    // Nine in ten references go to the first quarter of the addresses, on the first of two nodes.
    let regions = "{regions: [{size: 1 GiB, share: 9, reuse_skew: 0}, {size: 3 GiB, share: 1, reuse_skew: 0}], "
    let striped = try homes(
      try scenario(numa: "{placement: striped}", references: regions + "page_references: 1000000/s}"))
    #expect(abs(striped[0].remoteShare - (1 - 0.9 - 0.1 / 3)) < 1e-12, "\(striped)")
    #expect(abs(striped[1].remoteShare - (0.9 + 0.1 / 3)) < 1e-12, "\(striped)")
    // 48 GiB on nodes of 32: a third of it is away.
    let spilled = try homes(try scenario(count: 1, vcpus: 2, memory: "48 GiB"))
    #expect(abs(spilled[0].remoteShare - 1.0 / 3) < 1e-9, "\(spilled)")
  }

  @Test("A remote miss takes the difference of latencies longer, in both engines", arguments: [Fidelity.exit, .fluid])
  func slowdown(fidelity: Fidelity) throws {
    func run(_ scenario: Scenario) throws -> RunResult {
      let model = try Support.model(scenario, fidelity: fidelity)
      return try Support.run(model, fidelity)
    }
    let (nodes, owner) = try #require(try Support.library.get().profiles["cascade-lake-pvm-paper"]?.effectiveNodes)
    let added = nodes.added(at: owner.frequency)
    for (parallel, misses) in [(1.0, 4e6), (4, 4e6), (1, 2e7)] {
      // Working set of a page: no TLB misses, and walks from memory neither.
      let text =
        "{working_set: 4 KiB, page_references: 1000/s, reuse_skew: 0, cache_misses: \(Int(misses))/s, "
        + "parallel_misses: \(parallel)}"
      let local = try run(try scenario(count: 1, references: text))
      let blind = try run(try scenario(scheduling: "blind", count: 1, references: text))
      let slowdown = try #require(local.value(of: .throughput)) / (try #require(blind.value(of: .throughput)))
      // Four threads bring at most 8e7 / 2 lines a second over a link of 650 million: waits are below 0.1 ns.
      let expected = 1 + 0.5 * misses / parallel * added * 1e-9
      #expect(abs(slowdown - expected) < 0.002 * expected, "\(parallel) \(misses): \(slowdown) for \(expected)")
      #expect(blind.vms[0].home?.remoteShare == 0.5)
      #expect(local.exits.allSatisfy { $0.operation != .remoteAccess })
    }
  }

  @Test("Loaded links bound the traffic")
  func bandwidth() throws {
    // 32 threads of 100 million parallel misses: 3.2e9 lines a second, half of them remote, over links of 650 million each.
    let text =
      "{working_set: 4 KiB, page_references: 1000/s, reuse_skew: 0, cache_misses: 100000000/s, parallel_misses: 10}"
    let scenario = try scenario(
      scheduling: "blind", cores: 32, count: 4, vcpus: 8, references: text)
    let fluid = try Support.fluid(try Support.model(scenario, fidelity: .fluid))
    let work = try #require(fluid.value(of: .throughput))
    let lines = work * 1e8 / 2 / 2
    let capacity = 333e9 / 8 / 64
    #expect(lines < capacity && lines > 0.9 * capacity, "\(lines) of \(capacity)")
  }

  @Test("Walks read entries from other nodes too, and both engines agree")
  func walks() throws {
    let references = "{working_set: 32 GiB, page_references: 4000000/s, reuse_skew: 0, cache_misses: 0/s}"
    for design in ["bare-metal", "kvm-virtio", "kvm-shadow"] {
      let text = try scenario(
        scheduling: "blind", count: 1, memory: "40 GiB", design: design, references: references)
      let exit = try Support.exit(try Support.model(text))
      let fluid = try Support.fluid(try Support.model(text, fidelity: .fluid))
      func remote(_ result: RunResult) -> Double {
        Double(result.exits.reduce(0) { $0 + ($1.operation == .remoteAccess ? $1.count : 0) })
      }
      #expect(remote(exit) > 1e5, "\(design)")
      #expect(abs(remote(exit) - remote(fluid)) < 0.02 * remote(fluid), "\(design)")
      let value = try #require(exit.value(of: .throughput))
      let expected = try #require(fluid.value(of: .throughput))
      #expect(abs(value - expected) < 0.02 * expected, "\(design)")
    }
  }

  @Test("Aware scheduling keeps VMs on their nodes: two VMs of one node share it, the other idles")
  func scheduling() throws {
    // Three VMs of four always-busy vCPUs on two nodes of four processors: two share a node, one has the other.
    for fidelity in [Fidelity.exit, .fluid] {
      let model = try Support.model(
        try scenario(count: 3, references: "{working_set: 4 KiB, page_references: 1000/s, reuse_skew: 0}"),
        fidelity: fidelity)
      let result = try Support.run(model, fidelity)
      for (vm, expected) in zip(result.vms, [20.0, 40, 20]) {
        #expect(abs(Double(vm.guest) * 1e-9 - expected) < 0.02 * expected, "\(fidelity): \(vm.name) \(vm.guest)")
      }
    }
  }

  @Test("Faults are told where they stand")
  func faults() throws {
    func messages(_ scenario: Scenario) -> [String] {
      Support.faults(.column) { _ = try Support.model(scenario) }
    }
    #expect(
      messages(try scenario(nodes: 3)) == [
        "4:5: host 'node' has 8 hardware threads, which 3 nodes cannot share; expected a number of nodes that divides the "
          + "cores"
      ])
    #expect(
      messages(try scenario(count: 1, memory: "48 GiB", numa: "{strict: true}")) == [
        "11:5: vm 'vm' needs 48 GiB on its home nodes of host 'node', which have less left; expected less memory, or "
          + "'strict: false'"
      ])
    #expect(messages(try scenario(count: 1, vcpus: 6, memory: "48 GiB", numa: "{strict: true}")) == [])
  }
}
