import CGSL

/// Roots of functions of one variable.
public enum RootFinding {
  /// A root of a continuous function between two points where its signs differ, by Brent's method.
  ///
  /// - Parameters:
  ///   - lower: the lower end of the bracket.
  ///   - upper: the upper end, above the lower one.
  ///   - tolerance: the greatest distance from a root, above zero; a bracket of neighbouring doubles always suffices.
  ///   - function: the function, finite on the whole bracket. One end may be a root itself.
  /// - Throws: `StatisticsError.outOfRange` for a bracket or tolerance that is none, `.library` when the signs at the ends
  ///   are equal, the function is not finite somewhere, or 1000 steps do not suffice.
  public static func brent(
    lower: Double, upper: Double, tolerance: Double, function: (Double) -> Double
  ) throws(StatisticsError) -> Double {
    guard lower.isFinite, upper.isFinite, lower < upper else {
      throw .outOfRange(argument: "upper end", value: upper, expected: "a finite number above the lower end \(lower)")
    }
    guard tolerance > 0 else {
      throw .outOfRange(argument: "tolerance", value: tolerance, expected: "a number above 0")
    }
    Library.prepare()
    guard let solver = gsl_root_fsolver_alloc(cgsl_root_fsolver_brent()) else {
      throw .library(function: "gsl_root_fsolver_alloc", code: Int32(GSL_ENOMEM))
    }
    defer { gsl_root_fsolver_free(solver) }
    // Nothing may throw through the C frames or the closures, so results travel as values.
    let outcome = withoutActuallyEscaping(function) { function in
      withUnsafePointer(to: function) { context in
        var target = gsl_function(
          function: { argument, context in
            context!.assumingMemoryBound(to: ((Double) -> Double).self).pointee(argument)
          },
          params: UnsafeMutableRawPointer(mutating: context))
        return iterate(solver, &target, lower, upper, tolerance)
      }
    }
    return try outcome.get()
  }

  private static func iterate(
    _ solver: UnsafeMutablePointer<gsl_root_fsolver>, _ target: inout gsl_function, _ lower: Double, _ upper: Double,
    _ tolerance: Double
  ) -> Result<Double, StatisticsError> {
    do throws(StatisticsError) {
      try Library.check(gsl_root_fsolver_set(solver, &target, lower, upper), "gsl_root_fsolver_set")
      for _ in 0..<1000 {
        try Library.check(gsl_root_fsolver_iterate(solver), "gsl_root_fsolver_iterate")
        let low = gsl_root_fsolver_x_lower(solver)
        let high = gsl_root_fsolver_x_upper(solver)
        if high - low <= tolerance || low.nextUp >= high { return .success(gsl_root_fsolver_root(solver)) }
      }
      throw StatisticsError.library(function: "gsl_root_fsolver_iterate", code: Int32(GSL_EMAXITER))
    } catch {
      return .failure(error)
    }
  }
}
