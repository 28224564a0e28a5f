/// The table of probes of an earlier calibration, to compare with.
public struct EarlierRun: Sendable {
  private let medians: [String: Double]

  /// Reads `probes.csv`.
  ///
  /// - Throws: `EarlierRunError` for a file without the needed columns.
  public init(csv: [UInt8], path: String) throws(EarlierRunError) {
    let lines = String(decoding: csv, as: UTF8.self).split(whereSeparator: \.isNewline)
    let header = lines.first?.split(separator: ",", omittingEmptySubsequences: false) ?? []
    guard
      let name = header.firstIndex(of: "probe"), let ratio = header.firstIndex(of: "relative_to_control_ratio")
    else { throw EarlierRunError(path: path) }
    var medians: [String: Double] = [:]
    for line in lines.dropFirst() {
      // The two columns stand before the only one whose cells may be quoted.
      let cells = line.split(separator: ",", omittingEmptySubsequences: false)
      guard cells.count > max(name, ratio), let value = Double(cells[ratio]), value > 0 else { continue }
      medians[String(cells[name])] = value
    }
    self.medians = medians
  }

  /// A probe of both runs.
  public struct Change: Sendable, Hashable {
    /// The probe.
    public let probe: String
    /// Relative change of the median, relative to the control probe, since the earlier run.
    public let relative: Double
  }

  /// The probes that both runs have, with their changes.
  public func changes(to summaries: [ProbeSummary]) -> [Change] {
    summaries.compactMap { summary in
      guard let before = medians[summary.probe], let now = summary.relativeToControl else { return nil }
      return Change(probe: summary.probe, relative: now / before - 1)
    }
  }
}

/// The file is no table of probes.
public struct EarlierRunError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file.
  public let path: String
  /// What to tell the user.
  public var description: String { "\(path):1:1: error: expected the header of a table of probes" }
}
