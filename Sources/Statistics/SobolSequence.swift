import CGSL

/// Sobol's sequence of points that fill a unit cube evenly, with the numbers of Bratley and Fox. It begins with the centre
/// of the cube, not with its corner.
public struct SobolSequence: ~Copyable {
  /// How many coordinates a point has.
  public let dimensions: Int
  private let generator: UnsafeMutablePointer<gsl_qrng>

  /// Creates the sequence, at its beginning.
  ///
  /// - Parameter dimensions: in 1...40.
  /// - Throws: `StatisticsError.outOfRange` for others.
  public init(dimensions: Int) throws(StatisticsError) {
    guard (1...40).contains(dimensions) else {
      throw .outOfRange(argument: "number of dimensions", value: Double(dimensions), expected: "an integer in 1...40")
    }
    Library.prepare()
    guard let generator = gsl_qrng_alloc(cgsl_qrng_sobol(), UInt32(dimensions)) else {
      throw .library(function: "gsl_qrng_alloc", code: Int32(GSL_ENOMEM))
    }
    self.dimensions = dimensions
    self.generator = generator
  }

  deinit { gsl_qrng_free(generator) }

  /// The next point, each coordinate in (0, 1).
  ///
  /// - Throws: `StatisticsError.library` after 2^30 points, where the sequence ends.
  /// - Complexity: O(dimensions)
  public mutating func next() throws(StatisticsError) -> [Double] {
    var point = [Double](repeating: 0, count: dimensions)
    try Library.check(gsl_qrng_get(generator, &point), "gsl_qrng_get")
    return point
  }
}
