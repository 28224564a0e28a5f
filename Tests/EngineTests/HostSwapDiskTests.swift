import EventKernel
import Model
import Testing
import Virtualization

@testable import Datacenter

/// Hosts that swap to one of their disks: faults are requests in its queue.
struct HostSwapDiskTests {
  static func scenario(
    references: String, swap: String = "disk: data", duration: String = "60 s", memory: String = "15 GiB",
    work: String = "batch: {work: 1000 s}", others: String = "", workloads: String = ""
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: swapping
      duration: \(duration)
      warmup: 2 s
      hosts:
        - name: node
          cpu: {cores: 8, frequency: 2.5 GHz}
          memory: {size: \(memory), swap: {\(swap)}}
          disks: [{name: data, model: hard-disk}]
          design: kvm-virtio
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: 4, vcpus: 1, memory: {size: 4 GiB}, workload: work}
      \(others)
      workloads:
        work:
          \(work)
          memory: {working_set: 3800 MiB, page_references: \(references), reuse_skew: 0.9}
      \(workloads)
      """)
  }

  static func reads(_ result: RunResult) -> Double {
    // Every VM has rows of its own.
    Double(result.exits.reduce(0) { $0 + ($1.operation == .swapIn && $1.exits > 0 ? $1.count : 0) })
  }

  @Test(
    "A disk that is asked for more than it can do serves faults one after the other, and no faster",
    arguments: [(0.0, 32.0), (0.5, 32), (1, 1)])
  func saturation(dirty: Double, cluster: Double) throws {
    let swap = "disk: data, dirty: \(dirty), write_cluster: \(Int(cluster))"
    let model = try Support.model(try Self.scenario(references: "200000/s", swap: swap))
    // One arm: a read of 12.7 ms with 20.48 us for the page's bytes each, and a write of 13.2 ms for a cluster.
    let most = 58 / (0.012_720_48 + dirty / cluster * (0.0132 + cluster * 0.000_020_48))
    for result in [try Support.exit(model), try Support.fluid(model)] {
      let reads = Self.reads(result)
      // 4,560 reads of a coefficient of variation of 0.4: 0.6 %; three of it.
      #expect(abs(reads / most - 1) < 0.02, "\(reads) of \(most)")
      let halted = result.vms.reduce(0) { $0 + Double($1.halted) }
      #expect(halted > 3.5 * 58e9, "four vCPUs hardly do anything but wait")
    }
  }

  @Test("Engines agree from an idle disk to a busy one", arguments: ["200/s", "1000/s", "4000/s", "20000/s"])
  func agreement(references: String) throws {
    let model = try Support.model(try Self.scenario(references: references, duration: "80 s"))
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    for metric in [SummaryMetric.throughput, .utilization] {
      let value = try #require(exit.value(of: metric))
      let expected = try #require(fluid.value(of: metric))
      // The queue is a mean of finite sources with a general service time: 4 %, as four sources allow no better.
      #expect(abs(value / expected - 1) < 0.04, "\(metric.name): \(value) against \(expected)")
    }
    #expect(abs(Self.reads(exit) / Self.reads(fluid) - 1) < 0.05, "\(Self.reads(exit)), \(Self.reads(fluid))")
  }

  @Test(
    "Faulty swaps are told",
    arguments: [
      ("latency: 1 us, dirty: 0.5", "'dirty' is of a swap to a 'disk'"),
      ("disk: data, dirty: 2", "expected a number from 0 to 1"),
      ("disk: data, write_cluster: 0", "expected an integer from 1 to 512"),
    ])
  func faults(swap: String, message: String) throws {
    do {
      _ = try Self.scenario(references: "1/s", swap: swap)
      Issue.record("\(swap) was read")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
    }
  }

  @Test("Alone on the disk a page waits for nobody")
  func alone() throws {
    let disk = StorageDevice(
      parallelism: 1, read: .init(latency: .deterministic(mean: 1e6)), write: .init(latency: .deterministic(mean: 1e6)))
    #expect(SwapDisks.time(of: disk, sources: 1, pages: 0.9e-6, beside: .init()) == 1e6)
    #expect(SwapDisks.time(of: disk, sources: 4, pages: 0, beside: .init()) == 1e6)
    #expect(SwapDisks.time(of: disk, sources: 4, pages: 1e-6, beside: .init()).isInfinite)
    #expect(SwapDisks.repairman(sources: 2, servers: 2, service: 1, rate: 1) == 0)
    // Two sources that think as long as a service takes: of 1 + 2 + 2 states' weight four are busy, and two have one
    // waiting.
    let wait = SwapDisks.repairman(sources: 2, servers: 1, service: 1, rate: 0.8)
    #expect(abs(wait - 0.5) < 1e-6, "\(wait)")
    #expect(SwapDisks.repairman(sources: 9, servers: 1, service: 1, rate: 1).isInfinite)
  }

  @Test("Engines agree where a balloon gives memory back to a host that swaps to a disk")
  func balloons() throws {
    let scenario = try Self.scenario(
      references: "2000/s", duration: "120 s", memory: "21 GiB",
      others: """
          - name: shrinking
            vcpus: 1
            memory: {size: 8 GiB, balloon: [{at: 60 s, target: 5 GiB}]}
            workload: work
        """)
    let model = try Support.model(scenario)
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    let swapped = [exit, fluid].map { $0.vms.reduce(0) { $0 + ($1.memory?.swapped ?? 0) } }
    #expect(swapped[0] > 0 && abs(swapped[0] / swapped[1] - 1) < 0.02, "\(swapped)")
    #expect(abs(Self.reads(exit) / Self.reads(fluid) - 1) < 0.05, "\(Self.reads(exit)), \(Self.reads(fluid))")
    let value = try #require(exit.value(of: .throughput))
    let expected = try #require(fluid.value(of: .throughput))
    // As without balloons, 4 %.
    #expect(abs(value / expected - 1) < 0.04, "\(value) against \(expected)")
  }

  @Test("Block requests of a VM wait behind another's faults on the same disk")
  func neighbours() throws {
    let others = "  - {name: files, vcpus: 1, memory: {size: 512 MiB}, workload: reader, disk: data}"
    let reader = """
        reader:
          arrivals: {process: poisson, rate: 10/s}
          service: {distribution: exponential, mean: 100 us}
          per_request: {block_read: {count: 1, size: 4 KiB}}
      """
    func latency(_ references: String, _ run: (SimulationModel) throws -> RunResult) throws -> Double {
      let scenario = try Self.scenario(
        references: references, duration: "120 s", memory: "15872 MiB", others: others, workloads: reader)
      let result = try run(try Support.model(scenario))
      let index = try #require(result.workloads.firstIndex { $0.name == "reader" })
      return try #require(result.workloads[index].meanLatency)
    }
    for run in [{ try Support.exit($0) }, { try Support.fluid($0) }] as [(SimulationModel) throws -> RunResult] {
      let (calm, busy) = (try latency("1/s", run), try latency("1000/s", run))
      #expect(busy > 1.15 * calm, "\(busy) against \(calm)")
    }
  }
}
