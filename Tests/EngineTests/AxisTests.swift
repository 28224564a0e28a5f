import Model
import Testing
import Virtualization

/// Axes of designs do something.
struct AxisTests {
  /// Axes that engines, the assembly of a scenario or the choice of devices read, beside the paths.
  static let beyondPaths: Set<DesignAxis> = [
    .scheduler, .haltPolling, .flushes, .pauseLoopExiting, .paravirtualLocks, .network, .disk, .iommu, .dmaMapping,
    .fileSystem, .dirtyLogging, .reverseMappings, .shadowLock,
  ]

  @Test("Every value of an axis that users may choose changes a path", arguments: AllDesignsTests.designs)
  func everyChoiceCosts(name: String) throws {
    let design = try #require(try Support.library.get().designs[name])
    let scenario = try AllDesignsTests.mixed(AllDesignsTests.profile(of: name))
    func costs(_ axes: [DesignAxis: String]) throws -> [OperationCost?] {
      let compiled = try Support.model(scenario, design: name, axes: axes).hosts[0].design
      return GuestOperation.allCases.flatMap { operation in
        TargetState.allCases.map { compiled.cost(of: operation, target: $0) }
      }
    }
    let usual = try costs([:])
    for axis in DesignAxis.allCases where !Self.beyondPaths.contains(axis) && !axis.isFree {
      for value in design.allowed[axis] ?? [] where value != design.defaults[axis] {
        #expect(try costs([axis: value]) != usual, "\(axis)=\(value) changes nothing")
      }
    }
  }
}
