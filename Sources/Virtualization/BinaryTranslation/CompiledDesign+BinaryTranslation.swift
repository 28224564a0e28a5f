extension CompiledDesign {
  /// The code that the design translates.
  public var translatedCode: TranslatedCode { TranslatedCode(axis: choice.axes[.cpu]) }

  /// The design with the expansion of translated code in the paths of its operations: what a path does natively is the
  /// kernel's code, of which each class of instructions becomes dearer by what the design charges for a microsecond of it.
  /// Operations whose paths replace the native steps are priced by those alone.
  public func translating(program: CodeDescription, kernel: CodeDescription) -> CompiledDesign {
    guard translatedCode != .none else { return self }
    var design = self
    for operation in GuestOperation.allCases {
      let isUserCode = operation == .pageAccess
      if isUserCode && translatedCode != .all { continue }
      design = design.replacing(operation) { cost in
        let work = cost.native.reduce(0) { $0 + ($1.place == .guest ? $1.mean : 0) }
        guard work > 0 else { return cost }
        let added = expansion(of: work, by: isUserCode ? program : kernel)
        return OperationCost(
          steps: cost.steps + added.map { OperationCost.PathStep(charge: $0, role: .synchronous) },
          bareHost: cost.bareHostMean)
      }
    }
    return design
  }

  /// What the code of so many nanoseconds of native work costs beyond it, as steps of one operation.
  private func expansion(of work: Double, by code: CodeDescription) -> [StepCharge] {
    InstructionClass.allCases.flatMap { kind -> [StepCharge] in
      guard code.mix[kind] > 0 else { return [] }
      return (cost(of: kind.operation)?.synchronous ?? []).map { charge in
        StepCharge(
          step: charge.step, place: charge.place, count: 1, exitsPerStep: 0,
          stepMean: charge.mean * code.mix[kind] * work * 1e-3, distribution: .deterministic,
          kind: code.isAssumed ? .assumed : charge.kind,
          origin: PriceOrigin(
            document: charge.origin?.document ?? profile.name,
            source: "\(Self.decimal(code.mix[kind] * 100)) % of the native time, each microsecond of which takes "
              + "\(Self.decimal(charge.mean * 1e-3)) us more"
              + (code.isAssumed ? "; the share is assumed" : "")))
      }
    }
  }

  private static func decimal(_ value: Double) -> String {
    let scaled = (value * 100).rounded() / 100
    return scaled == scaled.rounded() ? "\(Int64(scaled))" : "\(scaled)"
  }

  /// Microseconds of native work by class that virtualization expands, in `program` nanoseconds of user code and `kernel`
  /// nanoseconds of kernel code that no operation stands for.
  public func expandedWork(
    program: Double, kernel: Double, code: (program: CodeDescription, kernel: CodeDescription)
  ) -> [GuestOperation: Double] {
    guard translatedCode != .none else { return [:] }
    var result: [GuestOperation: Double] = [:]
    for kind in InstructionClass.allCases {
      var work = kernel * code.kernel.mix[kind]
      if translatedCode == .all { work += program * code.program.mix[kind] }
      if work > 0 { result[kind.operation] = work * 1e-3 }
    }
    return result
  }
}
