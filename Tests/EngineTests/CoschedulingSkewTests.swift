import Model
import Testing
import Virtualization

@testable import Machine

/// Relaxed co-scheduling holds the skew between the vCPUs of a VM.
struct CoschedulingSkewTests {
  /// The largest lead of a running vCPU over a waiting sibling, and the utilization, with a threshold in milliseconds.
  private func run(
    skew: String, slice: String, scheduler: String = "relaxed_coscheduling", vms: String, more: String = ""
  ) throws -> (skew: Int64, utilization: Double) {
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
        work: {batch: {work: 1000 s, threads: 4}}\(more)
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

  @Test("No processor idles for co-scheduling: an overcommitted host of busy guests never does", arguments: mixes)
  func conserving(vms: String) throws {
    // A vCPU is stopped only while a slower sibling waits for a processor, and none waits where one is idle.
    for (skew, slice) in [(1, 10), (3, 50), (3, 2)] {
      let found = try run(skew: "\(skew) ms", slice: "\(slice) ms", vms: vms)
      #expect(found.utilization > 0.99999, "threshold \(skew) ms, slice \(slice) ms: \(found.utilization)")
    }
  }

  @Test("A vCPU that was idle is not stopped for what its siblings were hindered meanwhile")
  func idleness() throws {
    // Three processors: a VM of two vCPUs that are idle for part of the time, and three busy ones of one vCPU. Leads
    // stay below slice and threshold, though the vCPUs wait for seconds in all.
    let vms = """
        - {name: pair, vcpus: 2, memory: {size: 1 GiB}, workload: requests}
        - {name: single, count: 3, vcpus: 1, memory: {size: 1 GiB}, workload: work}
      """
    let requests = """

        requests: {arrivals: {process: poisson, rate: 90/s}, service: {distribution: exponential, mean: 8 ms}}
      """
    for (skew, slice) in [(1, 4), (3, 10)] {
      let found = try run(skew: "\(skew) ms", slice: "\(slice) ms", vms: vms, more: requests)
      #expect(found.utilization > 0.99999)
      #expect(found.skew <= Int64(skew + slice) * 1_000_000, "\(skew) ms, \(slice) ms: \(Double(found.skew) * 1e-6) ms")
    }
  }

  @Test("With equal slices queued locks lose less under relaxed co-scheduling than under fair scheduling")
  func locks() throws {
    // Three VMs of four vCPUs on four processors. A preempted waiter holds up all behind it for the slices of others:
    // the longer these are, the more co-scheduling saves. With slices as short as the threshold there is nothing to
    // save; 10 % is left to chance.
    func throughput(_ scheduler: String, slice: String) throws -> Double {
      let text = """
        scenario: test
        duration: 21 s
        warmup: 1 s
        hosts:
          - name: node
            cpu: {cores: 4, frequency: 2.5 GHz}
            memory: {size: 64 GiB}
            scheduling: {slice: \(slice)}
            design: {name: kvm-virtio, scheduler: \(scheduler), pause_loop_exiting: "off"}
            profile: cascade-lake-pvm-paper
        vms:
          - {name: smp, count: 3, vcpus: 4, memory: {size: 2 GiB}, workload: requests}
        workloads:
          requests:
            arrivals: {process: closed, clients: 8, think: 1 ms}
            service: {distribution: exponential, mean: 1 ms}
            locks:
              - {name: kernel, kind: queued, per_request: 20, hold: {distribution: exponential, mean: 5 us}}
        """
      return try #require(Support.exit(try Support.model(try Support.scenario(text))).value(of: .throughput))
    }
    for (slice, factor) in [("50 ms", 2.0), ("3 ms", 0.9)] {
      let fair = try throughput("fair", slice: slice)
      let relaxed = try throughput("relaxed_coscheduling", slice: slice)
      #expect(relaxed > factor * fair, "\(slice): \(relaxed) against \(fair)")
    }
  }
}
