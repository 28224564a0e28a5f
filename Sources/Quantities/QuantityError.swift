/// Says why a text is not the number or the quantity that was expected.
///
/// The message is a complete phrase without a trailing full stop. The text it quotes is cut to 40 characters, and
/// control characters in it are replaced, so that it can be printed anywhere.
public struct QuantityError: Error, Equatable, CustomStringConvertible {
  /// What was expected and what was found.
  public let message: String

  /// Creates an error that says `message`.
  public init(message: String) {
    self.message = message
  }

  /// The message.
  public var description: String { message }
}

extension QuantityError {
  /// Puts `text` between single quotes, shortened and without control characters.
  static func quoted(_ text: String) -> String {
    let limit = 40
    var result = "'"
    for (index, scalar) in text.unicodeScalars.enumerated() {
      guard index < limit else {
        result += "..."
        break
      }
      result.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
    }
    return result + "'"
  }
}
