/// A random time as a chain of exponential phases with its mean and its coefficient of variation.
///
/// Below 1 a mixture of two Erlang distributions of successive shapes, above 1 Cox's distribution of two phases. Times with
/// less variation than `mostPhases` phases can have are taken to have as much as these.
/// [H. C. Tijms, Stochastic Models, 1994, section 5.5; R. Marie, Méthodes itératives de résolution de modèles mathématiques
/// de systèmes informatiques, RAIRO 12, 1978]
struct PhaseTime {
  /// Phases of the most regular time.
  static let mostPhases = 16

  /// Rate of each phase per nanosecond, and the probability that the next phase follows it.
  private(set) var rates: [Double] = []
  private(set) var goesOn: [Double] = []
  /// Probability that the time begins with the second phase, not the first.
  private(set) var skipsFirst = 0.0

  /// No time at all.
  init() {}

  /// A time of a mean in nanoseconds and a squared coefficient of variation.
  init(mean: Double, variation: Double = 0) {
    guard mean > 0 else { return }
    if variation > 1 + 1e-9 {
      rates = [2 / mean, 1 / (mean * variation)]
      goesOn = [1 / (2 * variation), 0]
      return
    }
    let least = 1 / Double(Self.mostPhases)
    let variation = min(1, max(least, variation))
    let count = max(1, (1 / variation - 1e-9).rounded(.up))
    if count > 1 {
      let root = max(0, count * (1 + variation) - count * count * variation).squareRoot()
      skipsFirst = min(1, max(0, (count * variation - root) / (1 + variation)))
    }
    rates = [Double](repeating: (count - skipsFirst) / mean, count: Int(count))
    goesOn = [Double](repeating: 1, count: Int(count) - 1) + [0]
  }

  var isEmpty: Bool { rates.isEmpty }
  var count: Int { rates.count }
}
