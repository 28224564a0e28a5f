/// Division of a host's cores among VMs that ask for more than there is.
enum HostSharing {
  /// Max-min fair shares: nobody gets more than it asks for, and what is left is divided equally among the rest.
  ///
  /// - Parameters:
  ///   - demands: what each asks for, at least 0.
  ///   - capacity: what there is.
  /// - Returns: what each gets, in the order of the demands.
  /// - Complexity: O(n log n).
  static func maxMin(demands: [Double], capacity: Double) -> [Double] {
    var shares = [Double](repeating: 0, count: demands.count)
    var left = capacity
    let order = demands.indices.sorted { (demands[$0], $0) < (demands[$1], $1) }
    for (position, index) in order.enumerated() {
      let fair = left / Double(order.count - position)
      shares[index] = min(demands[index], fair)
      left -= shares[index]
    }
    return shares
  }
}
