import Model
import Quantities

extension TraceReading {
  /// Samples of a day at 5 minutes each.
  static let planetLabSamples = 288

  /// Reads a folder or archive with a file per VM: a whole percentage of its CPU per line. VMs come in the order of
  /// their names' bytes.
  func planetLab() throws(DiagnosticError) -> TraceSet {
    let expected = reference.samples ?? Self.planetLabSamples
    var builder = TraceSetBuilder(unit: reference.interval ?? .seconds(300))
    let archive = try ArchiveReader(path: path, bounds: bounds)
    while !faults.isExhausted, try archive.next() {
      let name = Array(archive.name.utf8)
      let entity = name.withUnsafeBufferPointer { builder.add(name: $0, vcpus: 1) }
      builder.select(entity)
      var count = 0
      var isComplete = true
      let end = try lines.read(archive, separator: 32, faults: faults) { line in
        count += 1
        guard count <= expected else { return false }
        guard line.fieldCount == 1, let value = line.fields[0].integer, (0...100).contains(value) else {
          isComplete = fault(archive, line, line.fieldCount == 1 ? 0 : 1, "one integer from 0 to 100 in a line")
          return isComplete
        }
        builder.append(Float(value), units: 1)
        return true
      }
      if isComplete, count != expected {
        let found = count > expected ? "more" : "\(count)"
        faults.add(
          archive.label, end.lines + (count > expected ? 0 : 1), 1, "expected \(expected) samples, found \(found)")
      }
      noteEnd(archive, end)
      guard builder.sampleCount <= bounds.samples, builder.count <= bounds.entities else {
        faults.add(archive.label, 1, 1, "a trace has at most \(bounds.samples) samples")
        break
      }
    }
    return try finish(builder, order: .byName)
  }
}
