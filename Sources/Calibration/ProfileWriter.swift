import Virtualization

/// Writes a calibration as the document of a cost profile.
public struct ProfileWriter: Sendable {
  /// The profile's name.
  public let name: String
  /// The profile that prices what was not measured.
  public let base: String
  /// The steps that may be priced.
  public let catalogue: StepCatalogue

  /// The first line of every profile that calibration writes.
  public static let marker = "# Written by vdcsim calibrate"

  /// Creates a writer.
  public init(name: String, base: String, catalogue: StepCatalogue) {
    self.name = name
    self.base = base
    self.catalogue = catalogue
  }

  /// The document.
  public func text(of calibration: Calibration) -> String {
    let machine = calibration.machine
    let model = machine.cpuModel ?? "unknown processor"
    var lines = [
      "\(Self.marker) on \(Self.plain(machine.date ?? "an unknown date")).",
      "# Steps that are not listed here are inherited from the profile '\(Self.plain(base))'.",
      "profile: \(Self.quoted(name))",
      "title: \(Self.quoted("measured on \(model), Linux \(machine.kernel ?? "of unknown version")"))",
      "backend: \(machine.backend)",
      "base: \(Self.quoted(base))",
      "frequency: \(Self.decimal(Double(machine.tscKilohertz) / 1e6, digits: 6)) GHz",
      "processors: [\(Self.quoted(model))]",
      "provenance:",
    ]
    lines += provenance(of: calibration)
    lines.append("steps:")
    let prices = calibration.prices(catalogue: catalogue)
    for (step, estimate) in prices {
      lines += [
        "  \(step):",
        "    mean: \(Self.decimal(estimate.nanoseconds)) ns",
        "    kind: measured",
        "    source: \(Self.quoted(source(of: estimate, calibration)))",
      ]
      let (low, high) = (Self.decimal(estimate.interval.lowerBound), Self.decimal(estimate.interval.upperBound))
      lines.append("    range: [\(low) ns, \(high) ns]")
    }
    let factors = calibration.summaries.translationFactors
    for factor in factors { lines += expansion(by: factor, calibration) }
    if prices.isEmpty && factors.isEmpty { lines[lines.count - 1] = "steps: {}" }
    let rest = calibration.unpriced(catalogue: catalogue)
    if !rest.isEmpty {
      lines.append(
        "# Determined only together, or with a standard error above a quarter of the cost; not used as prices:")
      lines.append("x-composites:")
      for estimate in rest {
        lines.append("  \(Self.quoted(estimate.column.name)): \(Self.decimal(estimate.nanoseconds)) ns")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What a microsecond of native work takes more under the translator, as the price of the step that stands for it.
  private func expansion(by factor: TranslationFactor, _ calibration: Calibration) -> [String] {
    let step = "translated_\(factor.name)"
    guard catalogue[step] != nil, factor.factor >= 1 else { return [] }
    let machine = calibration.machine
    func added(_ value: Double) -> String { Self.decimal(max(0, value - 1) * 1000) }
    return [
      "  \(step):",
      "    mean: \(added(factor.factor)) ns",
      "    kind: measured",
      "    source: \(Self.quoted("vdcsim calibrate, QEMU's translator against native, \(machine.date ?? "no date"), \(machine.cpuModel ?? "unknown processor")"))",
      "    range: [\(added(factor.range.lowerBound)) ns, \(added(factor.range.upperBound)) ns]",
    ]
  }

  private func source(of estimate: StepFit.Estimate, _ calibration: Calibration) -> String {
    let machine = calibration.machine
    let probes =
      estimate.probes.count > 4
      ? "\(estimate.probes.prefix(3).joined(separator: ", ")) and \(estimate.probes.count - 3) more"
      : estimate.probes.joined(separator: ", ")
    return "vdcsim calibrate, probe\(estimate.probes.count == 1 ? "" : "s") \(probes), \(machine.date ?? "no date"), "
      + "\(machine.cpuModel ?? "unknown processor"), backend \(machine.backend), standard error "
      + "\(Self.decimal(estimate.standardError)) ns"
  }

  private func provenance(of calibration: Calibration) -> [String] {
    let machine = calibration.machine
    var facts: [(String, String)] = []
    func add(_ name: String, _ value: String?) {
      if let value, !value.isEmpty { facts.append((name, Self.quoted(value))) }
    }
    add("date", machine.date)
    add("backend", machine.backend)
    add("paging", Calibration.paging(of: machine))
    add("cpu", machine.cpuModel)
    let signature = [machine.family, machine.model, machine.stepping].compactMap { $0?.text }
    add("family_model_stepping", signature.joined(separator: "/"))
    add("microcode", machine.microcode)
    add("kernel", machine.kernel)
    add("kvm_api", machine.kvmAPI.map(String.init))
    add("is_guest", machine.isGuest.map { $0 ? "yes: the host is itself a guest" : "no" })
    add("smt", machine.smt)
    add("governor", machine.governor)
    add("cpus", machine.cpus.map(String.init))
    add("load_before", machine.load.map { Self.decimal($0.one) })
    add("load_after", calibration.end?.load.map { Self.decimal($0.one) })
    add("steal_ms", calibration.end?.stealMilliseconds.map { Self.decimal($0) })
    add("seconds", calibration.end?.seconds.map { Self.decimal($0, digits: 1) })
    let summaries = calibration.summaries
    add("samples_kept", "\(summaries.reduce(0) { $0 + $1.kept })")
    add("samples_preempted", "\(summaries.reduce(0) { $0 + $1.droppedByRunner })")
    add("samples_in_slow_phases", "\(summaries.reduce(0) { $0 + $1.droppedSlow })")
    add("probes_measured", "\(summaries.count { $0.isUsable })")
    add("probes_skipped", "\(summaries.count { $0.skipped != nil })")
    add("probes_failed", "\(summaries.count { $0.counterCheck == .failed })")
    add("probes_unstable", "\(summaries.count { $0.isStable == false })")
    add("condition", calibration.fit.map { Self.decimal($0.condition) })
    for factor in summaries.translationFactors {
      let (low, high) = (
        Self.decimal(factor.range.lowerBound, digits: 2), Self.decimal(factor.range.upperBound, digits: 2)
      )
      add("translation_factor_\(factor.name)", "\(Self.decimal(factor.factor, digits: 2)) (\(low) to \(high))")
    }
    var lines = facts.map { "  \($0.0): \($0.1)" }
    for (title, mapping) in [("kvm_parameters", machine.kvmParameters), ("mitigations", machine.mitigations)] {
      guard let mapping, !mapping.isEmpty else { continue }
      lines.append("  \(title):")
      lines += mapping.sorted { $0.key < $1.key }.map { "    \(Self.quoted($0.key)): \(Self.quoted($0.value))" }
    }
    return lines
  }

  /// Text as a double-quoted YAML scalar.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      // Control characters have no place in a document.
      case _ where scalar.properties.generalCategory == .control: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// Text for a comment: one line.
  private static func plain(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0 })
  }

  /// A number with a fixed number of decimals, without trailing zeros.
  static func decimal(_ value: Double, digits: Int = 3) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    guard value.isFinite, abs(value) < 9e15 / scale else { return "\(value)" }
    let scaled = Int64((value * scale).rounded())
    var fraction = String(scaled.magnitude % UInt64(scale))
    fraction = String(repeating: "0", count: digits - fraction.count) + fraction
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return (scaled < 0 ? "-" : "") + "\(scaled.magnitude / UInt64(scale))" + (fraction.isEmpty ? "" : ".\(fraction)")
  }
}
