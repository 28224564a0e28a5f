/// Erlang's formulas for systems of equal servers with Poisson arrivals.
public enum Erlang {
  /// The probability that an arrival finds all servers busy and is lost (M/G/c/c).
  ///
  /// - Parameters:
  ///   - servers: number of servers, at least 0.
  ///   - offeredLoad: arrival rate times mean service time, in erlangs; at least 0, finite.
  /// - Complexity: O(servers)
  public static func b(servers: Int, offeredLoad: Double) -> Double {
    precondition(servers >= 0, "a number of servers is not negative")
    precondition(offeredLoad >= 0 && offeredLoad < .infinity, "an offered load is finite and not negative")
    var blocking = 1.0
    for server in 0..<servers {
      blocking = offeredLoad * blocking / (Double(server + 1) + offeredLoad * blocking)
    }
    return blocking
  }

  /// The probability that an arrival has to wait (M/M/c); 1 when the load is not below the number of servers.
  ///
  /// - Parameters:
  ///   - servers: number of servers, at least 0.
  ///   - offeredLoad: arrival rate times mean service time, in erlangs; at least 0, finite.
  /// - Complexity: O(servers)
  public static func c(servers: Int, offeredLoad: Double) -> Double {
    let blocking = b(servers: servers, offeredLoad: offeredLoad)
    guard offeredLoad < Double(servers) else { return 1 }
    return blocking / (1 - offeredLoad / Double(servers) * (1 - blocking))
  }
}
