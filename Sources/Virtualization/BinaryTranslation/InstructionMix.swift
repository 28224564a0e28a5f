/// Classes of instructions that a translator makes dearer by factors of their own.
public enum InstructionClass: String, CaseIterable, Sendable, Hashable {
  /// Arithmetic and moves between registers.
  case integer
  /// Floating-point arithmetic.
  case floating
  /// Loads and stores whose translation is found at once.
  case memory
  /// Jumps, conditional or not, to targets that the code names.
  case branches
  /// Calls, returns and indirect jumps, whose target must be looked up.
  case calls

  /// The operation that stands for a microsecond of native work of the class.
  public var operation: GuestOperation {
    switch self {
    case .integer: .integerWork
    case .floating: .floatingWork
    case .memory: .memoryWork
    case .branches: .branchWork
    case .calls: .callWork
    }
  }
}

/// Shares of native CPU time by class of instructions.
public struct InstructionMix: Sendable, Hashable {
  private var values: [Double]

  /// A mix; what is not named is 0. Shares add up to 1.
  public init(_ shares: [InstructionClass: Double]) {
    values = InstructionClass.allCases.map { shares[$0] ?? 0 }
  }

  /// The share of one class.
  public subscript(_ kind: InstructionClass) -> Double {
    values[InstructionClass.allCases.firstIndex(of: kind) ?? 0]
  }
}

/// The code of a program or kernel, as far as a translator sees it.
public struct CodeDescription: Sendable, Hashable {
  /// What its time goes to.
  public let mix: InstructionMix
  /// Bytes of code that are executed sooner or later.
  public let bytes: Double
  /// Bytes of an instruction.
  public let bytesPerInstruction: Double
  /// Native CPU time in nanoseconds after which 63 % of the code has been executed for the first time.
  public let warmUp: Double
  /// Share of a workload's own time, operations left out, that is spent in the kernel.
  public let kernelShare: Double
  /// Whether the figures are assumed: nobody stated them for this workload or kernel.
  public let isAssumed: Bool

  /// Creates a description. `bytes` >= 0, `bytesPerInstruction` and `warmUp` > 0.
  public init(
    mix: InstructionMix, bytes: Double, bytesPerInstruction: Double = usualBytesPerInstruction, warmUp: Double,
    kernelShare: Double = 0, isAssumed: Bool = false
  ) {
    self.mix = mix
    self.bytes = bytes
    self.bytesPerInstruction = bytesPerInstruction
    self.warmUp = warmUp
    self.kernelShare = kernelShare
    self.isAssumed = isAssumed
  }

  /// Instructions of the code.
  public var instructions: Double { bytes / bytesPerInstruction }

  /// Assumed: x86-64 code has about four bytes an instruction.
  public static let usualBytesPerInstruction = 4.0
  /// Assumed for programs that say nothing, ranges in brackets: integer 45 % (30 to 60), memory 33 % (20 to 45),
  /// branches 14 % (8 to 20), calls and returns 6 % (2 to 12), floating point 2 % (0 to 50); 1 MiB of code (0.1 to 10)
  /// that is reached within a second of CPU time (0.1 to 10).
  public static let usualProgram = CodeDescription(
    mix: InstructionMix([.integer: 0.45, .floating: 0.02, .memory: 0.33, .branches: 0.14, .calls: 0.06]),
    bytes: 1_048_576, warmUp: 1e9, isAssumed: true)
  /// Assumed for kernels that say nothing: no floating point, more memory, branches and calls; 2 MiB (0.5 to 6) within
  /// a second of CPU time.
  public static let usualKernel = CodeDescription(
    mix: InstructionMix([.integer: 0.40, .memory: 0.36, .branches: 0.16, .calls: 0.08]), bytes: 2_097_152, warmUp: 1e9,
    isAssumed: true)
}
