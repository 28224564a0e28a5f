import CGSL

/// Why a statistic cannot be computed.
public enum StatisticsError: Error, Hashable, CustomStringConvertible {
  /// An argument lies outside its range; `expected` says what the range is.
  case outOfRange(argument: String, value: Double, expected: String)
  /// Fewer values than the statistic needs.
  case tooFewValues(count: Int, needed: Int)
  /// Two samples that should be paired have different sizes.
  case unequalCounts(first: Int, second: Int)
  /// A system of linear equations that determines only `rank` of its `columns` coefficients.
  case rankDeficient(rank: Int, columns: Int)
  /// The GNU Scientific Library gave up with the given error code.
  case library(function: String, code: Int32)

  /// The error as a sentence without a full stop.
  public var description: String {
    switch self {
    case .outOfRange(let argument, let value, let expected): "\(argument) is \(value); expected \(expected)"
    case .tooFewValues(let count, let needed): "\(count) values given; expected at least \(needed)"
    case .unequalCounts(let first, let second): "\(first) values paired with \(second); expected as many"
    case .rankDeficient(let rank, let columns):
      "the system determines \(rank) of \(columns) coefficients; expected all"
    case .library(let function, let code): "\(function) failed: \(String(cString: gsl_strerror(code)))"
    }
  }
}

/// Throws unless a probability lies between 0 and 1, exclusive.
func checkProbability(_ probability: Double) throws(StatisticsError) {
  guard probability > 0, probability < 1 else {
    throw .outOfRange(argument: "probability", value: probability, expected: "a number between 0 and 1, exclusive")
  }
}

/// Throws unless a confidence lies between 0 and 1, exclusive.
func checkConfidence(_ confidence: Double) throws(StatisticsError) {
  guard confidence > 0, confidence < 1 else {
    throw .outOfRange(argument: "confidence", value: confidence, expected: "a number between 0 and 1, exclusive")
  }
}

/// The GNU Scientific Library as the rest of the module calls it.
enum Library {
  /// Keeps the library from aborting the process on errors. Every call must come through `prepare`.
  private static let handlerIsOff: Void = { _ = gsl_set_error_handler_off() }()

  /// Makes the library return its errors; once for the process, from any thread.
  static func prepare() { handlerIsOff }

  /// Throws the library's error unless `code` means success.
  static func check(_ code: Int32, _ function: String) throws(StatisticsError) {
    guard code == Int32(GSL_SUCCESS) else { throw .library(function: function, code: code) }
  }

  /// Passes on a finite result of a quantile function, which reports errors as NaN, rounded to 41 significant bits.
  ///
  /// The library calls the C library's `log` and `exp`, whose last bits depend on the processor. That moves about one
  /// quantile in a thousand, by its last bit; the library's own error is some 2^-40. After rounding, results practically
  /// always have the same bits everywhere.
  static func portable(_ value: Double, _ function: String) throws(StatisticsError) -> Double {
    guard value.isFinite else { throw .library(function: function, code: Int32(GSL_EFAILED)) }
    return Double(bitPattern: (value.bitPattern + 0x800) & ~0xfff)
  }
}
