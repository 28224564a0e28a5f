import Quantities

/// Phrases that messages share.
enum Wording {
  /// The greatest number of characters of a document that a message quotes.
  static let longestQuotation = 40

  /// The text with control characters replaced, so that it can be printed anywhere.
  static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      result.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
    }
    return result
  }

  /// The text between single quotes, shortened and printable.
  static func quoted(_ text: String) -> String {
    let start = String(text.prefix(longestQuotation))
    return "'\(printable(start))\(start.utf8.count < text.utf8.count ? "..." : "")'"
  }

  /// `a`, `a or b`, `a, b or c`.
  static func alternatives(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " or " + last
  }

  /// What is said of a name that is not among those known: the nearest one, or else all of them.
  static func unknown(_ what: String, _ name: String, among known: [String]) -> String {
    let start = "unknown \(what) \(quoted(name))"
    if let hint = hint(name, among: known) { return start + hint }
    return known.isEmpty ? start : "\(start); expected \(alternatives(known))"
  }

  /// ` (did you mean 'x'?)`, or nil when nothing is near.
  static func hint(_ name: String, among known: [String]) -> String? {
    NearestName.nearest(to: name, among: known).map { " (did you mean \(quoted($0))?)" }
  }

  /// What is said of a key that scenarios may hold, but that is not simulated yet.
  static func notSimulated(_ key: String) -> String { "\(quoted(key)) is not simulated by this version" }
}
