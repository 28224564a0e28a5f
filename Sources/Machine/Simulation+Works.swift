import EventKernel
import Model
import Quantities
import Virtualization

/// A thread of work beside the guests: it wakes up at random and works, or never sleeps.
///
/// In the privileged domain it has no thread of its own on the host: it runs on one of the domain's vCPUs while the backend
/// there has nothing to do.
struct WorkState {
  var host: Int32
  /// Index among the host's works.
  var work: Int32
  /// The thread that does it.
  var thread: Int32 = -1
  /// The next on the same vCPU of the privileged domain.
  var next: Int32 = -1
  var weight: Double
  /// CPU time of a wake-up in units of `FineTime`; of a stretch without end, between two looks at what else there is.
  var amount: Int64
  /// Mean time between wake-ups in nanoseconds; 0 for work without end.
  var gap = 0.0
  /// Wake-ups whose work is not done, and what is left of the one in hand that was put aside.
  var pending: Int64 = 0
  var left: Int64 = 0
  /// CPU time in units of `FineTime`, and wake-ups.
  var time: Int64 = 0
  var wakeups: Int64 = 0
}

extension Simulation {
  /// Work without end is cut into stretches of 10 ms.
  private static let stretchOfWork: Double = 10_000_000

  /// Adds the threads of all hosts' works, when those of VMs are there.
  mutating func addWorks() {
    for (host, description) in model.hosts.enumerated() {
      let vm = model.vms.firstIndex { $0.host == host } ?? 0
      var inDomain = 0
      for (number, work) in description.works.enumerated() {
        for thread in 0..<work.threads {
          let index = works.count
          let endless = work.wakeups == nil
          var state = WorkState(
            host: Int32(host), work: Int32(number), weight: work.weight,
            amount: max(1, FineTime.units(nanoseconds: endless ? Self.stretchOfWork : work.work)))
          if let wakeups = work.wakeups { state.gap = 1e9 / wakeups }
          switch work.home {
          case .host:
            var own = Thread(host: Int32(host), vm: Int32(vm), role: .work)
            own.firstWork = Int32(index)
            state.thread = Int32(threads.append(own))
          case .privilegedDomain:
            addPrivilegedDomain(host: host, vm: vm)
            let backend = Int(firstPrivileged[host]) + inDomain % description.privilegedVCPUs
            inDomain += 1
            let vcpu = Int(backends[backend].thread)
            state.thread = Int32(vcpu)
            state.next = threads[vcpu].firstWork
            threads[vcpu].firstWork = Int32(index)
          }
          _ = works.append(state)
          _ = workStreams.append(
            RandomStream(
              seed: model.seed, replication: replication, entity: work.stream,
              purpose: Purpose.work + UInt16(thread & 0x3fff)))
        }
      }
    }
  }

  mutating func startWorks() {
    for index in works.indices {
      if works[index].gap > 0 { scheduleWork(index) } else { wakeWork(index) }
    }
  }

  private mutating func scheduleWork(_ index: Int) {
    let gap = workStreams[index].nextExponential(mean: works[index].gap)
    guard gap < endlessWork else { return }
    events.insert(
      Event(time: now + Int64(gap.rounded()), kind: EventKind.workWakeup, handle: UInt32(index), generation: 0))
  }

  /// Work has come: wakes its thread if that sleeps.
  mutating func wakeWork(_ index: Int) {
    if works[index].gap > 0 { scheduleWork(index) }
    works[index].pending += 1
    works[index].wakeups += 1
    let thread = Int(works[index].thread)
    guard threads[thread].state == .blocked else { return }
    if threads[thread].role == .work {
      threads[thread].activity = .woken
      wake(thread: thread)
    } else {
      wakeForWork(backend: thread)
    }
  }

  /// The work that a thread should do next: what was put aside, else the first that has something to do; -1 for none.
  ///
  /// - Complexity: O(works of the thread).
  func pendingWork(of thread: Int) -> Int {
    var chosen = -1
    var index = threads[thread].firstWork
    while index >= 0 {
      let work = Int(index)
      if works[work].left > 0 { return work }
      // Work without end gives way to all that ends.
      if works[work].pending > 0, chosen < 0 || works[chosen].gap == 0 { chosen = work }
      index = works[work].next
    }
    return chosen
  }

  /// A thread on a processor does what there is to do beside the guests, or sleeps.
  mutating func doWork(thread index: Int) {
    let work = pendingWork(of: index)
    guard work >= 0 else {
      threads[index].activity = .none
      block(thread: index)
      return
    }
    let amount = works[work].left > 0 ? works[work].left : works[work].amount
    works[work].left = 0
    threads[index].work = Int32(work)
    plan(.beside, group: LeafGroup(), time: amount, thread: index)
    beginBurst(thread: index)
  }

  /// A wake-up's work is done.
  mutating func endWork(thread index: Int) {
    let work = Int(threads[index].work)
    if works[work].gap > 0 { works[work].pending -= 1 }
    decide(thread: index)
  }

  /// A backend takes its vCPU from the work in hand, which stays for later.
  mutating func putAsideWork(thread index: Int) {
    if threads[index].state == .running { cut(thread: index) }
    let work = Int(threads[index].work)
    works[work].left = threads[index].remaining
    if works[work].left == 0, works[work].gap > 0 { works[work].pending -= 1 }
    dropPlan(thread: index)
  }

  /// What ran beside the guests, in whole nanoseconds that the processors had for it.
  func serviceRows(virtualized: [RunResult.ExitRow], vms rows: [RunResult.VMRow]) -> [RunResult.ServiceRow] {
    guard works.count > 0 else { return [] }
    var left = model.hosts.map { Int64($0.cores) * model.window.nanoseconds }
    for row in virtualized { left[row.host] -= row.nanoseconds }
    for row in rows { left[row.host] -= row.guest }
    var result: [RunResult.ServiceRow] = []
    for (host, description) in model.hosts.enumerated() {
      for (number, work) in description.works.enumerated() {
        var time: Int64 = 0
        var wakeups: Int64 = 0
        for index in works.indices where Int(works[index].host) == host && Int(works[index].work) == number {
          time += works[index].time
          wakeups += works[index].wakeups
        }
        // Parts of a nanosecond that threads are ahead of the clock are cut off.
        let nanoseconds = min(max(0, left[host]), time / FineTime.unitsPerNanosecond)
        left[host] -= nanoseconds
        result.append(
          RunResult.ServiceRow(
            host: host, name: work.name, home: work.home, threads: work.threads, wakeups: wakeups,
            nanoseconds: nanoseconds))
      }
    }
    return result
  }
}
