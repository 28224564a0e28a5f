import EventKernel
import Model
import Testing
import Virtualization

@testable import Datacenter

/// The fluid engine's formulas against closed forms.
struct FluidEngineTests {
  private func latency(_ scenario: Scenario, design: String? = nil) throws -> Double {
    let result = try Support.fluid(try Support.model(scenario, design: design, fidelity: .fluid))
    return try #require(result.workloads[0].meanLatency)
  }

  @Test("M/M/1 and M/M/2 to the last digits")
  func markovian() throws {
    #expect(abs(try latency(try Support.shipped("mm1")) - 1e-3 / 0.3) < 1e-12)
    let delay = 1.4 * 1.4 / (2 + 1.4)
    #expect(abs(try latency(try Support.shipped("mm2")) - 1e-3 * (1 + delay / 0.6)) < 1e-12)
  }

  @Test("M/D/1, first come first served: Pollaczek-Khinchine")
  func deterministic() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 600/s}
          service: {distribution: deterministic, mean: 1 ms}
          discipline: fcfs
      """)
    #expect(abs(try latency(scenario) - 1.75e-3) < 1e-12)
  }

  @Test("Machine repairman: ten clients, one server")
  func closed() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: closed, clients: 10, think: 9 ms}
          service: {distribution: exponential, mean: 1 ms}
      """)
    var weight = 1.0
    var sum = 1.0
    for n in 1...10 {
      weight *= Double(10 - n + 1) / 9
      sum += weight
    }
    let result = try Support.fluid(try Support.model(scenario, fidelity: .fluid))
    #expect(abs(result.workloads[0].throughput - (1 - 1 / sum) / 1e-3) < 1e-3)
  }

  @Test("The slowdown of native work: S = [e + Σ r c − Σ f c(nat)] / [1 − Σ f c]")
  func slowdown() throws {
    // One second of native work with 1,000 CPUID a second under KVM: each replaces 40 ns by 540 ns. Ticks: 250 a second
    // of the guest's (0.8 + 1.5 + 0.87 us, natively 1.5 us) and 250 of the host's (0.6 + 1.5 us, natively none).
    let scenario = try Support.oneVM(
      """
          batch: {work: 1 s}
          per_cpu_second: {cpuid: 1000}
      """, warmup: "0 s", design: "kvm-virtio")
    let work: Double = 1 + 1000 * 0.5e-6 - 250 * 1.5e-6
    let ticks: Double = 250 * 3.17e-6 + 250 * 2.1e-6
    let expected = work / (1 - ticks)
    #expect(abs(try latency(scenario) - expected) < 1e-9)
  }

  @Test("Max-min shares: small demands are met, the rest is equal")
  func shares() {
    #expect(HostSharing.maxMin(demands: [3, 0.5, 2], weights: [1, 1, 1], capacity: 4) == [1.75, 0.5, 1.75])
    #expect(HostSharing.maxMin(demands: [1, 1], weights: [1, 1], capacity: 4) == [1, 1])
    #expect(HostSharing.maxMin(demands: [3, 3, 0.5], weights: [1, 2, 1], capacity: 3.5) == [1, 2, 0.5])
    #expect(HostSharing.maxMin(demands: [], weights: [], capacity: 4).isEmpty)
  }

  @Test("A wake-up at the start of a busy period delays everybody in it: M/G/1 with set-up")
  func setUp() {
    let station = GuestStation(
      servers: 1, arrivals: 0.5e-3, job: 1000, afterwork: 0, wake: 100, halt: 0, variability: 1)
    // S/(1 − ρ) + (2D + λD²)/(2 (1 + λD)).
    let arrivalsWhileWaking: Double = 0.5e-3 * 100
    let expected: Double = 2000 + 100 * (2 + arrivalsWhileWaking) / (2 * (1 + arrivalsWhileWaking))
    #expect(abs((station.sojourn ?? 0) - expected) < 1e-9)
    #expect(abs(station.wakesPerJob - 0.5 / (1 + 0.05)) < 1e-12)
  }

  @Test("Bells per batch of a backend: near one at low load, none at saturation")
  func bells() {
    func station(_ rate: Double) -> BackendStation {
      BackendStation(received: (0, 0), sent: (rate, 1500), wake: 2000, bell: 1200)
    }
    #expect(station(1e-9).bellsPerBatch > 0.99999)
    #expect(station(1 / 1500.0001).bellsPerBatch < 1e-6)
    // Where all is sent it is the share of batches that begin a cycle.
    for load in [0.01, 0.3, 0.6, 0.9, 0.99] {
      let expected = (1 - load) / (1 + load / 1500 * 3200)
      #expect(abs(station(load / 1500).bellsPerBatch - expected) < 1e-9 * expected)
    }
  }

  /// Rates and times of received and of sent batches, and the time of polling.
  @Test(
    "Bells and wakings beside received batches, against a worker that is simulated",
    arguments: [
      [0.1, 2, 0.1, 1.5, 0], [0.25, 2, 0.25, 1.5, 0], [0.05, 4, 0.4, 1.5, 0], [0.12, 4, 0.02, 8, 0],
      [0.1, 2, 0.1, 1.5, 5], [0, 2, 0.4, 1.5, 3],
    ] as [[Double]])
  func bells(values: [Double]) {
    let (received, sent) = ((rate: values[0], time: values[1]), (rate: values[2], time: values[3]))
    let poll = values[4]
    let (wake, bell) = (2.0, 1.2)
    var station = BackendStation(received: received, sent: sent, wake: wake, bell: bell)
    station.poll = poll
    var random = RandomStream(seed: 1, replication: 1, entity: 0, purpose: 0)
    let all = received.rate + sent.rate
    var (now, free) = (0.0, 0.0)
    // When sent batches will have been handled, those of the past left out from `first` on.
    var ends: [Double] = []
    var (first, rings, wakings) = (0, 0, 0)
    for _ in 0..<1_600_000 {
      now += random.nextExponential(mean: 1 / all)
      let isSent = random.nextUniform() < sent.rate / all
      while first < ends.count, ends[first] <= now { first += 1 }
      let isPolling = free <= now && now < free + poll
      if isSent, first == ends.count, !isPolling { rings += 1 }
      if free <= now, !isPolling { wakings += 1 }
      let start = free > now || isPolling ? max(now, free) : now + wake + (isSent ? bell : 0)
      free = start + (isSent ? sent.time : received.time)
      if isSent { ends.append(free) }
    }
    // 2 %: bells come in clusters, with a standard deviation of 0.1 to 0.7 % over so many batches, by the load.
    let simulated = Double(rings) / Double(ends.count)
    #expect(abs(station.bellsPerBatch - simulated) < 0.02 * simulated, "\(station.bellsPerBatch), \(simulated)")
    let woken = Double(wakings) / 1_600_000
    #expect(abs(station.asleep - woken) < 0.02 * woken, "\(station.asleep), \(woken)")
  }
}
