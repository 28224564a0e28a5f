import Model
import Statistics
import Virtualization

/// How the threads of each host delay each other: vCPUs, backends, vCPUs of the privileged domain, what runs beside them.
///
/// A thread that wakes up finds others on the processors. How many is taken from the closed network of product form in which
/// each thread sleeps for a while and then wants a processor for a while, without itself and without the threads of its VM
/// that wake it and make way for it. It waits until the first of those that run has ended its burst, or its slice, and for
/// those that waited before it. Threads that never sleep, and what is refused because all ask for too much, follow from weights.
/// [F. Baskett, K. M. Chandy, R. R. Muntz, F. G. Palacios, Journal of the ACM 22, 1975; M. Reiser, S. S. Lavenberg, Journal
/// of the ACM 27, 1980]
struct HostContention {
  /// Hosts with more threads are solved once for all of their threads.
  static let mostThreads = 64

  let model: SimulationModel
  /// What the threads of each VM meet.
  private(set) var delays: [ProcessorDelays]
  /// The vCPU of the privileged domain that serves each VM, among those of all hosts.
  let domainThreads: [Int]
  /// The first such vCPU of each host, in the order of the hosts.
  private let firstDomainThread: [Int]

  init(model: SimulationModel, domainThreads: [Int]) {
    self.model = model
    self.domainThreads = domainThreads
    firstDomainThread = model.hosts.reduce(into: [0]) { $0.append($0[$0.count - 1] + max(1, $1.privilegedVCPUs)) }
    delays = [ProcessorDelays](repeating: ProcessorDelays(), count: model.vms.count)
  }

  /// Whose threads these are.
  enum Owner: Hashable {
    case vcpus(Int)
    case network(Int)
    case disk(Int)
    case domain(Int)
    case work(Int)
  }

  /// Threads that are alike.
  struct Threads {
    var owner: Owner
    var count: Double
    /// Length of a burst on a processor, and squared coefficient of variation of that.
    var burst: Double
    var variation: Double
    /// Mean time from the end of a burst to the next wish for a processor.
    var sleep: Double
    /// Probability that they are to be reckoned with.
    var presence = 1.0

    /// Wishes for a processor of each of them per nanosecond.
    var wakes = 0.0

    var ratio: Double { presence * burst / sleep }
    var isEndless: Bool { sleep <= 0 }
    /// Slices of a burst.
    func turns(_ slice: Double) -> Double { max(1, burst / slice) }
  }

  /// Finds the delays anew from what the VMs do. Returns the largest change, in units of the time that a wake-up takes.
  mutating func update(from expectations: [VMExpectation]) -> Double {
    var change = 0.0
    for host in model.hosts.indices {
      let vms = model.vms.indices.filter { model.vms[$0].host == host }
      let threads = threads(of: host, vms: vms, expectations)
      let processors = model.hosts[host].processors.threads
      let count = threads.reduce(0) { $0 + $1.count }
      // Those that are pinned wait for others that are pinned to the same processors, which is left out.
      let isPinned = vms.contains { model.vms[$0].share.pinned != nil }
      let isContended = count > Double(processors) && threads.count > 1 && !isPinned
      let sleep = coreSleep(of: host, self.threads(of: host, vms: vms, expectations, polling: true))
      guard isContended || sleep != nil else { continue }
      let level = isContended ? level(of: host, vms: vms, expectations) : nil
      for vm in vms {
        let before = delays[vm]
        let use = expectations[vm].use
        let own: [Owner: Double] = [.vcpus(vm): 1, .network(vm): 1, .disk(vm): 1]
        var beside = own
        var domain = own
        if model.vms[vm].design.hasPrivilegedDomain {
          // The vCPU that moves its packets makes way only where nothing else is to be done there.
          beside[.domain(domainThreads[vm])] = shareOfDomain(vm, threads, use)
          domain[.domain(domainThreads[vm])] = 1
        }
        var found = ProcessorDelays()
        if isContended {
          let round = Round(use, rate: expectations[vm].throughput * 1e-9)
          found.vcpus.wait = wait(beside: beside, among: threads, on: host, round)
          found.network.wait = wait(beside: domain, among: threads, on: host, round)
          found.disk.wait = found.network.wait
        }
        if let sleep { add(sleep, of: vm, to: &found) }
        delays[vm].vcpus.wait.approach(found.vcpus.wait)
        delays[vm].network.wait.approach(found.network.wait)
        delays[vm].disk.wait.approach(found.disk.wait)
        if isContended, model.hosts[host].processors.haltPolling != nil {
          let polling = Dictionary(uniqueKeysWithValues: vms.map { ($0, expectations[$0].use.polling) })
          delays[vm].polls.approach(cuts(of: vm, use, among: threads, polling: polling, on: host))
        }
        if let level { slowDown(vm, expectations[vm], level) }
        change = max(
          change, abs(delays[vm].polls.refused - before.polls.refused), abs(delays[vm].polls.own - before.polls.own),
          abs(delays[vm].polls.rate - before.polls.rate) * 1e4)
        for (old, new) in zip(before.all, delays[vm].all) {
          change = max(
            change, abs(new.wait.mean - old.wait.mean) / (1000 + new.wait.mean),
            abs(new.slowdown - old.slowdown) / new.slowdown)
        }
      }
    }
    return change
  }

  /// What a unit of weight may have at most of a host's processors, and who asks for them.
  private func level(of host: Int, vms: [Int], _ expectations: [VMExpectation]) -> (limit: Double, HostContenders) {
    let description = model.hosts[host]
    var contenders = HostContenders(vms: vms, works: description.works.count)
    contenders.addThreads(of: model, expectations, delays)
    contenders.addDomain(of: host, in: model, expectations, speed: 1, delays)
    contenders.addWorks(of: description, speed: 1)
    return (contenders.divide(description.processors.capacity).level, contenders)
  }

  /// Slows the threads of a VM that serves requests down until they ask for no more than they get.
  private mutating func slowDown(
    _ vm: Int, _ expectation: VMExpectation, _ level: (limit: Double, all: HostContenders)
  ) {
    guard case .requests = model.workloads[model.vms[vm].workload].shape else { return }
    func changed(_ slowdown: Double, _ contender: HostContenders.Contender) -> Double {
      let wish = contender.members[..<max(1, contender.urgent)].reduce(0) { $0 + $1.demand }
      let limit = contender.limit(at: level.limit)
      guard wish > limit else { return max(1, slowdown / 2) }
      return min(1e6, max(1, slowdown * (wish / slowdown / limit).squareRoot()))
    }
    for contender in level.all.contenders
    where contender.members[..<max(1, contender.urgent)].contains(where: { level.all.isFlow($0.flow, of: vm) }) {
      switch contender.kind {
      case .vcpus: delays[vm].vcpus.slowdown = changed(delays[vm].vcpus.slowdown, contender)
      case .backends, .domain:
        delays[vm].network.slowdown = changed(delays[vm].network.slowdown, contender)
        delays[vm].disk.slowdown = delays[vm].network.slowdown
      case .work: break
      }
    }
  }

  /// The threads of a host; those that are polled for run where that is asked for.
  private func threads(
    of host: Int, vms: [Int], _ expectations: [VMExpectation], polling: Bool = false
  ) -> [Threads] {
    var result: [Threads] = []
    var domain: [Int: ThreadUse.Kind] = [:]
    func add(_ owner: Owner, _ count: Int, _ use: ThreadUse.Kind, wait: Double, service: Double) {
      guard use.load > 0, count > 0 else { return }
      let load = min(0.999, use.load / Double(count))
      let wakes = use.wakes / Double(count)
      guard wakes > 0 else {
        result.append(Threads(owner: owner, count: Double(count), burst: 0, variation: 0, sleep: 0))
        return
      }
      let burst = load / wakes
      let sleep = max(0.01 / wakes, 1 / wakes - burst - wait)
      result.append(
        Threads(
          owner: owner, count: Double(count), burst: burst, variation: (service + load) / (1 - load), sleep: sleep,
          wakes: wakes))
    }
    for vm in vms {
      var use = expectations[vm].use
      if polling { use.vcpus.load += use.polling }
      let isSaturated = expectations[vm].isSaturated
      let endless = Int(min(Double(model.vms[vm].vcpus), use.vcpus.load.rounded(.up)))
      add(
        .vcpus(vm), isSaturated ? endless : model.vms[vm].vcpus, use.vcpus, wait: delays[vm].vcpus.wait.mean,
        service: serviceVariation(of: vm))
      if model.vms[vm].design.hasPrivilegedDomain {
        domain[domainThreads[vm], default: ThreadUse.Kind()] =
          domain[domainThreads[vm], default: ThreadUse.Kind()] + use.network + use.disk
      } else {
        add(.network(vm), workers(of: vm, isBlock: false), use.network, wait: delays[vm].network.wait.mean, service: 0)
        add(.disk(vm), workers(of: vm, isBlock: true), use.disk, wait: delays[vm].disk.wait.mean, service: 0)
      }
    }
    // Works of the domain are divided among its vCPUs; they do not delay its backends, but whoever else wants a processor.
    let vcpus = max(1, model.hosts[host].privilegedVCPUs)
    for work in model.hosts[host].works where work.home == .privilegedDomain {
      let share = ThreadUse.Kind(
        load: work.demand / Double(vcpus), wakes: Double(work.threads) * (work.wakeups ?? 0) * 1e-9 / Double(vcpus))
      for thread in firstDomainThread[host]..<firstDomainThread[host] + vcpus {
        domain[thread, default: ThreadUse.Kind()] = domain[thread, default: ThreadUse.Kind()] + share
      }
    }
    for (thread, use) in domain.sorted(by: { $0.key < $1.key }) { add(.domain(thread), 1, use, wait: 0, service: 0) }
    for (number, work) in model.hosts[host].works.enumerated() where work.home == .host {
      add(
        .work(number), work.threads,
        ThreadUse.Kind(load: work.demand, wakes: Double(work.threads) * (work.wakeups ?? 0) * 1e-9), wait: 0, service: 0
      )
    }
    return result
  }

  private func workers(of vm: Int, isBlock: Bool) -> Int {
    let vm = model.vms[vm]
    return vm.design.workers(of: isBlock ? vm.io.blockOptions : vm.io.networkOptions)
  }

  private func serviceVariation(of vm: Int) -> Double {
    guard case .requests(let requests) = model.workloads[model.vms[vm].workload].shape, requests.service.mean > 0 else {
      return 0
    }
    return requests.service.variance / (requests.service.mean * requests.service.mean)
  }

  /// A request's way through the threads of its VM.
  private struct Round {
    /// Wake-ups, at least one, and time on processors.
    var wakes: Double
    var time: Double

    init(_ use: ThreadUse, rate: Double) {
      wakes = rate > 0 ? max(1, (use.vcpus.wakes + use.network.wakes + use.disk.wakes) / rate) : 1
      time = rate > 0 ? (use.vcpus.load + use.network.load + use.disk.load) / rate : 0
    }

    /// Share of the wake-ups that find the processors anew: while others' bursts last, a thread that a sibling with a
    /// processor wakes up finds them as that one did.
    func share(burst: Double) -> Double {
      1 / wakes + (1 - 1 / wakes) * (burst > 0 ? min(1, time / burst) : 1)
    }
  }

  /// The part of the load of the privileged domain's vCPU that a VM causes.
  private func shareOfDomain(_ vm: Int, _ threads: [Threads], _ use: ThreadUse) -> Double {
    guard let thread = threads.first(where: { $0.owner == .domain(domainThreads[vm]) }) else { return 1 }
    let load = thread.isEndless ? 1 : thread.burst / (thread.burst + thread.sleep)
    return load > 0 ? min(1, (use.network.load + use.disk.load) / load) : 1
  }

  /// The wait of a thread that wakes up, where one thread of each of some owners is absent with a probability.
  private func wait(
    beside absent: [Owner: Double], among all: [Threads], on host: Int, _ round: Round
  ) -> ProcessorWait {
    let processors = model.hosts[host].processors.threads
    let count = all.reduce(0) { $0 + $1.count }
    var threads: [Threads] = []
    for var kind in all where !kind.isEndless {
      if count <= Double(Self.mostThreads), let share = absent[kind.owner] {
        kind.count -= 1
        if share < 1 {
          var one = kind
          one.count = 1
          one.presence = 1 - share
          threads.append(one)
        }
      }
      if kind.count > 0 { threads.append(kind) }
    }
    // Who runs for longer than a slice makes way for others after each.
    let slice = Double(
      model.hosts[host].processors.slice
        ?? HostProcessors.usualSlice(of: model.hosts[host].processors.scheduler))
    let turns = threads.reduce(0) { $0 + $1.count * $1.presence / $1.sleep * $1.turns(slice) }
    guard turns > 0 else { return ProcessorWait() }
    let found = distribution(threads, processors: processors)
    let mean = threads.reduce(0) { $0 + $1.count * $1.ratio } / turns
    let second =
      threads.reduce(0) { sum, thread in
        let number = thread.turns(slice)
        return sum + thread.count * thread.ratio * thread.burst / number * (1 + thread.variation / number)
      } / turns
    let variation = max(0, second / (mean * mean) - 1)
    let residual = Self.residual(mean: mean, variation: variation, processors: processors)
    let each = mean / Double(processors)
    // The burst that an instant falls into.
    let share = round.share(burst: mean * (1 + variation))
    var result = ProcessorWait()
    for (number, probability) in found.enumerated() where number >= processors {
      let before = Double(number - processors)
      let queue = before * each
      result.mean += share * probability * (residual.mean + queue)
      result.secondMoment +=
        share * probability * (residual.secondMoment + 2 * residual.mean * queue + queue * queue + queue * each)
    }
    return result
  }

  /// Probabilities of the number of threads that want a processor.
  ///
  /// - Complexity: O(threads²).
  func distribution(_ threads: [Threads], processors: Int) -> [Double] {
    var weights = [1.0]
    for thread in threads {
      for _ in 0..<Int(thread.count.rounded()) {
        weights.append(0)
        for number in stride(from: weights.count - 1, to: 0, by: -1) {
          weights[number] += weights[number - 1] * thread.ratio
        }
        let largest = weights.max() ?? 1
        if largest > 1e100 { for index in weights.indices { weights[index] /= largest } }
      }
    }
    // Orders in which they have come, over the rates at which they go.
    var factor = 1.0
    for number in weights.indices where number > 0 {
      factor *= Double(number) / Double(min(number, processors))
      weights[number] *= factor
    }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  /// Mean time until the first of those that run has ended its burst.
  ///
  /// Bursts that vary more than exponential ones are mixtures of two exponential ones with balanced means; of those that run
  /// each is then as likely to be of the one kind as of the other. Below, linear between constant and exponential ones.
  static func residual(mean: Double, variation: Double, processors: Int) -> ProcessorWait {
    let count = Double(processors)
    guard variation > 1 else {
      let residual = mean * (1 / (count + 1) + variation * (1 / count - 1 / (count + 1)))
      return ProcessorWait(mean: residual, secondMoment: residual * residual * (4 + 2 * variation) / 3)
    }
    let share = (1 + ((variation - 1) / (variation + 1)).squareRoot()) / 2
    let (short, long) = (2 * share / mean, 2 * (1 - share) / mean)
    var result = ProcessorWait()
    var probability = PortableMath.pow(0.5, count)
    for number in 0...processors {
      let rate = Double(number) * short + Double(processors - number) * long
      result.mean += probability / rate
      result.secondMoment += 2 * probability / (rate * rate)
      probability *= Double(processors - number) / Double(number + 1)
    }
    return result
  }
}
