import Experiments
import Model
import TextTable

/// The summary on standard output.
enum SummaryText {
  private struct Line {
    let design: String
    let values: [String]
  }

  private static let headers = ["req/s", "p50", "p99", "overhead", "exits/req", "assumed"]

  private static let fleetHeaders = ["kWh", "moves", "unserved", "utilized", "overhead", "assumed", "PDMxSLATAH"]

  /// A table of one line per design, means over replications, at most 80 columns wide.
  static func table(_ results: [RunResult]) -> String {
    let isFleet = results.contains { $0.fleet != nil }
    var designs: [String] = []
    for result in results where !designs.contains(result.design) { designs.append(result.design) }
    let lines = designs.map { design in
      let own = results.filter { $0.design == design }
      func mean(_ metric: SummaryMetric) -> Double? {
        let values = own.compactMap { $0.value(of: metric) }
        return values.count == own.count && !values.isEmpty ? values.reduce(0, +) / Double(values.count) : nil
      }
      return Line(
        design: shortened(design, to: isFleet ? 18 : 26),
        values: isFleet
          ? [
            kilowattHours(mean(.energy)), number(mean(.migrations)), percent(mean(.unserved)),
            percent(mean(.utilization)),
            percent(mean(.virtualizationOverhead)), percent(mean(.overheadAssumed)),
            scientific(mean(.slaViolation)),
          ]
          : [
            number(mean(.throughput)), time(mean(.latencyP50)), time(mean(.latencyP99)),
            percent(mean(.virtualizationOverhead)), decimal(mean(.exitsPerRequest)), percent(mean(.overheadAssumed)),
          ])
    }
    let table = TextTable<Line> { line in
      [Column(title: "design", value: line.design, align: .left)]
        + zip(isFleet ? fleetHeaders : headers, line.values).map { Column(title: $0, value: $1, align: .right) }
    }
    return table.string(for: lines, style: Style.simple) ?? ""
  }

  /// All summary rows as JSON.
  static func json(_ results: [RunResult]) -> String {
    let rows = results.flatMap { result in result.summary.map { object(result, $0) } }
    return "[\n" + rows.joined(separator: ",\n") + "\n]"
  }

  private static func object(_ result: RunResult, _ row: SummaryRow) -> String {
    let fields: [(String, String)] = [
      ("scenario", Manifest.quoted(result.scenario)), ("design", Manifest.quoted(result.design)),
      ("profile", Manifest.quoted(result.profile)), ("replication", "\(result.replication)"),
      ("metric", Manifest.quoted(row.metric.name)), ("value", "\(row.value)"), ("unit", Manifest.quoted(row.unit)),
      ("workload", Manifest.quoted(row.workload)),
    ]
    return "  {" + fields.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
  }

  private static func shortened(_ text: String, to width: Int) -> String {
    text.count <= width ? text : String(text.prefix(width - 1)) + "…"
  }

  private static func number(_ value: Double?) -> String {
    guard let value else { return "-" }
    return value >= 100 ? "\(Int64(value.rounded()))" : decimal(value)
  }

  static func decimal(_ value: Double?, digits: Int = 2) -> String {
    guard let value else { return "-" }
    let scale = (0..<digits).reduce(1.0) { product, _ in product * 10 }
    let scaled = Int64((abs(value) * scale).rounded())
    guard digits > 0 else { return (value < 0 ? "-" : "") + "\(scaled)" }
    let fraction = String(scaled % Int64(scale))
    let padding = String(repeating: "0", count: digits - fraction.count)
    return (value < 0 ? "-" : "") + "\(scaled / Int64(scale)).\(padding)\(fraction)"
  }

  private static func kilowattHours(_ value: Double?) -> String { decimal(value) }

  /// Parts per million, for ratios that percents cannot show.
  private static func scientific(_ value: Double?) -> String {
    value.map { decimal($0 * 1e6, digits: 1) + " ppm" } ?? "-"
  }

  private static func percent(_ value: Double?) -> String { value.map { decimal($0 * 100, digits: 1) + "%" } ?? "-" }

  private static func time(_ seconds: Double?) -> String {
    guard let seconds else { return "-" }
    if seconds < 1e-6 { return decimal(seconds * 1e9, digits: 1) + " ns" }
    if seconds < 1e-3 { return decimal(seconds * 1e6, digits: 1) + " us" }
    if seconds < 1 { return decimal(seconds * 1e3, digits: 2) + " ms" }
    return decimal(seconds, digits: 2) + " s"
  }
}
