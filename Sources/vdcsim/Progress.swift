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

  /// Removes the line.
  func clear() {
    if isShown { writeError("\r" + String(repeating: " ", count: 32) + "\r") }
  }
}
