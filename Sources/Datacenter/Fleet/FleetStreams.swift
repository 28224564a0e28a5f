/// Purposes of random streams of a fleet.
enum FleetStreams {
  static let selection: UInt16 = 64
  static let placement: UInt16 = 65
  static let demand: UInt16 = 66
}
