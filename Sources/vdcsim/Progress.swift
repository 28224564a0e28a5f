import Glibc

/// A progress line on standard error, only when that is a terminal.
struct Progress: Sendable {
  let isShown: Bool

  init(isQuiet: Bool) { isShown = !isQuiet && isatty(STDERR_FILENO) == 1 }

  /// Shows how many runs have ended.
  func update(done: Int, all: Int) {
    guard isShown else { return }
    writeError("\r\(done) of \(all) runs")
    if done == all { clear() }
  }

  /// Shows what is under way.
  func update(text: String) {
    guard isShown else { return }
    writeError("\r" + text + String(repeating: " ", count: max(0, 32 - text.count)))
  }

  /// Removes the line.
  func clear() {
    if isShown { writeError("\r" + String(repeating: " ", count: 32) + "\r") }
  }
}
