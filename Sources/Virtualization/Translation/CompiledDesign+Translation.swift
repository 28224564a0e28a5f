extension CompiledDesign {
  /// The design with the walk model's prices for one workload's page walks: `page_walk` is the bare host's walk, and what
  /// the design's walk costs beyond it stands in `nested_walk` or `shadow_walk`. Unchanged when the profile has no data of
  /// walks.
  ///
  /// Under software paging the levels that the translator reads are counted instead.
  public func pricing(_ translation: TranslationLoad) -> CompiledDesign {
    if choice.axes[.paging] == "software" { return walkingInSoftware(translation.design.levels) }
    guard let (hardware, owner) = profile.effectiveWalks, let path = cost(of: .tlbMiss) else { return self }
    let native = translation.bareHost.walk?.nanoseconds ?? 0
    let walk = translation.design.walk?.nanoseconds ?? native
    func charge(_ step: String, _ mean: Double, _ walk: PageWalk?) -> StepCharge {
      let count = ((walk?.count ?? 0) * 100).rounded() / 100
      return StepCharge(
        step: step, place: .guest, count: 1, exitsPerStep: 0, stepMean: mean, distribution: .deterministic,
        kind: hardware.provenance,
        origin: PriceOrigin(
          document: owner.name, source: "walk model, \(count) references in the mean; \(hardware.source)"))
    }
    let paging = choice.axes[.paging]
    var steps = path.steps.compactMap { step -> OperationCost.PathStep? in
      switch step.charge.step {
      case "page_walk":
        OperationCost.PathStep(charge: charge("page_walk", native, translation.bareHost.walk), role: step.role)
      case "nested_walk": nil
      default: step
      }
    }
    if paging != "native", walk > native {
      let step = paging == "nested" || paging == "hybrid" ? "nested_walk" : "shadow_walk"
      steps.append(
        OperationCost.PathStep(charge: charge(step, walk - native, translation.design.walk), role: .synchronous))
    }
    return replacing(.tlbMiss, by: OperationCost(steps: steps, bareHost: native))
  }

  /// The design whose walks in software read so many levels in the mean.
  private func walkingInSoftware(_ levels: Double) -> CompiledDesign {
    replacing(.tlbMiss) { cost in
      OperationCost(
        steps: cost.steps.map { step in
          let charge = step.charge
          guard charge.step == "software_walk_level", charge.count > 0 else { return step }
          return OperationCost.PathStep(
            charge: StepCharge(
              step: charge.step, place: charge.place, count: 1, exitsPerStep: 0,
              stepMean: charge.mean / Double(charge.count) * levels, distribution: charge.distribution,
              kind: charge.kind, origin: charge.origin),
            role: step.role)
        }, bareHost: cost.bareHostMean)
    }
  }

  /// The design with first touches at the host's page sizes: a violation on a huge page clears more memory.
  public func touching(_ host: PageMix) -> CompiledDesign {
    let huge = 2.0 * 1024 * 1024
    guard let path = cost(of: .firstTouch), choice.axes[.paging] != "native",
      let clear = profile.price(of: "huge_page_clear", backends: choice.design.backends),
      host.share(from: 2 << 20) > 0
    else { return self }
    let bytes = host.parts.reduce(0) { $0 + ($1.page >= 2 << 20 ? $1.share : 0) }
    let perTouch = bytes / huge / host.pagesPerByte
    let charge = StepCharge(
      step: "huge_page_clear", place: .hostKernel, count: 1, exitsPerStep: 0, stepMean: clear.nanoseconds * perTouch,
      distribution: .deterministic, kind: clear.cost.kind)
    return replacing(
      .firstTouch,
      by: OperationCost(
        steps: path.steps + [OperationCost.PathStep(charge: charge, role: .synchronous)], bareHost: path.bareHostMean))
  }
}
