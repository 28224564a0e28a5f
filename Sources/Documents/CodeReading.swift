import Quantities
import Virtualization

extension Expectation where Value == CodeDescription {
  /// The code of a kernel.
  static var kernelCode: Expectation { code(of: "the kernel's code", usual: .usualKernel, isKernel: true) }

  /// The code of a workload.
  static var programCode: Expectation { code(of: "the code", usual: .usualProgram, isKernel: false) }

  private static func code(of subject: String, usual: CodeDescription, isKernel: Bool) -> Expectation {
    Expectation("a mapping of mix, size and warm_up") { reader, node in
      let known = ["mix", "size", "bytes_per_instruction", "warm_up", "kind"] + (isKernel ? [] : ["kernel_share"])
      guard let fields = reader.fields(of: node, in: subject, known: known) else { return nil }
      let mix = reader.required("mix", in: fields, .instructionMix)
      let size = reader.optional("size", in: fields, .size)
      let length = reader.optional(
        "bytes_per_instruction", in: fields, .real("a number from 1 to 16") { (1...16).contains($0) })
      let warmUp = reader.optional("warm_up", in: fields, .positiveTime)
      let kernelShare = isKernel ? nil : reader.optional("kernel_share", in: fields, .share)
      let kind = reader.optional("kind", in: fields, Expectation<CostKind>.choice("kind"))
      guard let mix else { return nil }
      return CodeDescription(
        mix: mix, bytes: size.map { Double($0.bytes) } ?? usual.bytes,
        bytesPerInstruction: length ?? usual.bytesPerInstruction,
        warmUp: warmUp.map { Double($0.nanoseconds) } ?? usual.warmUp, kernelShare: kernelShare ?? usual.kernelShare,
        isAssumed: kind == .assumed)
    }
  }
}

extension Expectation where Value == InstructionMix {
  /// Shares of native CPU time by class of instructions.
  static var instructionMix: Expectation {
    Expectation("a mapping of classes of instructions and shares that add up to 1") { reader, node in
      let known = InstructionClass.allCases.map(\.rawValue)
      guard let fields = reader.fields(of: node, in: "a mix", known: known) else { return nil }
      var shares: [InstructionClass: Double] = [:]
      let before = reader.diagnostics.count
      for kind in InstructionClass.allCases {
        shares[kind] = reader.optional(kind.rawValue, in: fields, .share)
      }
      let sum = InstructionClass.allCases.reduce(0) { $0 + (shares[$1] ?? 0) }
      guard abs(sum - 1) < 1e-6 else {
        if reader.diagnostics.count == before {
          reader.error(at: node.location, "the shares of the mix add up to \((sum * 1e6).rounded() / 1e6); expected 1")
        }
        return nil
      }
      return InstructionMix(shares)
    }
  }
}

extension Expectation where Value == TranslationCache {
  /// The cache of a translator.
  static var translationCache: Expectation {
    Expectation("a mapping of size, bytes_per_instruction and reason") { reader, node in
      let known = ["size", "bytes_per_instruction", "reason"]
      guard let fields = reader.fields(of: node, in: "the translation cache", known: known) else { return nil }
      let size = reader.required("size", in: fields, .positiveSize)
      let length = reader.required(
        "bytes_per_instruction", in: fields, .real("a number from 1 to 1000") { (1...1000).contains($0) })
      let reason = reader.required("reason", in: fields, .prose)
      guard let size, let length, let reason else { return nil }
      return TranslationCache(size: Double(size.bytes), bytesPerInstruction: length, source: reason)
    }
  }
}
