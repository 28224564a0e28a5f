import Experiments
import Model
import Testing
import Virtualization

struct ReproducibilityTests {
  @Test("Twice the same result, whatever the number of jobs")
  func same() async throws {
    var scenario = try Support.shipped("compare-hypervisors")
    scenario.duration = .seconds(2)
    let experiment = try Experiment(
      scenario: scenario, library: Support.library.get(), designs: scenario.comparison?.designs ?? [],
      overrides: ModelOverrides(), replications: 2)
    let one = ResultTables.make(try await LocalRunner(jobs: 1).run(experiment)).map { $0.csv() }
    let two = ResultTables.make(try await LocalRunner(jobs: 2).run(experiment)).map { $0.csv() }
    let four = ResultTables.make(try await LocalRunner(jobs: 4).run(experiment)).map { $0.csv() }
    #expect(one == two)
    #expect(one == four)
  }

  @Test("Designs see the same arrivals and service times")
  func commonRandomNumbers() throws {
    // With first come, first served on the bare host and in a container, whose costs are alike here, the requests that
    // end in the window are the same ones.
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 500/s}
          service: {distribution: exponential, mean: 100 us}
      """)
    let bare = try Support.exit(try Support.model(scenario, design: "bare-metal"))
    let container = try Support.exit(try Support.model(scenario, design: "container"))
    #expect(bare.workloads[0].completed == container.workloads[0].completed)
    #expect(bare.workloads[0].meanLatency == container.workloads[0].meanLatency)
  }

  @Test("Replications and seeds differ")
  func different() throws {
    var scenario = try Support.shipped("one-vm")
    scenario.duration = .seconds(3)
    let model = try Support.model(scenario)
    let first = try Support.exit(model, replication: 1).workloads[0].meanLatency
    #expect(try Support.exit(model, replication: 2).workloads[0].meanLatency != first)
    scenario.seed = 2
    #expect(try Support.exit(try Support.model(scenario)).workloads[0].meanLatency != first)
  }

  @Test("Other VMs leave a VM's arrivals alone, wherever they stand in the scenario")
  func addedVM() throws {
    func scenario(count: Int) throws -> Scenario {
      try Support.scenario(
        """
        scenario: test
        duration: 5 s
        hosts:
          - {name: node, cpu: {cores: 8, frequency: 2.5 GHz}, memory: {size: 64 GiB}, design: bare-metal,
             profile: cascade-lake-pvm-paper}
        vms:
          - {name: more, count: \(count), vcpus: 1, memory: {size: 1 GiB}, workload: other}
          - {name: last, vcpus: 1, memory: {size: 1 GiB}, workload: work}
        workloads:
          work: &work
            arrivals: {process: poisson, rate: 500/s}
            service: {distribution: exponential, mean: 1 ms}
          other: *work
        """)
    }
    // Groups larger than one, so that the VMs that are there in both keep their names.
    let one = try Support.exit(try Support.model(try scenario(count: 2)))
    let three = try Support.exit(try Support.model(try scenario(count: 5)))
    #expect(one.workloads[0] == three.workloads[0])
    #expect(one.vms.last?.guest == three.vms.last?.guest)
  }
}
