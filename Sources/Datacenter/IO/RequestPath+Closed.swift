import Model
import Virtualization

/// Closed populations as a network of guest, backends, disk and wire.
extension RequestPath {
  /// Populations beyond this are taken as one queue at the guest.
  private static let largestNetwork = 256

  /// Requests of a closed population.
  ///
  /// - Parameter variation: squared coefficient of variation of a request's time on the guest; nil under processor sharing,
  ///   which does not depend on it.
  func closed(clients: Int, think: Double, variation: Double?) -> Flow {
    if isLocal(think: think), blocks == 0 { return computing(clients) }
    return clients <= Self.largestNetwork
      ? network(clients: clients, think: think, variation: variation) : single(clients: clients, think: think)
  }

  /// Threads of the guest that never wait: no vCPU halts, and nobody tells them of anything.
  private func computing(_ threads: Int) -> Flow {
    let rate = Double(min(threads, vm.vcpus)) / max(1e-3, job * delays.vcpus.slowdown) * 1e9
    return Flow(rate: rate, latency: Double(threads) / rate * 1e9, isSaturated: false)
  }

  /// What passes a backend's thread on a round of a client.
  private struct Worker {
    enum Kind { case receive, transmit, submit, complete }

    struct Item {
      var kind: Kind
      var visits: Double
      var time: Double
    }

    var items: [Item] = []
    /// Threads that are alike, and queues that they serve.
    var threads = 1
    var queues = 1
    /// Share of the thread that other VMs take.
    var others = 0.0
    var poll = 0.0
    var delay = ProcessorDelay()
    var visits: Double { items.reduce(0) { $0 + $1.visits } }
    var time: Double { items.reduce(0) { $0 + $1.visits * $1.time } }

    func visits(_ kinds: Set<Kind>) -> Double { items.reduce(0) { kinds.contains($1.kind) ? $0 + $1.visits : $0 } }

    mutating func add(_ kind: Kind, _ visits: Double, _ time: Double) {
      if visits > 0, time > 0 { items.append(Item(kind: kind, visits: visits, time: time)) }
    }

    /// Time of an item, which other VMs' items stretch.
    var service: PhaseTime {
      let mean = time / visits
      let second = items.reduce(0) { $0 + $1.visits * $1.time * $1.time } / visits
      return PhaseTime(mean: mean / (1 - min(0.999, others)), variation: second / (mean * mean) - 1)
    }

    /// Probability that a ring is rung at the hand-over of an item.
    ///
    /// Items in the queue are of the kinds by their visits, the one in service by its time.
    func bells(_ kind: Kind, _ notification: FrontEnd.Notification, _ seen: SingleServer.Result) -> Double {
      guard let item = items.first(where: { $0.kind == kind }) else { return 0 }
      // Of those at a thread, so many are of the same queue.
      let same = Double(threads) / Double(max(threads, queues))
      let other = 1 - item.visits / visits * same
      let served = 1 - item.visits * item.time / time * same
      var bells = 0.0
      var queue = 1.0
      for (number, probability) in seen.found.enumerated() {
        guard number > 0 else {
          bells += probability * (1 - seen.polling)
          continue
        }
        let idle = seen.idleShare[number]
        // `queue` is the probability that none of those before the last is of the kind.
        bells += probability * (idle * (notification == .flags ? 1 : queue * other) + (1 - idle) * queue * served)
        queue *= other
      }
      return notification == .always ? 1 : bells
    }
  }

  /// The threads that move the VM's packets and blocks: one for both where they share it.
  private var workers: [Worker] {
    let others = neighbours.privileged(beside: vm).load * delays.network.slowdown
    var network = Worker()
    network.others = others
    network.threads = networkWorkers
    network.queues = vm.io.networkOptions.queues
    network.poll = design.hasPrivilegedDomain ? 0 : Double(vm.io.networkOptions.busyPoll.nanoseconds)
    network.delay = delays.network
    if receives { network.add(.receive, 1, receiveTime * delays.network.slowdown) }
    if sends { network.add(.transmit, 1, sendTime * delays.network.slowdown) }
    var disk = isShared ? network : Worker()
    disk.others = others
    disk.delay = delays.disk
    if !isShared {
      disk.threads = diskWorkers
      disk.queues = vm.io.blockOptions.queues
    }
    if !isShared { disk.poll = design.hasPrivilegedDomain ? 0 : Double(vm.io.blockOptions.busyPoll.nanoseconds) }
    if hasDiskBackend {
      disk.add(.submit, blocks, submitTime * delays.disk.slowdown)
      disk.add(.complete, blocks, completionTime * delays.disk.slowdown)
    }
    return (isShared ? [disk] : [network, disk]).filter { !$0.items.isEmpty }
  }

  /// Disk, wire and limits, which do not depend on what happens elsewhere.
  private func devices(clients: Int) -> [ClosedNetwork.Station] {
    var stations: [ClosedNetwork.Station] = []
    /// A queue with constant service, of which other VMs take a share.
    func add(_ time: Double, visits: Double, others: Double = 0) {
      guard time > 0, visits > 0 else { return }
      let service = PhaseTime(mean: time / (1 - min(0.999, others)))
      stations.append(ClosedNetwork.Station(kind: .single(SingleServer(service: service)), visits: visits))
    }
    if let disk = disk(rate: 1e-12, isAlone: true) {
      let others = neighbours.disk(beside: vm)
      // What bounds the starts delays only those who come too early: it is a part of the service.
      let time = max(1e-3, disk.service - disk.start - disk.gap)
      if disk.device.parallelism == 1 {
        let load = others.reads * disk.device.read.latency.mean + others.writes * disk.device.write.latency.mean
        let service = PhaseTime(mean: time / (1 - min(0.999, load)), variation: disk.variation)
        stations.append(ClosedNetwork.Station(kind: .single(SingleServer(service: service)), visits: blocks))
      } else {
        let rates = (1...clients).map { Double(min($0, disk.device.parallelism)) / time }
        stations.append(ClosedNetwork.Station(kind: .servers(rates), visits: blocks))
      }
      let starts = others.reads * disk.device.read.gap + others.writes * disk.device.write.gap
      add(disk.start, visits: blocks, others: starts)
      add(transferTime, visits: blocks, others: others.transfer.load)
      add(disk.gap, visits: blocks)
    }
    if vm.load.packetsSent > 0 {
      add(wireTime, visits: 1, others: neighbours.wire(beside: vm).load)
      add(Double(model.limitTime(ofRequestBy: vm)), visits: 1)
    }
    return stations
  }

  private func network(clients: Int, think: Double, variation: Double?) -> Flow {
    // A guest whose own thread goes on at once is told of block requests alone, and has one visit less a round.
    let isLocal = isLocal(think: think)
    let entries = isLocal ? blockStages : stages
    let workers = workers
    var flow = Flow(rate: 0, latency: nil, isSaturated: false)
    flow.wakes = entries
    flow.interrupts = vm.load.packetsReceived > 0 ? 1 : 0
    flow.bells = sends ? 1 : 0
    flow.diskBells = submitTime > 0 ? blocks : 0
    var network = ClosedNetwork(clients: clients, away: think)
    let devices = devices(clients: clients)
    var sampled: Int?
    var drawn: SampledHalts.Result?
    for iteration in 0..<200 {
      let before = flow
      var stations = [
        guest(
          flow, entries: entries, clients: clients, think: think,
          variation: variation.map { isLocal ? localVariation($0) : $0 })
      ]
      for worker in workers { stations += repeatElement(station(worker), count: worker.threads) }
      network.stations = stations + devices
      network.away = think + vm.io.walkDelay + moderationDelay(flow.rate * 1e-9)
      network.iterate()
      update(&flow, entries: entries, clients: clients, workers: workers, network: network)
      let change = [
        (flow.rate - before.rate) / max(flow.rate, 1e-12), flow.wakes - before.wakes, flow.bells - before.bells,
        flow.diskBells - before.diskBells, flow.kicks - before.kicks,
      ]
      guard change.allSatisfy({ abs($0) < 1e-7 }) else { continue }
      // Then with what polling for wake-ups saves of them.
      // What has changed reaches the throughput with the next but one iteration.
      if let sampled, iteration < sampled + 3 { continue }
      guard needsSample, sampled == nil else { break }
      let polls = polls(flow)
      take(polls, into: &flow)
      flow.shared = polls.shared
      if polls.shared != nil { drawn = polls }
      sampled = iteration
    }
    if let drawn {
      takeShared(drawn, into: &flow)
      // The network's stations see the parts of a request one after another.
      if hasParts || !hasCompany { flow.rate = drawn.rate * 1e9 }
    }
    flow.latency = flow.rate > 0 ? max(job, Double(clients) / flow.rate * 1e9 - think) : nil
    return flow
  }

  /// Between two block requests of a loop lies the last part of one round and the first of the next.
  private func localVariation(_ variation: Double) -> Double {
    variation * (blockStages > 0 ? 1 - 1 / (2 * blockStages) : 1)
  }

  private func guest(
    _ flow: Flow, entries: Double, clients: Int, think: Double, variation: Double?
  ) -> ClosedNetwork.Station {
    // What the vCPU sends itself leaves when the bell is through; a backend works beside it.
    let bells = (handsOver ? flow.bells : 0) + flow.diskBells
    let (wait, slowdown) = (delays.vcpus.wait * (1 - flow.polled), delays.vcpus.slowdown)
    let (ring, kick) = (stall(.doorbell) * slowdown, kickTime * slowdown)
    let wake = wakeTime(polled: flow.polled) * slowdown
    var held =
      (job + flow.interrupts * interruptTime + sharedTime(flow)) * slowdown + (handsOver ? 0 : flow.bells * ring)
    guard vm.vcpus == 1 else {
      // Who finds a halted vCPU waits for it to wake up. While none is halted, vCPUs also ring and take interrupts.
      let idle = held / entries + wait.mean(with: wake)
      let busy = (held + bells * ring) / entries
      let interrupted = busy + (kickTime > 0 ? flow.kicks * kick / max(1e-9, entries - flow.wakes) : 0)
      if vm.vcpus <= MultiServer.most {
        let servers = MultiServer(
          servers: vm.vcpus, service: (interrupted, held / entries), wake: wait.mean(with: wake),
          closeDown: stall(.halt) * slowdown + bells * ring / entries,
          told: flow.told * flow.rate * 1e-9)
        return ClosedNetwork.Station(kind: .several(servers), visits: entries)
      }
      let rates = (1...clients).map { number in
        Double(min(number, vm.vcpus)) / (number < vm.vcpus ? idle : number == vm.vcpus ? busy : interrupted)
      }
      return ClosedNetwork.Station(kind: .servers(rates), visits: entries)
    }
    var server = SingleServer()
    if variation == nil {
      server.interruption = PhaseTime(mean: kick)
      server.interruptionShare = min(1, flow.kicks / max(1e-9, entries - flow.wakes))
      // Interrupts that come when no job runs are taken before the next one.
      held += max(0, flow.kicks - flow.kicksOfJobs) * kick
    } else {
      held += flow.kicks * kick
    }
    if tellsOfSent {
      held += flow.sentKicks * kick
      server.toldShare = 1 / entries
      let held = sendsBeforeItReceives ? sendTime * delays.network.slowdown : 0
      server.toldHeld = held
      server.toldAfter = PhaseTime(
        mean: max(1, (elsewhere(.doorbell) + sendTime) * delays.network.slowdown - stall(.halt) * slowdown - held))
      server.telling = PhaseTime(mean: wait.mean(with: wake), variation: wait.variation(with: wake))
    }
    // Where halting takes longer than a round outside, the client that has just left may be back before its end.
    let outside =
      think + wireTime + (handsOver ? elsewhere(.doorbell) + sendTime : 0)
      + (receives ? elsewhere(.deviceInterrupt) + receiveTime : 0)
    server.returnsEarly = blocks == 0 && (!receives && !handsOver || outside < stall(.halt) * slowdown)
    server.service = PhaseTime(mean: held / entries, variation: variation ?? 1)
    server.after = PhaseTime(mean: ring)
    server.afterShare = min(1, bells / entries)
    server.closeDown = PhaseTime(mean: stall(.halt) * slowdown)
    server.setUp = PhaseTime(mean: wait.mean(with: wake), variation: wait.variation(with: wake))
    return ClosedNetwork.Station(kind: .single(server), visits: entries)
  }

  private func station(_ worker: Worker) -> ClosedNetwork.Station {
    var server = SingleServer(service: worker.service)
    let rung = worker.visits([.transmit, .submit]) / worker.visits
    let wake = (rung * elsewhere(.doorbell) + (1 - rung) * elsewhere(.deviceInterrupt)) * worker.delay.slowdown
    server.setUp = PhaseTime(
      mean: worker.delay.wait.mean(with: wake), variation: worker.delay.wait.variation(with: wake))
    server.notice = PhaseTime(mean: stall(.doorbell) * delays.vcpus.slowdown)
    server.noticeShare = rung
    server.noticeArrivals = vm.vcpus == 1 ? 1 - rung : 1
    server.poll = PhaseTime(mean: worker.poll)
    return ClosedNetwork.Station(kind: .single(server), visits: worker.visits / Double(worker.threads))
  }

  /// Takes over what the network tells of waking, ringing and interrupts.
  private func update(
    _ flow: inout Flow, entries: Double, clients: Int, workers: [Worker], network: ClosedNetwork
  ) {
    flow.rate = network.throughput * 1e9
    let seen = network.results[0]
    var (wakes, halts, busy) = (seen.wakes * entries, seen.halts * entries, seen.allBusy)
    if vm.vcpus > MultiServer.most {
      wakes = entries * seen.found.prefix(vm.vcpus).reduce(0, +)
      halts = wakes
      busy = 1 - seen.found.prefix(vm.vcpus - 1).reduce(0, +)
    }
    flow.halts = halts
    // A polling driver's own client cannot be the next one: with one client nothing comes meanwhile. It polls while no
    // vCPU is halted.
    let window = pollingShare(network.throughput) * (1 - 1 / Double(clients)) * busy
    flow.interrupts =
      vm.load.packetsReceived > 0
      ? (1 - window) * moderatedShare(network.throughput * (1 - 1 / Double(clients))) : 0
    let interrupting =
      vm.vcpus == 1 || vm.vcpus > MultiServer.most
      ? entries * (1 - seen.covered) - wakes : entries * seen.interrupting
    let kicks = kickTime > 0 ? max(0, interrupting - window - toldTogether(flow)) : 0
    // Half-way, so that the point is not passed over again and again.
    flow.wakes = (flow.wakes + wakes) / 2
    flow.kicks = (flow.kicks + kicks) / 2
    flow.kicksOfJobs = flow.kicks * min(1, entries * seen.serving / max(1e-9, entries - wakes))
    flow.backendWakes = 0
    flow.diskBackendWakes = 0
    var bells = 0.0
    var drains = 0.0
    var diskBells = 0.0
    var index = 1
    for worker in workers {
      // Its threads are alike.
      let seen = network.results[index]
      index += worker.threads
      bells += worker.bells(.transmit, vm.io.network?.notification ?? .eventIndex, seen)
      drains += worker.bells(.transmit, .eventIndex, seen)
      diskBells += blocks * worker.bells(.submit, vm.io.block?.notification ?? .eventIndex, seen)
      let asleep = seen.found[0] * seen.asleep
      flow.backendWakes += asleep * worker.visits([.receive, .transmit])
      flow.diskBackendWakes += asleep * worker.visits([.submit, .complete])
      if worker.visits([.receive, .transmit]) > 0 {
        flow.polling = seen.pollTime * Double(worker.threads)
      } else {
        flow.diskPolling = seen.pollTime * Double(worker.threads)
      }
    }
    if sends, !handsOver { bells = 1 }
    let told = sentInterrupts(drains: drains)
    let sentWakes = min(told, vm.vcpus > MultiServer.most ? told * (1 - busy) : seen.toldWakes * entries)
    flow.sentWakes = (flow.sentWakes + sentWakes) / 2
    flow.sentKicks = kickTime > 0 ? (flow.sentKicks + told - sentWakes) / 2 : 0
    flow.told = told
    flow.bells = (flow.bells + bells) / 2
    flow.diskBells = (flow.diskBells + diskBells) / 2
  }
}
