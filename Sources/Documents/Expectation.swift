import Quantities
import Virtualization

/// What is expected at one place of a document, and how it is read.
struct Expectation<Value> {
  /// The expectation with its article, as messages say it: `an integer from 1 to 64`.
  let text: String
  /// Reads a node; records what is wrong and returns nil.
  let read: (inout DocumentReader, DocumentNode) -> Value?

  init(_ text: String, read: @escaping (inout DocumentReader, DocumentNode) -> Value?) {
    self.text = text
    self.read = read
  }
}

/// A value with its place.
struct Located<Value> {
  let value: Value
  let location: SourceLocation
}

extension Expectation {
  /// The same value together with its place.
  var located: Expectation<Located<Value>> {
    Expectation<Located<Value>>(text) { [read] reader, node in
      read(&reader, node).map { Located(value: $0, location: node.location) }
    }
  }

  /// A scalar that `parse` turns into a value; a wrong scalar gets the message of its error.
  static func scalar(
    _ text: String, parse: @escaping (String) throws(QuantityError) -> Value
  ) -> Expectation {
    Expectation(text) { reader, node in
      guard case .text(let scalar) = node.content else {
        reader.error(at: node.location, "expected \(text), found \(node.found)")
        return nil
      }
      do throws(QuantityError) {
        return try parse(scalar)
      } catch {
        reader.error(at: node.location, error.message)
        return nil
      }
    }
  }

  /// The same expectation, but only of values that are `accepted`.
  func accepting(_ text: String, _ accepted: @escaping (Value) -> Bool) -> Expectation {
    Expectation(text) { [read] reader, node in
      guard let value = read(&reader, node) else { return nil }
      guard accepted(value) else {
        reader.error(at: node.location, "expected \(text), found \(node.found)")
        return nil
      }
      return value
    }
  }
}
