import Model
import Quantities
import Virtualization

/// Reads workloads that stand in documents of their own.
enum WorkloadReader {
  /// Keys of such a document beside those of the workload itself.
  private static let own = ["workload", "title", "sources", "derived_exits"]

  /// Reads a workload; nil after faults.
  ///
  /// `sources` says where figures come from; `derived_exits` are exits that were counted but follow from the simulation,
  /// kept beside the workload for comparison.
  static func read(_ root: DocumentNode, _ reader: inout DocumentReader) -> Workload? {
    guard let entries = reader.entries(of: root) else { return nil }
    let header = DocumentNode(content: .mapping(entries.filter { own.contains($0.key) }), location: root.location)
    guard let fields = reader.fields(of: header, in: "the workload", known: own) else { return nil }
    let name = reader.required("workload", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    if let sources = fields["sources"], let stated = reader.entries(of: sources) {
      for entry in stated { _ = reader.read(entry.value, .prose) }
    }
    if let exits = fields["derived_exits"], let counted = reader.entries(of: exits) {
      let known = ExitReason.allCases.map(\.rawValue)
      for entry in counted {
        if !known.contains(entry.key) {
          reader.error(at: entry.keyLocation, Wording.unknown("exit reason", entry.key, among: known))
        }
        _ = reader.read(entry.value, Expectation<Rate>.rate)
      }
    }
    let rest = entries.filter { !own.contains($0.key) && !$0.key.hasPrefix("x-") }
    let body = DocumentNode(content: .mapping(rest), location: root.location)
    var workload = reader.workload(body, name: name ?? "", location: root.location)
    workload?.title = title ?? ""
    return workload
  }
}
