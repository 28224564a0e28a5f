import Statistics

/// log(n!) - log(√(2πn) (n/e)^n) for an integer n from 1.
func stirlingRemainder(_ n: Double) -> Double {
  if n < 16 {
    var factorial = 1.0
    var factor = 2.0
    while factor <= n {
      factorial *= factor
      factor += 1
    }
    let halfLogTwoPi = 0.9189385332046728
    return PortableMath.log(factorial) - (halfLogTwoPi + (n + 0.5) * PortableMath.log(n) - n)
  }
  let square = n * n
  return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / square) / square) / square) / square) / n
}

/// count × log(count / mean) + mean - count for a count from 0, without cancellation where the two are close.
func deviance(_ count: Double, _ mean: Double) -> Double {
  if count == 0 { return mean }
  let difference = count - mean
  guard difference.magnitude < 0.1 * (count + mean) else {
    return count * PortableMath.log(count / mean) - difference
  }
  let ratio = difference / (count + mean)
  let square = ratio * ratio
  var sum = difference * ratio
  var term = 2 * count * ratio
  var odd = 3.0
  while true {
    term *= square
    let next = sum + term / odd
    if next == sum { return sum }
    sum = next
    odd += 2
  }
}
