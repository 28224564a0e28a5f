/// Division of a host's cores among VMs that ask for more than there is.
enum HostSharing {
  /// Weighted max-min fair shares: nobody gets more than it asks for, and what is left is divided by weight among the rest.
  ///
  /// - Parameters:
  ///   - demands: what each asks for, at least 0.
  ///   - weights: positive.
  ///   - capacity: what there is.
  /// - Returns: what each gets, in the order of the demands.
  /// - Complexity: O(n log n).
  static func maxMin(demands: [Double], weights: [Double], capacity: Double) -> [Double] {
    var shares = [Double](repeating: 0, count: demands.count)
    var left = capacity
    var weight = weights.reduce(0, +)
    let order = demands.indices.sorted { (demands[$0] / weights[$0], $0) < (demands[$1] / weights[$1], $1) }
    for index in order {
      shares[index] = min(demands[index], weight > 0 ? max(0, left) * weights[index] / weight : 0)
      left -= shares[index]
      weight -= weights[index]
    }
    return shares
  }
}
