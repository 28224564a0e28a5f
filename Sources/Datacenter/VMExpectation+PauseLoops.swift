import Model
import Statistics
import Virtualization

extension VMExpectation {
  /// Makes exits of a part of the spinning of requests: a vCPU that spins for longer than its window exits, and finds out that
  /// the lock is its own when it is back.
  ///
  /// - Parameters:
  ///   - rate: requests per second.
  ///   - placed: how often a vCPU gets a processor anew, by request.
  mutating func exitSpinning(
    _ locks: GuestLockUse, rate: Double, placed: Double, design: CompiledDesign, on processors: HostProcessors
  ) {
    let charges = design.cost(of: .pauseLoop)?.synchronous ?? []
    let exit = charges.reduce(0) { $0 + $1.mean }
    guard processors.pauseResponse != .off, exit > 0, locks.waitsPerRequest > 0, rate > 0 else { return }
    let loops = ExpectedPauseLoops(
      wait: locks.spinPerRequest / locks.waitsPerRequest, window: processors.pauseWindow,
      longest: processors.longestPauseWindow, exit: exit, renewal: placed / (placed + locks.waitsPerRequest))
    let (spinning, exits) = loops.expectation
    let less = max(0, locks.spinPerRequest - locks.waitsPerRequest * spinning) * rate
    guest -= less
    spin -= less
    add(.pauseLoop, charges, rate: rate * locks.waitsPerRequest * exits)
  }
}

/// Spinning and exits of a wait for a lock, in nanoseconds.
///
/// A window doubles with each exit and is the first again when its vCPU gets a processor anew. Waits are taken to be
/// exponential, as those for exponential holds are while hardly more than one waits; windows are a Markov chain that climbs, or
/// begins anew before a wait with the probability `renewal`.
struct ExpectedPauseLoops {
  /// Mean time of a wait.
  var wait: Double
  /// The first window, and to what it may grow.
  var window: Double
  var longest: Double
  /// Time of an exit.
  var exit: Double
  var renewal: Double

  private static let levels = 24

  var expectation: (spinning: Double, exits: Double) {
    guard wait > 0, window > 0 else { return (wait, 0) }
    func beyond(_ time: Double) -> Double { PortableMath.exp(-time / wait) }
    var windows = [window]
    for level in 1..<Self.levels { windows.append(min(longest, 2 * windows[level - 1])) }
    var shares = [Double](repeating: 0, count: Self.levels)
    var spinning = 0.0
    var exits = 0.0
    for level in windows.indices {
      // Of the wait that begins with this window: instants of its exits, as probabilities that it lasts so long.
      var reached: [Double] = []
      var time = 0.0
      var spun = 0.0
      for next in level..<Self.levels {
        spun += wait * (beyond(time) - beyond(time + windows[next]))
        time += windows[next]
        reached.append(beyond(time))
        time += exit
      }
      let stays = 1 - reached[0]
      // Climbing from lower windows has been added; the rest comes by renewal.
      let share = (shares[level] + (level == 0 ? renewal : 0)) / max(1e-12, 1 - (1 - renewal) * stays)
      spinning += share * spun
      exits += share * reached.reduce(0, +)
      for (step, probability) in reached.enumerated() where level + step + 1 < Self.levels {
        let further = step + 1 < reached.count ? reached[step + 1] : 0
        shares[level + step + 1] += (1 - renewal) * share * (probability - further)
      }
      shares[level] = share
    }
    // Without renewal, windows grow until nobody exits.
    let all = shares.reduce(0, +)
    return all > 1e-9 ? (spinning / all, exits / all) : (wait, 0)
  }
}
