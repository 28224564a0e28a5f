/// Division of a host's cores among VMs that ask for more than there is.
enum HostSharing {
  /// Weighted max-min fair shares: nobody gets more than it asks for, nor less of that than its floor, and what is left is
  /// divided by weight among the rest: `x_i = min(d_i, max(f_i, w_i λ))` with `λ` such that the shares add up.
  ///
  /// - Parameters:
  ///   - demands: what each asks for, at least 0.
  ///   - weights: positive.
  ///   - floors: what each is guaranteed; all together no more than the capacity. Empty for none.
  ///   - capacity: what there is.
  /// - Returns: what each gets, in the order of the demands.
  /// - Complexity: O(n log n); O(n² log n) with floors.
  static func maxMin(demands: [Double], weights: [Double], floors: [Double] = [], capacity: Double) -> [Double] {
    var kept: Set<Int> = []
    while true {
      let shares = maxMin(demands: demands, weights: weights, floors: floors, kept: kept, capacity: capacity)
      // Those whose weight gives them less than their floor keep that; the others then get less, so that more may follow.
      let short = floors.indices.filter { !kept.contains($0) && shares[$0] < min(floors[$0], demands[$0]) }
      if short.isEmpty { return shares }
      kept.formUnion(short)
    }
  }

  private static func maxMin(
    demands: [Double], weights: [Double], floors: [Double], kept: Set<Int>, capacity: Double
  ) -> [Double] {
    var shares = [Double](repeating: 0, count: demands.count)
    var left = capacity
    for index in kept.sorted() {
      shares[index] = min(demands[index], floors[index])
      left -= shares[index]
    }
    let rest = demands.indices.filter { !kept.contains($0) }
    var weight = rest.reduce(0) { $0 + weights[$1] }
    for index in rest.sorted(by: { (demands[$0] / weights[$0], $0) < (demands[$1] / weights[$1], $1) }) {
      shares[index] = min(demands[index], weight > 0 ? max(0, left) * weights[index] / weight : 0)
      left -= shares[index]
      weight -= weights[index]
    }
    return shares
  }
}
