import Quantities
import Tables
import Virtualization

/// What is reported of a VM's memory: means over the measured window, in bytes.
public struct MemoryUse: Sendable, Hashable {
  /// The VM's memory.
  public var size = 0.0
  /// Held by its balloon.
  public var balloon = 0.0
  /// Held by its balloon at the end.
  public var balloonAtEnd = 0.0
  /// Pages that the balloon took.
  public var inflated: Int64 = 0
  /// Pages that the balloon gave back.
  public var deflated: Int64 = 0
  /// Merged with other VMs' pages.
  public var merged = 0.0
  /// Swapped out by the host.
  public var swapped = 0.0
  /// Of its workload's memory swapped out by the guest.
  public var guestSwapped = 0.0
  /// Shadow pages that stand at a time.
  public var shadowPages: Int64 = 0
  /// Shadow pages that were torn down because their number is limited.
  public var shadowRecycled: Int64 = 0
  /// Faults that filled shadow entries.
  public var shadowFills: Int64 = 0
  /// First writes to merged pages.
  public var mergeBreaks: Int64 = 0
  /// The balloon's mean size in each of `intervals` equal parts of the window; empty where it does not change.
  public var series: [Double] = []

  /// Parts of the window.
  public static let intervals = 100

  /// The use of a VM whose memory does not change.
  public init(_ figures: MemoryFigures) {
    size = figures.size
    balloon = figures.balloon
    balloonAtEnd = figures.balloon
    merged = figures.merged
    swapped = figures.swapped
    guestSwapped = figures.guestSwapped
  }
}

extension MemoryUse {
  /// Adds what a run has counted.
  mutating func count(_ exits: [RunResult.ExitRow], shadowTables: Int64) {
    shadowPages = shadowTables / PagingMode.shadowPageBytes
    func steps(_ operation: GuestOperation) -> Int64 {
      // Every step of a path happens equally often; the first row stands for the operation.
      exits.first { $0.operation == operation }?.count ?? 0
    }
    mergeBreaks = steps(.mergeBreak)
    shadowRecycled = steps(.shadowRecycle)
    shadowFills = shadowTables > 0 ? steps(.hiddenFault) : 0
  }
}

extension ResultTables {
  /// `memory.csv`.
  public static let memory = TableSchema(
    name: "memory",
    columns: identity + [
      Column(name: "host", type: .text, unit: nil, meaning: "host"),
      Column(name: "vm", type: .text, unit: nil, meaning: "VM"),
      Column(name: "memory_bytes", type: .integer, unit: "bytes", meaning: "memory of the VM"),
      Column(name: "balloon_bytes", type: .integer, unit: "bytes", meaning: "held by its balloon, in the mean"),
      Column(name: "balloon_end_bytes", type: .integer, unit: "bytes", meaning: "held by its balloon at the end"),
      Column(name: "inflated_pages", type: .integer, unit: "pages", meaning: "pages that the balloon took"),
      Column(name: "deflated_pages", type: .integer, unit: "pages", meaning: "pages that the balloon gave back"),
      Column(
        name: "merged_bytes", type: .integer, unit: "bytes",
        meaning: "merged with equal pages of other VMs, in the mean"),
      Column(name: "swapped_bytes", type: .integer, unit: "bytes", meaning: "swapped out by the host, in the mean"),
      Column(
        name: "guest_swapped_bytes", type: .integer, unit: "bytes",
        meaning: "of the workload's memory swapped out by the guest, in the mean"),
      Column(name: "merge_breaks", type: .integer, unit: "pages", meaning: "first writes to merged pages"),
      Column(name: "shadow_pages", type: .integer, unit: "pages", meaning: "shadow page tables at a time"),
      Column(
        name: "shadow_recycled_pages", type: .integer, unit: "pages",
        meaning: "shadow page tables torn down because their number is limited"),
      Column(name: "shadow_fills", type: .integer, unit: "faults", meaning: "hidden faults that filled shadow entries"),
    ])

  /// Cells of `memory.csv` behind the names.
  static func cells(of use: MemoryUse) -> [CellValue] {
    func bytes(_ value: Double) -> CellValue { .integer(Int64(value.rounded())) }
    return [
      bytes(use.size), bytes(use.balloon), bytes(use.balloonAtEnd), .integer(use.inflated), .integer(use.deflated),
      bytes(use.merged), bytes(use.swapped), bytes(use.guestSwapped),
      .integer(use.mergeBreaks), .integer(use.shadowPages), .integer(use.shadowRecycled), .integer(use.shadowFills),
    ]
  }

  /// Rows of `timeseries.csv` on balloons that move, behind the run: the middle of each part of the window.
  static func balloonSeries(of result: RunResult, run: [CellValue]) -> [[CellValue]] {
    let warmup = result.warmup.seconds
    let part = result.window.seconds / Double(MemoryUse.intervals)
    return result.vms.flatMap { vm in
      (vm.memory?.series ?? []).enumerated().map { index, value in
        run + [
          .real(warmup + part * (Double(index) + 0.5)), .text(vm.name), .text("balloon_bytes"),
          .integer(Int64(value.rounded())),
        ]
      }
    }
  }
}
