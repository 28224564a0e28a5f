/// By what factor binary translation slows a class of instructions.
public struct TranslationFactor: Sendable, Hashable {
  /// The class: `integer`, `floating`, `memory`, `branches`.
  public let name: String
  /// Time of the loop under the translator, divided by its native time; medians of all samples.
  public let factor: Double
  /// The factor between the quartiles of both: the lower of the one over the upper of the other, and the reverse.
  public let range: ClosedRange<Double>
}

extension [ProbeSummary] {
  /// The factors of all classes whose loop was measured natively and under the translator, in the order of the probes.
  public var translationFactors: [TranslationFactor] {
    let prefix = "translation_"
    let native = "_native"
    return compactMap { summary in
      guard summary.probe.hasPrefix(prefix), summary.probe.hasSuffix(native), summary.isUsable else { return nil }
      let name = summary.probe.dropFirst(prefix.count).dropLast(native.count)
      guard let translated = first(where: { $0.probe == "\(prefix)\(name)_tcg" }), translated.isUsable,
        summary.quantile(0.25) > 0
      else { return nil }
      return TranslationFactor(
        name: String(name), factor: translated.quantile(0.5) / summary.quantile(0.5),
        range: translated.quantile(0.25)
          / summary.quantile(
            0.75)...translated.quantile(0.75) / summary.quantile(0.25))
    }
  }
}
