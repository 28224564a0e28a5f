import Quantities
import Testing

@testable import Virtualization

/// A small world of one operation for paths and prices.
private enum World {
  static let here = SourceLocation(file: "design.yaml", line: 7, column: 9)

  static func catalogue() -> StepCatalogue {
    var catalogue = StepCatalogue()
    catalogue.add(TransitionStep(name: "work", meaning: "native work"))
    catalogue.add(TransitionStep(name: "switch", meaning: "page-table switch"))
    catalogue.add(TransitionStep(name: "out", meaning: "exit", exits: 1))
    catalogue.add(TransitionStep(name: "in", meaning: "entry"))
    catalogue.add(TransitionStep(name: "trip", meaning: "exit and entry", exits: 1, parts: ["out", "in"]))
    return catalogue
  }

  static func cost(_ nanoseconds: Double, kind: CostKind = .published) -> StepCost {
    StepCost(mean: .nanoseconds(nanoseconds), kind: kind, source: "test", location: here)
  }

  static func profile(
    _ costs: [String: StepCost], name: String = "prices", backend: String = "vt-x", bases: [CostProfile] = []
  ) -> CostProfile {
    CostProfile(
      name: name, title: "", backend: backend, frequency: Frequency(hertz: 2_000_000_000), tlb: nil, costs: costs,
      bases: bases)
  }

  static func item(_ step: String, place: Place = .guest, count: Int = 1, when: [DesignAxis: String] = [:])
    -> OperationPath.Item
  {
    OperationPath.Item(element: .step(name: step, place: place, count: count), conditions: when, location: here)
  }

  static func design(_ name: String, axes: [DesignAxis: String], _ items: [OperationPath.Item]) -> HypervisorDesign {
    HypervisorDesign(
      name: name, title: "", description: "", backends: ["vt-x"], defaults: AxisValues(axes), allowed: [:],
      paths: [.syscall: OperationPath(items: items)])
  }

  static let bareHost = design(
    "bare-metal", axes: [.guestPageTableIsolation: "off"],
    [item("work"), item("switch", count: 2, when: [.guestPageTableIsolation: "on"])])

  static func compile(
    _ items: [OperationPath.Item], axes: [DesignAxis: String] = [.guestPageTableIsolation: "off"],
    costs: [String: StepCost]
  ) throws -> OperationCost {
    let design = design("other", axes: axes, items)
    let compiled = try CompiledDesign(
      choice: DesignChoice(design: design), bareHost: bareHost, catalogue: catalogue(), profile: profile(costs))
    return try #require(compiled.cost(of: .syscall))
  }
}

struct CompiledDesignTests {
  private let prices = [
    "work": World.cost(100), "switch": World.cost(10), "out": World.cost(30), "in": World.cost(40),
  ]
  private let native = OperationPath.Item(element: .native, location: World.here)

  @Test("native stands for the bare host's steps, which are the guest's own work")
  func nativePath() throws {
    let cost = try World.compile([native, World.item("out", place: .hostKernel)], costs: prices)
    #expect(cost.nativeMean == 100)
    #expect(cost.nativeReplaced == 0)
    #expect(cost.synchronousMean == 30)
    #expect(cost.exits == 1)
  }

  @Test("A path without native replaces the bare host's work")
  func replaced() throws {
    let cost = try World.compile([World.item("out", place: .hostKernel)], costs: prices)
    #expect(cost.nativeMean == 0)
    #expect(cost.nativeReplaced == 100)
    #expect(cost.bareHostMean == 100)
  }

  @Test("What an axis adds to the native path counts as overhead")
  func isolation() throws {
    let cost = try World.compile([native], axes: [.guestPageTableIsolation: "on"], costs: prices)
    #expect(cost.nativeMean == 100)
    #expect(cost.synchronousMean == 20)
    #expect(cost.synchronous.map(\.count) == [2])
  }

  @Test("Steps at asynchronous places do not stall the vCPU")
  func asynchronous() throws {
    let cost = try World.compile([native, World.item("in", place: .worker)], costs: prices)
    #expect(cost.synchronousMean == 0)
    #expect(cost.asynchronousMean == 40)
  }

  @Test("A composite without a price is priced by its parts, one with a price by that")
  func composite() throws {
    let parts = try World.compile([World.item("trip", place: .hostKernel, count: 3)], costs: prices)
    #expect(parts.synchronous.map(\.step) == ["out", "in"])
    #expect(parts.synchronousMean == 210)
    #expect(parts.exits == 3)
    var priced = prices
    priced["trip"] = World.cost(55)
    let whole = try World.compile([World.item("trip", place: .hostKernel, count: 3)], costs: priced)
    #expect(whole.synchronous.map(\.step) == ["trip"])
    #expect(whole.synchronousMean == 165)
    #expect(whole.exits == 3)
  }

  @Test("Parts that a nearer profile prices go before the whole of its base; some of them do not")
  func nearerParts() throws {
    var whole = prices
    whole["trip"] = World.cost(55)
    let base = World.profile(whole, name: "base")
    func steps(_ own: [String: StepCost]) throws -> [String] {
      let design = World.design("other", axes: [:], [World.item("trip", place: .hostKernel)])
      let compiled = try CompiledDesign(
        choice: DesignChoice(design: design), bareHost: World.bareHost, catalogue: World.catalogue(),
        profile: World.profile(own, name: "here", bases: [base]))
      return try #require(compiled.cost(of: .syscall)).synchronous.map(\.step)
    }
    #expect(try steps(["out": World.cost(1), "in": World.cost(2)]) == ["out", "in"])
    #expect(try steps(["out": World.cost(1)]) == ["trip"])
    #expect(try steps(["out": World.cost(1), "in": World.cost(2), "trip": World.cost(3)]) == ["trip"])
  }

  @Test("A step that nothing prices is a located fault, never zero")
  func unpriced() throws {
    let error = #expect(throws: CostFaults.self) {
      try World.compile([World.item("trip", place: .hostKernel)], costs: ["work": World.cost(1), "out": World.cost(1)])
    }
    let fault = try #require(error?.faults.first)
    #expect(error?.faults.count == 1)
    #expect(fault.location == World.here)
    #expect(fault.message.contains("no profile prices step 'in'"))
  }

  @Test("A measured price of another backend is passed over for the base's, with a warning")
  func backend() throws {
    let base = World.profile(prices, name: "base", backend: "none")
    let measured = World.profile(
      ["out": World.cost(7, kind: .measured)], name: "here", backend: "amd-v", bases: [base])
    let design = World.design("other", axes: [:], [World.item("out", place: .hostKernel)])
    let compiled = try CompiledDesign(
      choice: DesignChoice(design: design), bareHost: World.bareHost, catalogue: World.catalogue(), profile: measured)
    #expect(compiled.cost(of: .syscall)?.synchronousMean == 30)
    #expect(compiled.warnings.count == 1)
    #expect(compiled.cost(of: .cpuid) == nil)
  }

  @Test("Prices in cycles follow the host's clock, prices in time do not")
  func clock() throws {
    let costs = [
      "work": World.cost(100),
      "out": StepCost(mean: .cycles(1000), kind: .published, source: "test", location: World.here),
    ]
    let design = World.design("other", axes: [:], [native, World.item("out", place: .hostKernel)])
    func stall(_ hertz: Int64) throws -> OperationCost? {
      try CompiledDesign(
        choice: DesignChoice(design: design), bareHost: World.bareHost, catalogue: World.catalogue(),
        profile: World.profile(costs).at(Frequency(hertz: hertz))
      ).cost(of: .syscall)
    }
    #expect(try stall(2_000_000_000)?.synchronousMean == 500)
    #expect(try stall(4_000_000_000)?.synchronousMean == 250)
    #expect(try stall(4_000_000_000)?.nativeMean == 100)
  }
}
