import Model
import Testing
import Virtualization

/// The two engines face each other on packets and block requests under every scheduler.
///
/// With processors to spare a scheduler has nothing to decide, and its runs are those of the others to the last nanosecond:
/// what `IOAgreementTests` holds for one of them holds for all. Where threads share processors the fluid engine knows one
/// order only, that in which they wake up; tolerances are the design's 2 % for what does not depend on the order.
struct SchedulerAgreementTests {
  typealias Backend = IOAgreementTests.Backend
  typealias Place = IOAgreementTests.Place

  @Test("With processors to spare all schedulers give the same run", arguments: IOAgreementTests.backends, [0.3, 0.8])
  func spare(_ backend: Backend, utilization: Double) throws {
    for isBlock in [false, true] where isBlock || backend.disk == "disk" {
      var first: RunResult?
      for scheduler in SchedulerKind.allCases {
        let native = 40 + (isBlock ? 3 + backend.accesses.block : 3.5 + backend.accesses.packets)
        let rate = utilization / native * 1e6
        let result = try Support.exit(
          IOAgreementTests.model(
            backend, vcpus: 1, arrivals: "{process: poisson, rate: \(Int(rate))/s}",
            perRequest: isBlock ? IOAgreementTests.block : IOAgreementTests.packets, seconds: 1000 / rate,
            place: Place(scheduler: scheduler.rawValue)))
        #expect(result.workloads[0].completed > 500)
        if let first {
          #expect(result.exits == first.exits && result.vms == first.vms, "\(scheduler)")
          #expect(result.workloads == first.workloads, "\(scheduler)")
        }
        first = first ?? result
      }
    }
  }
}
