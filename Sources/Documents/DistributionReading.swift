import EventKernel
import Quantities
import Virtualization

extension Expectation where Value == Distribution {
  /// The distributions by name, with the keys that each needs.
  private static var families: [(name: String, keys: [String])] {
    [
      ("deterministic", ["mean"]), ("uniform", ["from", "to"]), ("exponential", ["mean"]),
      ("erlang", ["mean", "stages"]), ("gamma", ["mean", "cv"]), ("hyperexponential", ["mean", "cv"]),
      ("lognormal", ["mean", "cv"]), ("weibull", ["mean", "cv"]), ("pareto", ["mean", "cv"]),
      ("normal", ["mean", "deviation"]),
    ]
  }

  /// The distribution of a service time, in nanoseconds.
  static var serviceTime: Expectation {
    Expectation("a mapping with distribution and mean") { reader, node in
      let known = families.map(\.name)
      guard case .text(let family)? = node["distribution"]?.content,
        let keys = families.first(where: { $0.name == family })?.keys
      else {
        let all = ["distribution", "mean", "from", "to", "stages", "cv", "deviation"]
        guard let fields = reader.fields(of: node, in: "a service time", known: all) else { return nil }
        _ = reader.required("distribution", in: fields, .word("distribution", among: known))
        return nil
      }
      let subject = "\(["erlang", "exponential"].contains(family) ? "an" : "a") \(family) service time"
      guard let fields = reader.fields(of: node, in: subject, known: ["distribution"] + keys) else { return nil }
      return reader.serviceTime(family, fields)
    }
  }
}

extension DocumentReader {
  fileprivate mutating func serviceTime(_ family: String, _ fields: Fields) -> Distribution? {
    guard family != "uniform" else { return uniform(fields) }
    let mean = required("mean", in: fields, .positiveTime).map { Double($0.nanoseconds) }
    switch family {
    case "erlang":
      let stages = required("stages", in: fields, .integer(in: 1...10_000))
      guard let mean, let stages else { return nil }
      return .erlang(shape: stages, mean: mean)
    case "gamma", "lognormal", "weibull", "pareto":
      let variation = required("cv", in: fields, .real("a number above 0, at most 1000") { $0 > 0 && $0 <= 1000 })
      guard let mean, let variation else { return nil }
      switch family {
      case "gamma": return .gamma(mean: mean, coefficientOfVariation: variation)
      case "weibull": return .weibull(mean: mean, coefficientOfVariation: variation)
      case "pareto": return .pareto(mean: mean, coefficientOfVariation: variation)
      default: return .lognormal(mean: mean, coefficientOfVariation: variation)
      }
    case "normal":
      let deviation = required("deviation", in: fields, .positiveTime).map { Double($0.nanoseconds) }
      guard let mean, let deviation else { return nil }
      return .truncatedNormal(parentMean: mean, parentStandardDeviation: deviation)
    case "hyperexponential":
      let variation = required("cv", in: fields, .real("a number above 1, at most 1000") { $0 > 1 && $0 <= 1000 })
      guard let mean, let variation else { return nil }
      return .hyperexponential(mean: mean, coefficientOfVariation: variation)
    default:
      return mean.map { family == "exponential" ? .exponential(mean: $0) : .deterministic(mean: $0) }
    }
  }

  private mutating func uniform(_ fields: Fields) -> Distribution? {
    let from = required("from", in: fields, .time)
    let to = required("to", in: fields, Expectation<TimeSpan>.positiveTime.located)
    guard let from, let to else { return nil }
    guard from < to.value else {
      error(at: to.location, "expected a time above \(from), where the distribution begins; found \(to.value)")
      return nil
    }
    return .uniform(lower: Double(from.nanoseconds), upper: Double(to.value.nanoseconds))
  }
}
