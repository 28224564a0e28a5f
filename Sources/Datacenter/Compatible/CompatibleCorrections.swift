import Model

/// The defects that are mended, as plain truths for the loops.
struct CompatibleCorrections {
  let memory: Bool
  let energy: Bool
  let emptyHosts: Bool
  let bandwidth: Bool
  let movingShares: Bool
  let placementPower: Bool
  let evacuation: Bool
  let regression: Bool
  /// Share of its request that a VM on its way has at the target, and of its share at the source.
  let incomingShare: Double
  let outgoingShare: Double

  init(_ corrections: Set<CompatibleCorrection>) {
    memory = corrections.contains(.memory)
    energy = corrections.contains(.energy)
    emptyHosts = corrections.contains(.emptyHosts)
    bandwidth = corrections.contains(.bandwidth)
    movingShares = corrections.contains(.movingShares)
    placementPower = corrections.contains(.placementPower)
    evacuation = corrections.contains(.evacuation)
    regression = corrections.contains(.regression)
    incomingShare = movingShares ? 0 : 0.1
    outgoingShare = movingShares ? 1 : 0.9
  }
}
