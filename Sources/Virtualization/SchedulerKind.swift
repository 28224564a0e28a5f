/// How a host divides its processors among the threads that want to run.
public enum SchedulerKind: String, CaseIterable, Sendable, Hashable {
  /// Earliest eligible virtual deadline first, as Linux's fair scheduler since 6.6.
  /// [I. Stoica, H. Abdel-Wahab, Earliest eligible virtual deadline first, ODU TR-95-22, 1995]
  case fair
  /// In turns, in the order of arrival, without weights.
  case roundRobin = "round_robin"
  /// Xen's credit scheduler: credit by weight every 30 ms; those woken with credit left are boosted.
  case credit
  /// Xen's credit2: the most credit runs; all are given more when the next has none left.
  case credit2
  /// ESXi: by shares; a vCPU too far ahead of its slowest sibling is stopped.
  case relaxedCoscheduling = "relaxed_coscheduling"
  /// The vCPUs of a VM start together, and stop together once they drift apart.
  case strictCoscheduling = "strict_coscheduling"
  /// Hyper-V's core scheduler: by weights; siblings of a core run vCPUs of one VM only.
  case core
}
