/// Finds the known name a mistyped one was probably meant to be, for "did you mean" hints.
public enum NearestName {
  /// Returns the candidate nearest to `name`, or nil when none is near.
  ///
  /// The distance counts inserted, deleted and replaced characters and swapped neighbours, without regard to case.
  /// Among candidates at the same distance the one nearer with regard to case wins, then the first in the given order.
  /// A candidate is near when its distance is at most a third of the length of `name` (at least 1) and the two have
  /// something in common. The cost is O(length of `name` × length of all candidates of similar length).
  public static func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    let exact = Array(name)
    let folded = Array(name.lowercased())
    let limit = max(1, exact.count / 3)
    var best: (candidate: String, folded: Int, exact: Int)?
    for candidate in candidates {
      let letters = Array(candidate.lowercased())
      guard abs(letters.count - folded.count) <= limit else { continue }
      let distance = editDistance(folded, letters)
      guard distance <= limit, distance < max(letters.count, folded.count) else { continue }
      let tieBreak = editDistance(exact, Array(candidate))
      if let best, (best.folded, best.exact) <= (distance, tieBreak) { continue }
      best = (candidate, distance, tieBreak)
    }
    return best?.candidate
  }

  /// Returns the number of insertions, deletions, replacements and swaps of neighbours that lead from `first` to
  /// `second`, no character taking part in more than one swap.
  private static func editDistance(_ first: [Character], _ second: [Character]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...second.count)
    for (row, letter) in first.enumerated() {
      var current = [row + 1]
      current.reserveCapacity(second.count + 1)
      for (column, other) in second.enumerated() {
        var distance = min(previous[column + 1], current[column]) + 1
        distance = min(distance, previous[column] + (letter == other ? 0 : 1))
        if row > 0, column > 0, letter == second[column - 1], first[row - 1] == other {
          distance = min(distance, beforePrevious[column - 1] + 1)
        }
        current.append(distance)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[second.count]
  }
}
