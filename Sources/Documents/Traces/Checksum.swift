/// A 64-bit checksum against damage, not against forgery: four lanes of multiplication and rotation, then a mix.
struct Checksum {
  private static let multiplier: UInt64 = 0x9e37_79b9_7f4a_7c15
  private var lanes: SIMD4<UInt64> = [1, 2, 3, 4]
  private var count: UInt64 = 0
  /// Up to 31 bytes that wait for more.
  private var rest: [UInt8] = []

  /// The checksum of some bytes.
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var checksum = Checksum()
    checksum.add(bytes)
    return checksum.value
  }

  /// Adds bytes; how they are cut into pieces makes no difference.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    count &+= UInt64(bytes.count)
    var position = 0
    if !rest.isEmpty {
      let needed = min(32 - rest.count, bytes.count)
      rest.append(contentsOf: bytes[..<needed])
      position = needed
      guard rest.count == 32 else { return }
      let block = rest
      block.withUnsafeBytes { add(block: $0.baseAddress!) }
      rest.removeAll(keepingCapacity: true)
    }
    while bytes.count - position >= 32 {
      add(block: bytes.baseAddress! + position)
      position += 32
    }
    rest.append(contentsOf: bytes[position...])
  }

  /// Adds a text and its end.
  mutating func add(_ text: String) {
    var text = text
    text.append("\0")
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  private mutating func add(block: UnsafeRawPointer) {
    let words = block.loadUnaligned(as: SIMD4<UInt64>.self)
    let mixed = (lanes ^ words) &* SIMD4(repeating: Self.multiplier)
    lanes = (mixed &<< 29) | (mixed &>> 35)
  }

  /// The checksum of what was added so far.
  var value: UInt64 {
    var copy = self
    if !copy.rest.isEmpty {
      let block = copy.rest + [UInt8](repeating: 0, count: 32 - copy.rest.count)
      block.withUnsafeBytes { copy.add(block: $0.baseAddress!) }
    }
    var value = copy.count
    for lane in 0..<4 {
      value = (value ^ copy.lanes[lane]) &* Self.multiplier
      value ^= value >> 32
    }
    return value
  }
}
