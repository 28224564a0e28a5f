import Model
import Virtualization

/// When a VM's dirty logging is on, and the large mappings that its beginning splits and its end puts together.
struct LoggingWindow {
  var from: Int64 = .max
  var until: Int64 = .max
  /// Large mappings of the writable set, and writes per second of CPU time that fall on them.
  var regions = 0.0
  var writes = 0.0
  var split = 0.0
  var joined = 0.0

  init(_ phase: LoggedPhase?) {
    guard let phase else { return }
    from = phase.from
    until = phase.until
    regions = phase.regions
    writes = phase.logging.writesPerSecond
  }

  /// Mappings that a job of `nanoseconds` of CPU time is the first to write to since logging began, or since it ended.
  mutating func advance(to now: Int64, nanoseconds: Double) -> Double {
    guard now >= from, regions > 0 else { return 0 }
    let done = now < until ? split : joined
    let new = DirtyLogging.newlyWritten(of: regions, after: done, writes: writes * nanoseconds * 1e-9)
    if now < until { split += new } else { joined += new }
    return new
  }
}

/// While dirty logging is on a VM has other rates and prices: its components stand in two ranges, of which one is in use.
extension Simulation {
  private func isLogged(_ vm: Int) -> Bool { now >= windows[vm].from && now < windows[vm].until }

  /// The components that are in use.
  func activeComponents(of vm: Int) -> Range<Int> {
    let first = vms[vm].firstComponent
    let end = first + vms[vm].componentCount
    let middle = first + vms[vm].plainComponents
    guard middle < end else { return first..<end }
    return isLogged(vm) ? middle..<end : first..<middle
  }

  /// Forgets what an earlier job left in the components that are not in use.
  func clearIdleComponents(of vm: Int, job: Int, active: Range<Int> = 0..<0) {
    guard active.count < vms[vm].componentCount else { return }
    for component in 0..<vms[vm].componentCount where !active.contains(vms[vm].firstComponent + component) {
      jobCounts[job * jobStride + component] = 0
    }
  }

  func guestShare(of vm: Int) -> Double { isLogged(vm) ? vms[vm].loggedShare : vms[vm].guestShare }

  func iteration(of vm: Int) -> Int64 { isLogged(vm) ? vms[vm].loggedIteration : vms[vm].iteration }
}
