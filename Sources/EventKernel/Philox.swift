/// The counter-based generator Philox4x32-10 of Salmon, Moraes, Dror and Shaw ("Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011): a bijection of 128-bit counters for each 64-bit key.
enum Philox {
  /// The four random words that belong to a counter under a key.
  @inline(__always)
  static func words(
    counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var (word0, word1, word2, word3) = counter
    var (key0, key1) = key
    for _ in 0..<10 {
      let product0 = 0xd251_1f53 &* UInt64(word0)
      let product1 = 0xcd9e_8d57 &* UInt64(word2)
      word0 = UInt32(truncatingIfNeeded: product1 >> 32) ^ word1 ^ key0
      word1 = UInt32(truncatingIfNeeded: product1)
      word2 = UInt32(truncatingIfNeeded: product0 >> 32) ^ word3 ^ key1
      word3 = UInt32(truncatingIfNeeded: product0)
      key0 &+= 0x9e37_79b9
      key1 &+= 0xbb67_ae85
    }
    return (word0, word1, word2, word3)
  }
}
