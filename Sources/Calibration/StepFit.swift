import EventKernel
import Statistics

/// Steps fitted to the times of probes.
///
/// `min ‖W(A c − t)‖` with `c ≥ 0`: weights are inverse variances of the probes' times, estimated from the spread between
/// processes; the covariance of `c` comes from a bootstrap that draws processes with replacement.
public struct StepFit: Sendable {
  /// A probe's part in the fit.
  public struct Observation: Sendable {
    /// The probe.
    public let probe: String
    /// The steps in one iteration, with their factors.
    public let steps: [String: Double]
    /// Time of one iteration by process, in nanoseconds.
    public let times: [Double]

    /// Creates an observation; `times` must not be empty.
    public init(probe: String, steps: [String: Double], times: [Double]) {
      self.probe = probe
      self.steps = steps
      self.times = times
    }

    /// The probe's time: the median over processes.
    public var time: Double { Quantile.ofSorted(times.sorted(), 0.5) }

    /// The variance of that time, at least `floor` squared of the time: what a probe's spread cannot show, such as another
    /// placement in memory, is never less.
    ///
    /// The median of n normal values has π/2 times the variance of their mean.
    func variance(floor: Double) -> Double {
      let time = time
      let least = max(time * floor, 0.01)
      guard times.count > 1 else { return max(least * least, time * time * 4e-4) }
      let mean = times.reduce(0, +) / Double(times.count)
      let squares = times.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(times.count - 1)
      return max(least * least, squares * 1.5708 / Double(times.count))
    }
  }

  /// A fitted column.
  public struct Estimate: Sendable {
    /// The step or the composite.
    public let column: DesignMatrix.Column
    /// Cost in nanoseconds.
    public let nanoseconds: Double
    /// Its standard error.
    public let standardError: Double
    /// The bootstrap's 2.5 % and 97.5 % quantiles, the cost itself among them.
    public let interval: ClosedRange<Double>
    /// The probes that contain it.
    public let probes: [String]
  }

  /// A probe against the fit.
  public struct Residual: Sendable {
    /// The probe.
    public let probe: String
    /// Its time in nanoseconds.
    public let measured: Double
    /// The sum of its steps.
    public let fitted: Double
    /// `(fitted − measured) / measured`.
    public var relative: Double { measured > 0 ? (fitted - measured) / measured : 0 }
  }

  /// The columns in order.
  public let estimates: [Estimate]
  /// Covariance of the estimates in square nanoseconds.
  public let covariance: [[Double]]
  /// Residuals by probe.
  public let residuals: [Residual]
  /// Condition number of the weighted matrix with columns of equal norm.
  public let condition: Double

  /// The relative error below which no time of a probe counts as known.
  static let floor = 0.003
  /// Bootstrap draws.
  static let draws = 400

  /// Fits the steps.
  ///
  /// - Parameters:
  ///   - observations: at least one.
  ///   - seed: of the bootstrap.
  /// - Throws: `StatisticsError` when the numbers are none.
  /// - Complexity: O(draws m n²) for m probes and n steps.
  public init(_ observations: [Observation], seed: UInt64 = 1) throws(StatisticsError) {
    let matrix = DesignMatrix(observations.map(\.steps))
    let weights = observations.map { 1 / $0.variance(floor: Self.floor) }
    let times = observations.map(\.time)
    let fit = try LeastSquares.solveNonNegative(rows: matrix.rows, targets: times, weights: weights)
    condition = try LeastSquares.condition(rows: matrix.rows, weights: weights)

    let count = matrix.columns.count
    var stream = RandomStream(seed: seed, replication: 1, entity: 0, purpose: 0)
    var drawn = [[Double]](repeating: [], count: count)
    for _ in 0..<Self.draws {
      let resampled = observations.map { observation in
        // A probe that ran in one process alone has no spread to draw from; its floor stands for it.
        guard observation.times.count > 1 else { return observation.time }
        let sample = observation.times.map { _ in
          observation.times[stream.nextInteger(below: observation.times.count)]
        }
        return Quantile.ofSorted(sample.sorted(), 0.5)
      }
      let trial = try LeastSquares.solveNonNegative(rows: matrix.rows, targets: resampled, weights: weights)
      for index in 0..<count { drawn[index].append(trial.coefficients[index]) }
    }
    let means = drawn.map { $0.reduce(0, +) / Double(Self.draws) }
    covariance = (0..<count).map { row in
      (0..<count).map { column in
        zip(drawn[row], drawn[column]).reduce(0) { $0 + ($1.0 - means[row]) * ($1.1 - means[column]) }
          / Double(Self.draws - 1)
      }
    }
    var estimates: [Estimate] = []
    for (index, column) in matrix.columns.enumerated() {
      let value = fit.coefficients[index]
      let sorted = drawn[index].sorted()
      estimates.append(
        Estimate(
          column: column, nanoseconds: value, standardError: covariance[index][index].squareRoot(),
          interval: min(value, Quantile.ofSorted(sorted, 0.025))...max(value, Quantile.ofSorted(sorted, 0.975)),
          probes: zip(observations, matrix.rows).filter { $1[index] != 0 }.map(\.0.probe)))
    }
    self.estimates = estimates
    residuals = zip(observations, matrix.rows).map { observation, row in
      Residual(
        probe: observation.probe, measured: observation.time,
        fitted: zip(row, fit.coefficients).reduce(0) { $0 + $1.0 * $1.1 })
    }
  }
}
