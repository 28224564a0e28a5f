import Statistics

/// Which code of a guest a translator runs.
public enum TranslatedCode: Sendable, Hashable {
  /// None: the processor executes the guest's own code.
  case none
  /// The kernel's; user code runs as it is.
  case kernel
  /// All.
  case all

  /// The code that a value of the axis `cpu` translates.
  public init(axis value: String) {
    switch value {
    case "translated": self = .all
    case "kernel_translated": self = .kernel
    default: self = .none
    }
  }
}

/// The cache of translations that a design keeps for each VM.
public struct TranslationCache: Sendable, Hashable {
  /// Bytes of translated code; when it is full it is emptied as a whole.
  public let size: Double
  /// Bytes of translated code for an instruction of the guest.
  public let bytesPerInstruction: Double
  /// Where the figures come from.
  public let source: String

  /// Creates a cache. Both figures > 0.
  public init(size: Double, bytesPerInstruction: Double, source: String) {
    self.size = size
    self.bytesPerInstruction = bytesPerInstruction
    self.source = source
  }

  /// Instructions of the guest that have room.
  public var instructions: Double { size / bytesPerInstruction }
}

/// Instructions of a guest that its translator meets for the first time, as a function of the work done.
///
/// Code of `n` instructions is reached exponentially with the CPU time `w` of the guest: `n (1 − e^(−w/τ))`. A cache with
/// room for fewer instructions than there are is emptied each time that it is full, and the code is translated anew.
public struct CodeTranslation: Sendable, Hashable {
  private let programInstructions: Double
  private let programWarmUp: Double
  private let kernelInstructions: Double
  private let kernelWarmUp: Double
  /// Room of the cache, and the work in which it fills; infinite when everything fits.
  private let room: Double
  private let fillTime: Double

  /// The translation of a guest's code; nil when nothing is translated.
  ///
  /// - Complexity: O(100).
  public init?(_ code: TranslatedCode, program: CodeDescription, kernel: CodeDescription, cache: TranslationCache?) {
    guard code != .none else { return nil }
    programInstructions = code == .all ? program.instructions : 0
    programWarmUp = program.warmUp
    kernelInstructions = kernel.instructions
    kernelWarmUp = kernel.warmUp
    room = cache?.instructions ?? .infinity
    guard programInstructions + kernelInstructions > room else {
      fillTime = .infinity
      return
    }
    var lower = 0.0
    var upper = max(program.warmUp, kernel.warmUp) * 64
    let target = room
    let parts = (programInstructions, program.warmUp, kernelInstructions, kernel.warmUp)
    for _ in 0..<100 {
      let middle = (lower + upper) / 2
      if Self.reached(parts, after: middle) < target { lower = middle } else { upper = middle }
    }
    fillTime = (lower + upper) / 2
  }

  private static func reached(_ parts: (Double, Double, Double, Double), after work: Double) -> Double {
    parts.0 * (1 - PortableMath.exp(-work / parts.1)) + parts.2 * (1 - PortableMath.exp(-work / parts.3))
  }

  /// Instructions that have been translated after `work` nanoseconds of the guest's CPU time on the bare host.
  public func translated(after work: Double) -> Double {
    let parts = (programInstructions, programWarmUp, kernelInstructions, kernelWarmUp)
    guard fillTime < .infinity else { return Self.reached(parts, after: work) }
    let times = (work / fillTime).rounded(.down)
    return times * room + Self.reached(parts, after: work - times * fillTime)
  }

  /// Instructions translated for each nanosecond of work, in the mean between two amounts of work.
  public func rate(from begin: Double, to end: Double) -> Double {
    guard end > begin else { return 0 }
    return (translated(after: end) - translated(after: begin)) / (end - begin)
  }
}
