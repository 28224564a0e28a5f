/// A table in memory: a schema and rows that fit it, in the order they were appended.
public struct Table: Sendable, Hashable {
  /// The name and the columns.
  public let schema: TableSchema
  /// The rows, each with one cell per column.
  public private(set) var rows: [[CellValue]] = []

  /// Creates a table without rows.
  public init(schema: TableSchema) {
    self.schema = schema
  }

  /// Adds a row at the end; it must have one cell per column, each of the column's type (see `CellValue.fits`).
  ///
  /// The cost is O(columns), amortized.
  public mutating func append(_ row: [CellValue]) {
    precondition(
      row.count == schema.columns.count,
      "a row of table \(schema.name) has \(row.count) cells for \(schema.columns.count) columns")
    for (cell, column) in zip(row, schema.columns) {
      precondition(cell.fits(column.type), "\(cell) does not fit column \(column.name) of table \(schema.name)")
    }
    rows.append(row)
  }
}
