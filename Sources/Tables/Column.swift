/// The kind of value a column holds.
public enum ColumnType: Sendable, Hashable {
  /// Unicode text.
  case text
  /// Whole numbers in the range of `Int64`.
  case integer
  /// Numbers with a fraction, binary or exact decimal.
  case real
}

/// A column of a table: what it is called, what it holds and what that means.
public struct Column: Sendable, Hashable {
  /// The name in the header row; it carries the unit, such as `latency_seconds`.
  public let name: String
  /// The kind of value.
  public let type: ColumnType
  /// The unit of the values, such as `seconds`; nil for text and plain counts.
  public let unit: String?
  /// What the values say, in one phrase for the documentation of the table.
  public let meaning: String

  /// Creates a column; `name` must not be empty.
  public init(name: String, type: ColumnType, unit: String? = nil, meaning: String) {
    precondition(!name.isEmpty, "a column needs a name")
    self.name = name
    self.type = type
    self.unit = unit
    self.meaning = meaning
  }
}

/// The columns of a table and its name.
public struct TableSchema: Sendable, Hashable {
  /// The name of the table, which is also its file's name without `.csv`.
  public let name: String
  /// The columns from left to right; their names differ.
  public let columns: [Column]

  /// Creates a schema; it needs at least one column, and no two of the same name.
  public init(name: String, columns: [Column]) {
    precondition(!columns.isEmpty, "table \(name) has no columns")
    precondition(Set(columns.map(\.name)).count == columns.count, "table \(name) has two columns of the same name")
    self.name = name
    self.columns = columns
  }
}
