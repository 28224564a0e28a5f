import Model
import Quantities

extension Device {
  private static func summary(ofFunctions count: Int?) -> String { count.map { "; \($0) virtual functions" } ?? "" }

  /// The device in one line, with what its driver does to its registers.
  var summary: String {
    switch kind {
    case .network(let nic):
      return title + (nic.moderation > .zero ? "; an interrupt per \(nic.moderation) at most" : "")
        + Self.summary(ofFunctions: nic.functions)
    case .storage(let storage):
      return
        "\(title); \(storage.parallelism) at a time, read \(SummaryText.decimal(storage.read.latency.mean / 1000)) us, "
        + "write \(SummaryText.decimal(storage.write.latency.mean / 1000)) us"
        + Self.summary(ofFunctions: storage.functions)
    case .iommu(let iommu):
      return "\(title); \(iommu.entries) translations, a walk of \(SummaryText.decimal(iommu.walk)) ns"
    case .frontEnd(let frontEnd):
      let accesses = FrontEnd.Cause.allCases.compactMap { cause -> String? in
        guard let counts = frontEnd.accesses[cause] else { return nil }
        return [("port_io", counts.ports), ("mmio", counts.memory)].filter { $0.1 > 0 }.map {
          "\($0.1) \($0.0) at \(cause.rawValue)"
        }.joined(separator: ", ")
      }
      return "\(title); ring of \(frontEnd.entries), notification \(frontEnd.notification.rawValue)"
        + (accesses.isEmpty ? "" : "; \(accesses.joined(separator: ", "))")
    }
  }
}
