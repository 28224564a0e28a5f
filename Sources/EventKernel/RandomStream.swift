/// A stream of random numbers that belongs to one purpose of one entity in one replication.
///
/// The numbers are Philox4x32-10 of a key and a counter:
///
/// | word | holds |
/// |---|---|
/// | key 0, 1 | low and high half of the seed |
/// | counter 0 | block index, bits 0 to 31 |
/// | counter 1 | purpose (low half), block index bits 32 to 47 (high half) |
/// | counter 2 | entity |
/// | counter 3 | replication |
///
/// Under one seed, two streams that differ in replication, entity or purpose never use the same counter, and the
/// generator maps counters one to one: streams are disjoint, and no stream depends on which others exist. A stream has
/// 2^48 blocks of four 32-bit words.
///
/// All methods give the same bits on every x86-64 processor.
public struct RandomStream: Sendable {
  private let seed: UInt64
  private let replication: UInt32
  private let entity: UInt32
  private let purpose: UInt16
  /// Words of the current block that are used up.
  private var used: UInt8 = 4
  private var block: UInt64 = 0
  /// The current block, words 0 and 1 and words 2 and 3, the earlier word in the low half.
  private var firstWords: UInt64 = 0
  private var secondWords: UInt64 = 0

  /// Creates the stream of one purpose of one entity in one replication, at its beginning.
  public init(seed: UInt64, replication: UInt32, entity: UInt32, purpose: UInt16) {
    self.seed = seed
    self.replication = replication
    self.entity = entity
    self.purpose = purpose
  }

  /// 32 random bits.
  public mutating func nextUInt32() -> UInt32 {
    if used == 4 { refill() }
    let pair = used < 2 ? firstWords : secondWords
    let word = UInt32(truncatingIfNeeded: pair >> (UInt64(used & 1) << 5))
    used &+= 1
    return word
  }

  /// 64 random bits: the next two words, the earlier one in the low half.
  public mutating func nextUInt64() -> UInt64 {
    if used == 2 {
      used = 4
      return secondWords
    }
    if used & 1 == 1 { return nextUInt64FromOddPosition() }
    if used == 4 { refill() }
    used = 2
    return firstWords
  }

  // Rare, and apart so that the usual way stays short.
  @inline(never)
  private mutating func nextUInt64FromOddPosition() -> UInt64 {
    let low = nextUInt32()
    return UInt64(nextUInt32()) << 32 | UInt64(low)
  }

  /// A uniform deviate in the open interval (0, 1): a multiple of 2^-53, each with the same probability.
  public mutating func nextUniform() -> Double {
    while true {
      let bits = nextUInt64() >> 11
      if bits != 0 { return Double(Int64(bitPattern: bits)) * 0x1p-53 }
    }
  }

  /// An integer in 0..<bound, each with exactly the same probability (Lemire's multiplication with rejection).
  ///
  /// - Parameter bound: above zero.
  public mutating func nextInteger(below bound: Int) -> Int {
    precondition(bound > 0, "a random integer needs a bound above zero")
    let range = UInt64(bound)
    var product = nextUInt64().multipliedFullWidth(by: range)
    if product.low < range {
      // The lowest 2^64 mod range fractions are the surplus that would favour some results.
      let surplus = (0 &- range) % range
      while product.low < surplus { product = nextUInt64().multipliedFullWidth(by: range) }
    }
    return Int(product.high)
  }

  @inline(never)
  private mutating func refill() {
    let words = Philox.words(
      counter: (
        UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32) << 16 | UInt32(purpose), entity,
        replication
      ),
      key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    firstWords = UInt64(words.1) << 32 | UInt64(words.0)
    secondWords = UInt64(words.3) << 32 | UInt64(words.2)
    block &+= 1
    used = 0
  }
}
