import Model
import Testing
import Virtualization

@testable import Machine

/// Relaxed co-scheduling holds the skew between the vCPUs of a VM.
struct CoschedulingSkewTests {
  /// The largest lead of a running vCPU over a waiting sibling, and the utilization, with a threshold in milliseconds.
  private func run(skew: String, slice: String, scheduler: String = "relaxed_coscheduling", vms: String) throws -> (
    skew: Int64, utilization: Double
  ) {
    let scenario = try Support.scenario(
      """
      scenario: test
      duration: 20 s
      hosts:
        - name: node
          cpu: {cores: 3, frequency: 2.5 GHz}
          memory: {size: 64 GiB}
          scheduling: {skew: \(skew), slice: \(slice)}
          design: {name: bare-metal, scheduler: \(scheduler)}
          profile: cascade-lake-pvm-paper
      vms:
      \(vms)
      workloads:
        work: {batch: {work: 1000 s, threads: 4}}
      """)
    let model = try Support.model(scenario)
    var simulation = Simulation(model: model, replication: 1)
    try simulation.run { false }
    let result = simulation.makeResult()
    try result.checkConservation()
    return (simulation.largestSkew, try #require(result.value(of: .utilization)))
  }

  static let mixes = [
    "  - {name: a, count: 2, vcpus: 2, memory: {size: 1 GiB}, workload: work}",
    """
      - {name: wide, vcpus: 3, memory: {size: 1 GiB}, workload: work}
      - {name: single, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: work}
    """,
    """
      - {name: heavy, vcpus: 3, memory: {size: 1 GiB}, workload: work, cpu: {weight: 4}}
      - {name: light, count: 2, vcpus: 2, memory: {size: 1 GiB}, workload: work}
    """,
  ]

  @Test("The skew is never above its threshold by more than a slice", arguments: mixes)
  func bounded(vms: String) throws {
    for (skew, slice) in [(1, 10), (3, 10), (5, 10), (3, 50), (3, 2)] {
      let found = try run(skew: "\(skew) ms", slice: "\(slice) ms", vms: vms)
      let limit = Int64(skew + slice) * 1_000_000
      #expect(found.skew <= limit, "threshold \(skew) ms, slice \(slice) ms: \(Double(found.skew) * 1e-6) ms")
    }
  }

  @Test("A smaller threshold holds the skew tighter; a large one never stops anybody")
  func monotone() throws {
    let tight = try run(skew: "1 ms", slice: "20 ms", vms: Self.mixes[1])
    let loose = try run(skew: "5 ms", slice: "20 ms", vms: Self.mixes[1])
    let never = try run(skew: "10 s", slice: "20 ms", vms: Self.mixes[1])
    #expect(tight.skew < loose.skew && loose.skew < never.skew)
    #expect(never.utilization > 0.99999)
    #expect(tight.utilization <= loose.utilization + 1e-9)
  }
}
