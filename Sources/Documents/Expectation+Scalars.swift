import Quantities
import Virtualization

extension Expectation where Value == DocumentNode {
  /// Any node, to be read further by its reader.
  static func node(_ text: String) -> Expectation { Expectation(text) { _, node in node } }
}

extension Expectation where Value == String {
  /// Free text, which may be long.
  static var prose: Expectation { .scalar("text") { $0 } }

  /// A name: 1 to 128 characters, none of them a control character.
  static var name: Expectation {
    let text = "a name of 1 to 128 characters without control characters"
    let name = Expectation.scalar("a name") { $0 }.accepting(text) { name in
      (1...128).contains(name.unicodeScalars.count)
        && !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
    return Expectation("a name", read: name.read)
  }

  /// A name of a VM, a host or the like: letters, digits, `-`, `_`, `.` and spaces.
  static var label: Expectation {
    let label = name.accepting("a name of letters, digits, '-', '_', '.' and spaces") { name in
      name.allSatisfy { $0.isLetter || $0.isNumber || "-_. ".contains($0) }
    }
    return Expectation("a name", read: label.read)
  }

  /// One of several words; `what` names them without an article.
  static func word(_ what: String, among words: [String]) -> Expectation {
    Expectation(Wording.alternatives(words)) { reader, node in
      guard case .text(let word) = node.content else {
        reader.error(at: node.location, "expected \(Wording.alternatives(words)), found \(node.found)")
        return nil
      }
      guard words.contains(word) else {
        reader.error(at: node.location, Wording.unknown(what, word, among: words))
        return nil
      }
      return word
    }
  }
}

extension Expectation where Value: RawRepresentable, Value: CaseIterable, Value.RawValue == String {
  /// A case by its raw value; `what` names the cases without an article.
  static func choice(_ what: String) -> Expectation {
    let word = Expectation<String>.word(what, among: Value.allCases.map(\.rawValue))
    return Expectation(word.text) { reader, node in word.read(&reader, node).flatMap(Value.init(rawValue:)) }
  }
}

extension Expectation where Value == Int64 {
  /// An integer in a range.
  static func integer(in range: ClosedRange<Int64>) -> Expectation {
    let text = "an integer from \(range.lowerBound) to \(range.upperBound)"
    return Expectation.scalar(text, parse: Number.parseInteger).accepting(text) { range.contains($0) }
  }
}

extension Expectation where Value == Int {
  /// An integer in a range.
  static func integer(in range: ClosedRange<Int>) -> Expectation {
    let integer = Expectation<Int64>.integer(in: Int64(range.lowerBound)...Int64(range.upperBound))
    return Expectation(integer.text) { reader, node in integer.read(&reader, node).map { Int($0) } }
  }
}

extension Expectation where Value == Double {
  /// A real number that is `accepted`; the text says which.
  static func real(_ text: String, _ accepted: @escaping (Double) -> Bool) -> Expectation {
    Expectation.scalar(text, parse: Number.parseReal).accepting(text, accepted)
  }

  /// A share.
  static var share: Expectation { real("a number from 0 to 1") { (0...1).contains($0) } }
  /// A part of a whole that is not nothing.
  static var positiveShare: Expectation { real("a number above 0, at most 1") { $0 > 0 && $0 <= 1 } }

  /// A real number of 0 or more that counts something.
  static var count: Expectation { real("a number from 0 to 1000000000") { (0...1e9).contains($0) } }
}

extension Expectation where Value == Bool {
  /// Yes or no.
  static var flag: Expectation {
    let word = Expectation<String>.word("value", among: ["true", "false"])
    return Expectation(word.text) { reader, node in word.read(&reader, node).map { $0 == "true" } }
  }
}

extension Expectation where Value == TimeSpan {
  /// A time of 0 or more.
  static var time: Expectation { .scalar("a time such as 10 s", parse: TimeSpan.parse) }
  /// A time above 0.
  static var positiveTime: Expectation { time.accepting("a time above 0") { $0 > .zero } }
}

extension Expectation where Value == ByteCount {
  /// A size of 0 or more.
  static var size: Expectation { .scalar("a size such as 4 GiB", parse: ByteCount.parse) }
  /// A size above 0.
  static var positiveSize: Expectation { size.accepting("a size above 0") { $0 > .zero } }

  /// The size of a page.
  static var page: Expectation {
    let sizes = [ByteCount(bytes: BasePage.bytes), ByteCount(bytes: 2 << 20), ByteCount(bytes: 1 << 30)]
    let text = Wording.alternatives(sizes.map(\.description))
    return Expectation.scalar(text, parse: ByteCount.parse).accepting(text) { sizes.contains($0) }
  }
}

extension Expectation where Value == Frequency {
  /// A frequency above 0.
  static var frequency: Expectation {
    Expectation.scalar("a frequency such as 2.5 GHz", parse: Frequency.parse)
      .accepting("a frequency above 0") { $0.hertz > 0 }
  }
}

extension Expectation where Value == BitRate {
  /// A bit rate above 0.
  static var bitRate: Expectation {
    Expectation.scalar("a bit rate such as 10 Gbit/s", parse: BitRate.parse)
      .accepting("a bit rate above 0") { $0.bitsPerSecond > 0 }
  }
}

extension Expectation where Value == Rate {
  /// A rate of 0 or more.
  static var rate: Expectation { .scalar("a rate such as 500/s", parse: Rate.parse) }
  /// A rate above 0.
  static var positiveRate: Expectation { rate.accepting("a rate above 0") { $0.perSecond > 0 } }
  /// A rate of arrivals: above 0, and no more than one in each nanosecond, which is the unit of times in documents.
  static var arrivalRate: Expectation {
    rate.accepting("a rate above 0, at most 1000000000/s") { $0.perSecond > 0 && $0.perSecond <= 1e9 }
  }
}

extension Expectation where Value == Cost {
  /// A cost in time or cycles.
  static var cost: Expectation { .scalar("a cost such as 0.5 us or 1300 cycles", parse: Cost.parse) }
}

extension Expectation {
  /// A list with at least `minimum` items; items with faults are left out.
  static func list<Item>(
    of item: Expectation<Item>, _ text: String, minimum: Int = 0
  ) -> Expectation where Value == [Item] {
    Expectation(text) { reader, node in
      guard case .list(let nodes) = node.content else {
        reader.error(at: node.location, "expected a list, found \(node.found)")
        return nil
      }
      if nodes.count < minimum {
        reader.error(at: node.location, "expected \(text), found \(nodes.isEmpty ? node.found : "\(nodes.count)")")
      }
      return nodes.compactMap { reader.read($0, item) }
    }
  }
}
