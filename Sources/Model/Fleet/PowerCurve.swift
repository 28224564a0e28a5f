import Quantities
import Virtualization

/// What a host draws, by its utilization, and while it sleeps.
///
/// Between the tabulated points power is linear [SPECpower_ssj2008 publishes one point every 10 %].
public struct PowerCurve: Sendable, Hashable {
  /// The name by which hosts choose it.
  public let name: String
  /// Watts at utilizations 0, 1/n, 2/n, ... 1.
  public let watts: [Double]
  /// Watts of a sleeping host.
  public let sleepWatts: Double
  /// Time to fall asleep, during which the host draws what it draws idle.
  public let sleepTime: TimeSpan
  /// Time to wake up, during which the host draws what it draws at full load.
  public let wakeTime: TimeSpan
  /// Where the figures come from.
  public let source: String

  /// Creates a curve of at least two equally spaced points; all figures in watts.
  public init(
    name: String, watts: [Double], sleepWatts: Double, sleepTime: TimeSpan = .zero, wakeTime: TimeSpan = .zero,
    source: String
  ) {
    precondition(watts.count >= 2, "a power curve has at least two points")
    self.name = name
    self.watts = watts
    self.sleepWatts = sleepWatts
    self.sleepTime = sleepTime
    self.wakeTime = wakeTime
    self.source = source
  }

  /// Watts at a utilization from 0 to 1; values outside are taken as the nearer end.
  ///
  /// - Complexity: O(1)
  public func power(at utilization: Double) -> Double {
    watts.withUnsafeBufferPointer { points in
      Self.power(at: utilization, points: points.baseAddress!, segments: points.count - 1)
    }
  }

  /// The same on bare memory, for event loops.
  @inlinable
  public static func power(at utilization: Double, points: UnsafePointer<Double>, segments: Int) -> Double {
    let position = max(0, min(1, utilization)) * Double(segments)
    let below = min(Int(position), segments - 1)
    return points[below] + (points[below + 1] - points[below]) * (position - Double(below))
  }
}

/// A power curve chosen by name.
public struct PowerReference: Sendable, Hashable {
  /// The curve's name.
  public let name: String
  /// Where the choice stands.
  public let location: SourceLocation

  /// Creates a reference.
  public init(name: String, location: SourceLocation) {
    self.name = name
    self.location = location
  }
}
