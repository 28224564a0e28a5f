/// How jobs of a sample share vCPUs: in equal parts, or in turns.
extension SampledHalts.Course {
  /// A vCPU works on its job for a turn, or to the end while nobody waits.
  mutating func work(_ index: Int) {
    let left = jobs[vcpus[index].job].left
    vcpus[index].burst = setting.turn > 0 && waiting > 0 ? min(left, setting.turn) : left
    go(index, .working, for: vcpus[index].burst)
  }

  mutating func endTurn(_ index: Int) {
    let job = vcpus[index].job
    jobs[job].left -= vcpus[index].burst
    guard jobs[job].left >= 1 else { return endStage(index) }
    guard waiting > 0 else { return work(index) }
    jobs[job].vcpu = -1
    queue.append(job)
    decide(index)
  }

  /// Somebody waits: who works was to work to the end, and now has a turn.
  mutating func shorten() {
    for index in vcpus.indices where vcpus[index].phase == .working { shorten(index, vcpus[index].end - Double(now)) }
  }

  /// The vCPU works on, for a turn where that is less than what it had planned.
  mutating func shorten(_ index: Int, _ planned: Double) {
    let isLong = setting.turn > 0 && waiting > 0 && planned > setting.turn
    if isLong {
      jobs[vcpus[index].job].left -= vcpus[index].burst - planned
      vcpus[index].burst = setting.turn
    }
    go(index, .working, for: isLong ? setting.turn : planned)
  }

  /// Brings the service that jobs have had up to now.
  mutating func serve() {
    served += (Double(now) - servedAt) * speed
    servedAt = Double(now)
  }

  /// Plans the end of the stage that ends first; all jobs get the same share of the vCPUs that work.
  mutating func planService() {
    plan &+= 1
    speed = pool.isEmpty ? 0 : min(1, Double(working) / Double(pool.count))
    guard speed > 0 else { return }
    schedule(.turn, 0, after: max(0, jobs[pool[0]].end - served) / speed, generation: plan)
  }

  /// A job's stage ends on the vCPU that has it, or in the turn of another one that then has to wait.
  mutating func endService() {
    serve()
    let job = removeFirst()
    var index = jobs[job].vcpu
    let interrupted = index >= 0 && vcpus[index].phase != .working ? index : -1
    if index < 0 || interrupted >= 0 {
      index = 0
      if working > 1 {
        var number = Int(random[2].nextUniform() * Double(working))
        for other in vcpus.indices where vcpus[other].phase == .working {
          index = other
          number -= 1
          if number < 0 { break }
        }
      } else if let only = vcpus.firstIndex(where: { $0.phase == .working }) {
        index = only
      }
      let own = vcpus[index].job
      jobs[own].vcpu = interrupted
      // It waits in the place of the job that ends.
      if interrupted >= 0 {
        vcpus[interrupted].job = own
      } else if let place = queue[head...].firstIndex(of: job) {
        queue[place] = own
      }
      vcpus[index].job = job
    }
    working -= 1
    vcpus[index].phase = .ringing
    endStage(index)
    planService()
  }

  /// - Complexity: O(log jobs).
  mutating func insert(_ job: Int) {
    pool.append(job)
    var position = pool.count - 1
    while position > 0 {
      let parent = (position - 1) / 2
      guard jobs[job].end < jobs[pool[parent]].end else { break }
      pool[position] = pool[parent]
      position = parent
    }
    pool[position] = job
  }

  /// - Complexity: O(log jobs).
  mutating func removeFirst() -> Int {
    let first = pool[0]
    let last = pool.removeLast()
    guard !pool.isEmpty else { return first }
    var position = 0
    while true {
      var child = 2 * position + 1
      guard child < pool.count else { break }
      if child + 1 < pool.count, jobs[pool[child + 1]].end < jobs[pool[child]].end { child += 1 }
      guard jobs[pool[child]].end < jobs[last].end else { break }
      pool[position] = pool[child]
      position = child
    }
    pool[position] = last
    return first
  }
}
