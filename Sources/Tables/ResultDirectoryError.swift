import Glibc

/// Says which path could not be written and why.
public struct ResultDirectoryError: Error, Equatable, CustomStringConvertible {
  /// The path as the user would name it.
  public let path: String
  /// Why it cannot be written: a phrase without a trailing full stop.
  public let reason: String

  /// Creates an error for `path`.
  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  /// `PATH: error: cannot write: REASON`; an empty path shows as two quotation marks.
  public var description: String { "\(path.isEmpty ? "''" : path): error: cannot write: \(reason)" }
}

extension ResultDirectoryError {
  /// Creates an error whose reason is the system's text for the error number `code`.
  init(path: String, code: Int32) {
    self.init(path: path, reason: String(cString: strerror(code)))
  }

  /// Returns the result of a system call, made again while signals interrupt it.
  ///
  /// - Throws: `ResultDirectoryError` about `path` when the call returns a negative number.
  @discardableResult
  static func check<Result: SignedInteger>(
    _ path: String, _ call: () -> Result
  ) throws(ResultDirectoryError) -> Result {
    while true {
      let result = call()
      if result >= 0 { return result }
      let code = errno
      if code != EINTR { throw ResultDirectoryError(path: path, code: code) }
    }
  }
}
