import Model
import Testing
import Virtualization

/// Dirty logging, overcommitted memory, huge pages and page walks in both engines.
struct MemoryTests {
  static func scenario(
    _ memory: String = "working_set: 512 MiB, page_references: 1000000/s, reuse_skew: 0.6", vm: String = "size: 1 GiB",
    host: String = "size: 16 GiB", count: Int = 1, vcpus: Int = 1, more: String = "", design: String = "kvm-virtio",
    workload: String = "batch: {work: 100 s}", duration: String = "4 s"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: memory
      duration: \(duration)
      warmup: 1 s
      hosts:
        - name: node
          cpu: {cores: 4, frequency: 2.5 GHz}
          memory: {\(host)}
          design: \(design)
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: \(count), vcpus: \(vcpus), memory: {\(vm)}, workload: work\(more)}
      workloads:
        work:
          \(workload)
          memory: {\(memory)}
      """)
  }

  static let logging = ", dirty_logging: {interval: 500 ms, dirty_pages: 20000/s, writable_set: 64 MiB}"

  /// The engines' means within 2 %, as they must be for any scenario.
  static func expectAgreement(
    _ scenario: Scenario, axes: [DesignAxis: String] = [:], design: String = "kvm-virtio", leastShare: Double = 0
  )
    throws
  {
    let model = try Support.model(scenario, design: design, axes: axes)
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    for metric in EngineAgreementTests.metrics {
      guard let expected = fluid.value(of: metric), let value = exit.value(of: metric) else { continue }
      #expect(abs(value - expected) <= 0.02 * abs(expected) + 1e-12, "\(metric.name): \(value) against \(expected)")
    }
    func counts(_ result: RunResult) -> [String: Double] {
      result.exits.reduce(into: [:]) { $0["\($1.operation)/\($1.step)", default: 0] += Double($1.count) }
    }
    let expected = counts(fluid)
    let simulated = counts(exit)
    let least = max(1000, leastShare * simulated.values.reduce(0, +))
    // What siblings do to each other goes with the square of the load, and so does the scatter of the arrivals.
    let load = (exit.value(of: .throughput) ?? 1) / (fluid.value(of: .throughput) ?? 1)
    for (key, count) in simulated where count > least {
      let isMutual = ["lock_wait/", "remote_flush/"].contains { key.hasPrefix($0) }
      let mean = (expected[key] ?? 0) * (isMutual ? load * load : 1)
      #expect(abs(count - mean) <= 0.02 * count, "\(key): \(count) against \(mean)")
    }
  }

  @Test(
    "Dirty logging: engines agree, by write protection and by log buffer",
    arguments: ["write_protect", "log_buffer"],
    [
      "batch: {work: 100 s}",
      "{arrivals: {process: poisson, rate: 8000/s}, service: {distribution: exponential, mean: 45 us}}",
    ])
  func loggingAgreement(method: String, workload: String) throws {
    let text =
      workload.hasPrefix("{")
      ? String(workload.dropFirst().dropLast()).replacing("}, service", with: "}\n    service") : workload
    let scenario = try Self.scenario(
      more: Self.logging, workload: text, duration: text.hasPrefix("batch") ? "6 s" : "12 s")
    try Self.expectAgreement(scenario, axes: [.dirtyLogging: method])
  }

  @Test("Write protection faults once per page and round; the log makes an exit per 512 pages when nothing else exits")
  func loggingCounts() throws {
    let scenario = try Self.scenario(more: Self.logging, duration: "11 s")
    let result = try Support.exit(try Support.model(scenario, axes: [.dirtyLogging: "write_protect"]))
    let faults = result.exits.filter { $0.operation == .dirtyPage }.reduce(0) { $0 + $1.exits }
    // 16384 pages; the VM does a little less than 0.5 s of native work in a round of 0.5 s: below N (1 − e^(−rT/N)).
    let most = 20.0 * 16384 * (1 - 0.543_0)
    #expect(Double(faults) < most && Double(faults) > 0.8 * most, "\(faults) against at most \(most)")
    let full = DirtyLogging.fullExits(dirty: 512_000, exits: 0)
    #expect(full == 1000)
    #expect(DirtyLogging.fullExits(dirty: 20_000, exits: 1000) < 1e-3, "other exits drain the log in time")
    let busy = DirtyLogging.fullExits(dirty: 1e9, exits: 1) * 512 / 1e9
    #expect(abs(busy - 1) < 0.01)
  }

  @Test("Logging backs guests by small pages: huge ones are split")
  func loggingSplits() throws {
    let huge = "size: 1 GiB, page: 2 MiB"
    let host = "size: 16 GiB, page: 2 MiB"
    let plain = try Support.model(try Self.scenario(vm: huge, host: host)).vms[0].load
    let logged = try Support.model(try Self.scenario(vm: huge, host: host, more: Self.logging)).vms[0].load
    #expect((plain.translation?.design.misses ?? -1) == 0)
    #expect((logged.translation?.design.misses ?? 0) > 100_000)
  }

  @Test("A design without dirty logging cannot log")
  func loggingNeedsADesign() throws {
    let scenario = try Self.scenario(more: Self.logging)
    #expect(throws: ModelFaults.self) { try Support.model(scenario, design: "bare-metal") }
  }

  @Test("Huge pages on both sides, in part and with shadow walks: engines agree and accounts close")
  func hugePages() throws {
    let references = "working_set: 8 GiB, page_references: 3000000/s, reuse_skew: 0.7"
    for (vm, host, design) in [
      ("size: 10 GiB, page: 2 MiB", "size: 16 GiB, page: 4 KiB", "kvm-virtio"),
      ("size: 10 GiB, transparent_huge_pages: 0.5", "size: 16 GiB, transparent_huge_pages: 0.8", "kvm-virtio"),
      ("size: 10 GiB, page: 2 MiB", "size: 16 GiB, page: 4 KiB", "kvm-shadow"),
      ("size: 10 GiB, page: 4 KiB, page_table_levels: 5", "size: 16 GiB, page_table_levels: 5", "kvm-agile"),
    ] {
      let scenario = try Self.scenario(references, vm: vm, host: host)
      try Self.expectAgreement(scenario, design: design)
    }
  }

  @Test("Stated misses of a working set that fits the TLB are priced by its walks: engines agree, huge pages cost less")
  func statedMisses() throws {
    let memory = "working_set: 1 GiB, page_references: 1000000/s, reuse_skew: 0.6"
    func load(_ page: String, _ rates: String) throws -> OperationLoad {
      let scenario = try Self.scenario(
        memory, vm: "size: 2 GiB, page: \(page)", host: "size: 16 GiB, page: \(page)",
        workload: "batch: {work: 100 s}\n    per_cpu_second: {\(rates)}")
      try Self.expectAgreement(scenario)
      return try Support.model(scenario).vms[0].load
    }
    let small = try load("4 KiB", "tlb_miss: 500000")
    let huge = try load("2 MiB", "tlb_miss: 500000")
    #expect(try load("2 MiB", "syscall: 1").translation?.design.misses == 0)
    #expect(small.bareHostTLBMisses == 500_000 && huge.bareHostTLBMisses == 500_000)
    let costs = [small, huge].map { $0.design.cost(of: .tlbMiss)?.synchronousMean ?? 0 }
    #expect(costs[1] > 0 && costs[1] < 0.7 * costs[0], "\(costs)")
  }

  @Test("First touches come at the host's page size")
  func firstTouches() throws {
    let workload = "batch: {work: 100 s}\n    per_cpu_second: {first_touch: 51200}"
    func touches(_ host: String) throws -> Int64 {
      try Support.fluid(try Support.model(try Self.scenario(host: host, workload: workload))).exits
        .filter { $0.step == "ept_violation_exit" }.reduce(0) { $0 + $1.count }
    }
    let small = try touches("size: 16 GiB")
    let huge = try touches("size: 16 GiB, page: 2 MiB")
    #expect(
      abs(Double(small) / Double(huge) / 512 - 1) < 0.1, "\(small) and \(huge): a little slower, 512 times as many")
  }

  @Test("Without means memory is not overcommitted; merging, balloons and swap make up for it in this order")
  func overcommit() throws {
    let memory = "working_set: 3800 MiB, page_references: 50000/s, reuse_skew: 0.9"
    func model(_ host: String, _ vm: String, count: Int = 4) throws -> SimulationModel {
      try Support.model(try Self.scenario(memory, vm: "size: 4 GiB\(vm)", host: "size: 15 GiB\(host)", count: count))
    }
    #expect(throws: ModelFaults.self) { try model("", "") }
    #expect(throws: ModelFaults.self) { try model(", merging: {scanned_pages: 5000/s}", "") }
    let merged = try model(", merging: {scanned_pages: 5000/s}", ", image: {name: debian, shared: 0.4}")
    #expect(merged.vms.allSatisfy { load in !load.load.perCPUSecond.contains { $0.operation == .swapIn } })
    let ballooned = try model("", ", balloon: {target: 2 GiB, latency: 100 us}")
    #expect(ballooned.vms[0].load.perCPUSecond.contains { $0.operation == .guestSwapIn })
    let swapped = try model(", swap: {latency: 80 us}", "")
    let faults = try #require(swapped.vms[0].load.perCPUSecond.first { $0.operation == .swapIn }).rate
    #expect(faults > 0 && faults < 50_000)
    // One VM less fits: the slowdown comes from the fault rate.
    let fits = try model(", swap: {latency: 80 us}", "", count: 3)
    #expect(!fits.vms[0].load.perCPUSecond.contains { $0.operation == .swapIn })
    let fast = try Support.fluid(fits).value(of: .throughput) ?? 0
    let slow = try Support.fluid(swapped).value(of: .throughput) ?? 0
    #expect(slow / 4 < fast / 3)
  }

  @Test("Reclaimed memory adds up: merged + ballooned + swapped is what is missing")
  func reclaim() {
    let guest = MemoryReclaim.Guest(size: 100, overhead: 10, image: "a", sharedShare: 0.2, balloonTarget: 80)
    let reclaim = MemoryReclaim(guests: [guest, guest, guest], capacity: 200, scannedPages: 1000)
    #expect(reclaim.merged == 40 && reclaim.ballooned == 60 && reclaim.swapped == 30)
    let inUse = reclaim.hostResident.reduce(0, +) + 3 * guest.overhead - reclaim.merged
    #expect(abs(inUse - 200) < 1e-9)
    let unmerged = MemoryReclaim(guests: [guest, guest, guest], capacity: 330, scannedPages: 0)
    #expect(unmerged.merged == 0 && unmerged.swapped == 0 && unmerged.guestResident == [100, 100, 100])
  }

  @Test("Overcommitted hosts: engines agree, accounts close, same bytes again")
  func overcommitAgreement() throws {
    let memory = "working_set: 3800 MiB, page_references: 20000/s, reuse_skew: 0.9"
    let scenario = try Self.scenario(
      memory, vm: "size: 4 GiB, balloon: {target: 3600 MiB, latency: 120 us}, image: {name: debian, shared: 0.1}",
      host: "size: 13 GiB, swap: {latency: 80 us}, merging: {scanned_pages: 200000/s}", count: 3)
    try Self.expectAgreement(scenario)
    let model = try Support.model(scenario)
    let first = try Support.exit(model)
    #expect(first.exits.contains { $0.operation == .memoryScan && $0.nanoseconds > 0 })
    #expect(first.exits == (try Support.exit(model)).exits)
  }

  @Test("Shadow tables take 8 KiB a page of the host's memory, up to the limit, whose pressure makes faults")
  func shadowTables() throws {
    let workload = "batch: {work: 100 s}\n    per_cpu_second: {process_creation: 1000}"
    func model(_ design: String, _ vm: String = "", host: String = "size: 16 GiB") throws -> SimulationModel {
      try Support.model(try Self.scenario(vm: "size: 1 GiB\(vm)", host: host, workload: workload), design: design)
    }
    func fills(_ model: SimulationModel) -> Double {
      model.vms[0].load.perCPUSecond.first { $0.operation == .hiddenFault }?.rate ?? 0
    }
    #expect(try model("kvm-virtio").vms[0].load.shadowTables == 0)
    let ample = try model("kvm-shadow")
    // The leaf tables of a working set of 512 MiB alone are 256.
    let bytes = ample.vms[0].load.shadowTables
    #expect(bytes % 8192 == 0 && bytes > 256 * 8192 && bytes < 512 * 8192, "\(bytes)")
    for result in [try Support.exit(ample), try Support.fluid(ample)] {
      #expect(result.vms[0].shadowTables == bytes && result.hosts[0].shadowTables == bytes)
    }
    let small = try model("kvm-shadow", ", shadow_pages: 64")
    #expect(small.vms[0].load.shadowTables == 64 * 8192)
    #expect(fills(small) >= fills(ample))
    // A GiB fits into what the host has left, its shadow tables do not.
    let overhead = ample.hosts[0].design.choice.design.memory
    let exact = "size: \((1 << 30) + overhead.perHost + overhead.perVM) B"
    #expect(throws: Never.self) { try model("kvm-virtio", host: exact) }
    #expect(throws: ModelFaults.self) { try model("kvm-shadow", host: exact) }
  }

  @Test("A limit below the working set's tables recycles the oldest: closed form, and the same in both engines")
  func shadowPressure() throws {
    // 256 equally popular leaf tables, each referred to R/256 times a second: with room for K of them a reference finds
    // its table gone with probability (256 − K)/256.
    let memory = MemoryReferences(workingSet: 512 << 20, referencesPerSecond: 1000, reuseSkew: 0)
    for room in [1.0, 64, 200] {
      let pressure = ShadowPressure(memory, room: room)
      #expect(abs(pressure.recycled / (1000 * (256 - room) / 256) - 1) < 1e-6, "\(room): \(pressure.recycled)")
      #expect(pressure.fills >= pressure.recycled && pressure.fills <= 64 * pressure.recycled)
    }
    #expect(ShadowPressure(memory, room: 256).recycled == 0)
    var before = 0.0
    for limit in [100_000, 200, 100, 64] {
      let scenario = try Self.scenario(
        "working_set: 512 MiB, page_references: 20000/s, reuse_skew: 0.6", vm: "size: 1 GiB, shadow_pages: \(limit)",
        workload: "batch: {work: 100 s}\n    per_cpu_second: {process_creation: 50}")
      try Self.expectAgreement(scenario, design: "kvm-shadow")
      let model = try Support.model(scenario, design: "kvm-shadow")
      let uses = [try Support.exit(model), try Support.fluid(model)].compactMap { $0.vms[0].memory }
      let recycled = uses.map { Double($0.shadowRecycled) }
      #expect(abs(recycled[0] - recycled[1]) <= 0.02 * recycled[1] + 1, "\(recycled)")
      #expect(limit > 1000 ? recycled[0] == 0 : recycled[0] > before, "\(limit): \(recycled)")
      #expect(uses[0].shadowPages <= limit && uses[0].shadowFills > uses[0].shadowRecycled)
      before = recycled[0]
    }
  }

  @Test(
    "Merged pages that are written to break by a copy: closed form, less memory saved, and the same in both engines")
  func mergeBreaks() throws {
    // Written to once in a scan in the mean: e^-1 (1 - e^-1) of the time merged.
    #expect(abs(PageMerging(writes: 2, period: 0.5).mergedShare - 0.232_544) < 1e-6)
    #expect(PageMerging(writes: 0, period: 10).mergedShare == 1 && PageMerging(writes: 0, period: 10).breaks == 0)
    func model(_ writes: String) throws -> SimulationModel {
      try Support.model(
        try Self.scenario(
          vm: "size: 4 GiB, image: {name: debian, shared: 0.25, writes: \(writes)}",
          host: "size: 15 GiB, swap: {latency: 80 us}, merging: {scanned_pages: 200000/s}", count: 4, duration: "5 s"))
    }
    var before: (breaks: Double, merged: Double) = (-1, .infinity)
    for writes in ["0/s", "1000/s", "5000/s"] {
      let model = try model(writes)
      let results = [try Support.exit(model), try Support.fluid(model)]
      let breaks = results.map { $0.vms.reduce(0.0) { $0 + Double($1.memory?.mergeBreaks ?? 0) } }
      #expect(abs(breaks[0] - breaks[1]) <= 0.02 * breaks[1] + 4, "\(breaks)")
      let merged = results[0].vms.reduce(0.0) { $0 + ($1.memory?.merged ?? 0) }
      #expect(breaks[0] > before.breaks && merged < before.merged, "\(writes): \(breaks), \(merged)")
      before = (breaks[0], merged)
    }
    // Pages that are written to more often than the scanner comes are hardly ever merged, and break no more.
    let busy = try Support.fluid(try model("1000000/s"))
    #expect(busy.vms.reduce(0.0) { $0 + ($1.memory?.merged ?? 0) } < 0.01 * before.merged)
    #expect(busy.vms.reduce(0.0) { $0 + Double($1.memory?.mergeBreaks ?? 0) } < 0.01 * before.breaks)
  }

  @Test("A guest that swaps to its disk waits there as for any read: the request waits, its vCPU works for others")
  func swapToDisk() throws {
    func scenario(_ swap: String, disk: String = ", disk: data", model: String = ", model: generic-nvme") throws
      -> Scenario
    {
      try Support.scenario(
        """
        scenario: memory
        duration: 12 s
        warmup: 1 s
        hosts:
          - name: node
            cpu: {cores: 4, frequency: 2.5 GHz}
            memory: {size: 5 GiB}
            disks: [{name: data\(model)}]
            design: kvm-virtio
            profile: cascade-lake-pvm-paper
        vms:
          - {name: vm, count: 2, vcpus: 1, memory: {size: 4 GiB, balloon: {target: 1800 MiB, \(swap)}}, workload: work\(disk)}
        workloads:
          work:
            arrivals: {process: closed, clients: 8, think: 0 s}
            service: {distribution: exponential, mean: 200 us}
            memory: {working_set: 3 GiB, page_references: 40000/s, reuse_skew: 0.9}
        """)
    }
    let disk = try Support.model(try scenario("disk: true"))
    let reads = disk.vms[0].load.block.reads
    #expect(reads > 0.1 && reads < 8, "\(reads) reads a request")
    #expect(disk.vms[0].load.traffic.block.reads == reads && disk.vms[0].load.traffic.mergedBlocks == 0)
    let exit = try Support.exit(disk)
    let fluid = try Support.fluid(disk)
    let throughput = exit.workloads[0].throughput
    #expect(abs(fluid.workloads[0].throughput / throughput - 1) < 0.02, "as the engines agree on block requests")
    let completions = exit.exits.filter { $0.operation == .blockCompletion }.reduce(0.0) { $0 + Double($1.count) }
    #expect(abs(completions / Double(exit.workloads[0].completed) / reads - 1) < 0.02)
    let waiting = try Support.exit(try Support.model(try scenario("latency: 80 us")))
    #expect(throughput > 1.1 * waiting.workloads[0].throughput, "\(throughput): eight clients share the vCPU")
    #expect(throws: ModelFaults.self) { try Support.model(try scenario("disk: true", disk: "")) }
    #expect(throws: ModelFaults.self) { try Support.model(try scenario("disk: true", model: "")) }
    #expect(throws: (any Error).self) { try scenario("disk: true, latency: 1 us") }
  }

  @Test("A host swaps to one of its disks: the mean of its reads and the transfer of a page")
  func hostSwapDisk() throws {
    func text(_ swap: String) -> String {
      """
      scenario: memory
      duration: 3 s
      hosts:
        - name: node
          cpu: {cores: 4, frequency: 2.5 GHz}
          memory: {size: 15 GiB, swap: \(swap)}
          disks: [{name: data, model: generic-nvme}, {name: plain}]
          design: kvm-virtio
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: 4, vcpus: 1, memory: {size: 4 GiB}, workload: work}
      workloads:
        work:
          batch: {work: 100 s}
          memory: {working_set: 3800 MiB, page_references: 20000/s, reuse_skew: 0.9}
      """
    }
    let model = try Support.model(try Support.scenario(text("{disk: data}")))
    let wait = try #require(model.vms[0].design.cost(of: .swapIn)).waitMean
    // 4 KiB at 25.6 Gbit/s are 1.28 us.
    #expect(abs(wait - 81_280) < 1, "\(wait)")
    try MemoryTests.expectAgreement(try Support.scenario(text("{disk: data}")))
    for wrong in ["{disk: other}", "{disk: plain}"] {
      #expect(throws: ModelFaults.self) { try Support.model(try Support.scenario(text(wrong))) }
    }
    #expect(throws: (any Error).self) { try Support.scenario(text("{disk: data, latency: 1 us}")) }
  }

  @Test("Under its balloon the guest evicts pages that the host has swapped out: each is read for it")
  func doublePaging() throws {
    #expect(DoublePaging.probability(swapped: 0, of: 100, inactive: 0.25) == 0)
    #expect(
      DoublePaging.probability(swapped: 5, of: 100, inactive: 0.25) == 0.2
        && DoublePaging.probability(swapped: 50, of: 100, inactive: 0.25) == 1)
    func reads(_ host: String) throws -> (double: Double, guest: Double) {
      let scenario = try Self.scenario(
        "working_set: 3800 MiB, page_references: 20000/s, reuse_skew: 0.9",
        vm: "size: 4 GiB, balloon: {target: 3 GiB, latency: 120 us}", host: "size: \(host), swap: {latency: 80 us}",
        count: 3)
      try Self.expectAgreement(scenario)
      let result = try Support.exit(try Support.model(scenario))
      func count(_ operation: GuestOperation) -> Double {
        Double(result.exits.filter { $0.operation == operation }.reduce(0) { $0 + $1.count })
      }
      return (count(.doublePaging), count(.guestSwapIn))
    }
    // 1 GiB and 3 x 128 MiB are the design's: the balloons leave 9 GiB.
    let none = try reads("11 GiB")
    let some = try reads("10 GiB")
    let much = try reads("6 GiB")
    #expect(none.guest > 0 && none.double == 0)
    #expect(some.double > 0 && some.double < some.guest)
    #expect(abs(much.double / much.guest - 1) < 0.01, "\(much)")
  }

  @Test("A vCPU that waits for a swapped page leaves its core to others")
  func pageWaits() throws {
    let memory = "working_set: 3800 MiB, page_references: 200000/s, reuse_skew: 0.9"
    func result(_ swap: String) throws -> RunResult {
      let scenario = try Self.scenario(
        memory, vm: "size: 4 GiB", host: "size: 15 GiB, swap: {latency: \(swap)}", count: 4, duration: "3 s")
      try Self.expectAgreement(scenario)
      return try Support.exit(try Support.model(scenario))
    }
    let fast = try result("1 us")
    let slow = try result("100 us")
    let faults = slow.exits.filter { $0.operation == .swapIn && $0.exits > 0 }.reduce(0) { $0 + $1.count }
    let waited = slow.vms.reduce(0) { $0 + $1.halted }
    #expect(
      faults > 0 && abs(Double(waited) / Double(faults) / 100_000 - 1) < 0.01, "\(waited) ns for \(faults) faults")
    // The same work costs the same CPU time, it only takes longer.
    func cost(_ result: RunResult) -> Double {
      Double(result.vms.reduce(0) { $0 + $1.guest + $1.stall }) / result.workloads[0].throughput
    }
    #expect(abs(cost(slow) / cost(fast) - 1) < 0.005 && slow.workloads[0].throughput < fast.workloads[0].throughput)
  }

  private static func window(_ start: String, _ stop: String, interval: String = "500 ms") -> String {
    ", dirty_logging: {interval: \(interval), dirty_pages: 20000/s, writable_set: 64 MiB, start: \(start), stop: \(stop)}"
  }

  @Test(
    "Dirty logging in a window: engines agree, accounts close", arguments: ["write_protect", "log_buffer"],
    [
      "batch: {work: 100 s}",
      "arrivals: {process: poisson, rate: 8000/s}\n    service: {distribution: exponential, mean: 45 us}",
    ])
  func loggingWindow(method: String, workload: String) throws {
    let scenario = try Self.scenario(
      host: "size: 16 GiB, page: 2 MiB", more: Self.window("3 s", "6 s"), workload: workload, duration: "9 s")
    try Self.expectAgreement(scenario, axes: [.dirtyLogging: method])
  }

  @Test("The beginning splits large mappings and the end puts them together, once each; outside nothing is logged")
  func loggingWindowFaults() throws {
    func result(_ start: String, _ stop: String, host: String = "page: 2 MiB") throws -> RunResult {
      let scenario = try Self.scenario(
        host: "size: 16 GiB, \(host)", more: Self.window(start, stop), duration: "5 s")
      return try Support.exit(try Support.model(scenario, axes: [.dirtyLogging: "write_protect"]))
    }
    func count(_ operation: GuestOperation, _ result: RunResult) -> Int64 {
      result.exits.filter { $0.operation == operation }.reduce(0) { $0 + $1.exits }
    }
    // 64 MiB are 32 regions of 2 MiB; 20000 writes a second meet all of them within a second.
    // The last one may be a fraction that is still to come.
    #expect((31...32).contains(count(.hiddenFault, try result("2 s", "10 s"))))
    #expect((63...64).contains(count(.hiddenFault, try result("2 s", "3 s"))))
    #expect(count(.hiddenFault, try result("2 s", "3 s", host: "page: 4 KiB")) == 0)
    let second = count(.dirtyPage, try result("2 s", "3 s"))
    let two = count(.dirtyPage, try result("2 s", "4 s"))
    #expect(second > 0 && abs(Double(two) / Double(second) - 2) < 0.02, "\(second) in a second, \(two) in two")
    let never = try result("20 s", "30 s")
    let off = try Support.exit(try Support.model(try Self.scenario(host: "size: 16 GiB, page: 2 MiB", duration: "5 s")))
    #expect(count(.dirtyPage, never) == 0 && never.workloads[0].throughput == off.workloads[0].throughput)
  }

  @Test("A window ends after it begins")
  func loggingWindowFault() throws {
    #expect(throws: (any Error).self) { try Self.scenario(more: Self.window("3 s", "2 s")) }
  }
}
