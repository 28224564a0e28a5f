import CGSL

extension RandomStream {
  /// Lets the GNU Scientific Library draw from this stream, for its distributions that have no counterpart here.
  ///
  /// The library's integers are `nextUInt32`, its uniform deviates `nextUniform`. Its distributions use the C library's
  /// elementary functions: the last bits of their results depend on the processor, unlike those of this type's own
  /// methods.
  ///
  /// - Parameter body: draws, for example with `gsl_ran_beta`. The generator is valid only within; `body` must not seed
  ///   or copy it.
  public mutating func withLibraryGenerator<Result>(
    _ body: (UnsafePointer<gsl_rng>) throws -> Result
  ) rethrows -> Result {
    try withUnsafeMutablePointer(to: &self) { stream in
      var generator = gsl_rng(type: RandomStream.libraryType.pointer, state: stream)
      return try body(&generator)
    }
  }

  /// The description of a generator that the library asks for, at an address that stays.
  private struct LibraryType: @unchecked Sendable {
    let pointer: UnsafePointer<gsl_rng_type>

    init() {
      // Otherwise errors in the library would end the process.
      gsl_set_error_handler_off()
      let name = UnsafeRawPointer(("philox4x32-10" as StaticString).utf8Start).assumingMemoryBound(to: CChar.self)
      let type = UnsafeMutablePointer<gsl_rng_type>.allocate(capacity: 1)
      type.initialize(
        to: gsl_rng_type(
          name: name, max: UInt(UInt32.max), min: 0, size: MemoryLayout<RandomStream>.size,
          // Streams are named, not seeded.
          set: { _, _ in },
          get: { UInt($0!.assumingMemoryBound(to: RandomStream.self).pointee.nextUInt32()) },
          get_double: { $0!.assumingMemoryBound(to: RandomStream.self).pointee.nextUniform() }))
      pointer = UnsafePointer(type)
    }
  }

  private static let libraryType = LibraryType()
}
