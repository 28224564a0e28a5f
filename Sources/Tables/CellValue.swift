/// The value of one cell of a table.
public enum CellValue: Sendable, Hashable {
  /// Unicode text; the empty text is a value, not the lack of one.
  case text(String)
  /// A whole number.
  case integer(Int64)
  /// A finite number.
  case real(Double)
  /// The exact decimal `value` × 10^-`scale`, `scale` being 0 to 18: nanoseconds with scale 9 are seconds.
  case decimal(value: Int64, scale: Int)
  /// No value.
  case empty

  /// Returns whether a column of `type` can hold the value.
  ///
  /// Every column takes an empty cell; a real column takes integers and decimals as well, which stay exact. Reals must
  /// be finite and scales within 0 to 18.
  public func fits(_ type: ColumnType) -> Bool {
    switch (self, type) {
    case (.empty, _), (.text, .text), (.integer, .integer), (.integer, .real): true
    case (.real(let value), .real): value.isFinite
    case (.decimal(_, let scale), .real): 0...18 ~= scale
    default: false
    }
  }
}
