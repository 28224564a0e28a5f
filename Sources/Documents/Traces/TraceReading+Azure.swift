import Model
import Quantities

extension TraceReading {
  private struct Size {
    let cores: Double
    let memory: Int64
  }

  /// Reads the tables `vmType` and `vm` of a folder or archive: the Azure trace for packing (Hadary et al., Protean,
  /// OSDI 2020) as CSV. Types have shares of a machine, requests have times in days; a VM without an end never ends,
  /// one that begins before the trace begins with it. There are no samples: what a VM asks for is its workload's.
  func azure() throws(DiagnosticError) -> TraceSet {
    guard let machine = reference.machine else {
      throw .invalid([
        Diagnostic(
          location: reference.location,
          message: "a packing trace has shares of a machine; expected machine: {number, cores, memory}")
      ])
    }
    var sizes: [String: Size] = [:]
    try inTable("vmType") { archive throws(DiagnosticError) in
      sizes = try readTypes(archive, machine: machine)
    }
    var builder = TraceSetBuilder(unit: .seconds(1))
    try inTable("vm") { archive throws(DiagnosticError) in
      try readRequests(archive, sizes: sizes, machine: machine, into: &builder)
    }
    return try finish(builder, order: .given)
  }

  private func readTypes(
    _ archive: ArchiveReader, machine: TraceReference.Machine
  ) throws(DiagnosticError) -> [String: Size] {
    var columns: (type: Int, machine: Int, core: Int, memory: Int)?
    var hasHeader = false
    var sizes: [String: Size] = [:]
    let end = try lines.read(archive, separator: UInt8(ascii: ","), faults: faults) { line in
      if !hasHeader {
        hasHeader = true
        let names = ColumnNames(line)
        guard let type = names["vmtypeid"], let number = names["machineid"], let core = names["core"],
          let memory = names["memory"]
        else {
          return faults.add(
            archive.label, line.number, 1, "expected a header with vmTypeId, machineId, core and memory")
        }
        columns = (type, number, core, memory)
        return true
      }
      guard let columns else { return false }
      let last = max(columns.type, columns.machine, columns.core, columns.memory)
      guard line.fieldCount > last else { return wrongCount(archive, line, "at least \(last + 1) fields") }
      guard line.fields[columns.type].count > 0 else { return fault(archive, line, columns.type, "a type") }
      guard let number = line.fields[columns.machine].integer else {
        return fault(archive, line, columns.machine, "the number of a machine")
      }
      let shares = "a share of the machine above 0 and up to 1"
      guard let core = line.fields[columns.core].number, core > 0, core <= 1 else {
        return fault(archive, line, columns.core, shares)
      }
      guard let memory = line.fields[columns.memory].number, memory > 0, memory <= 1 else {
        return fault(archive, line, columns.memory, shares)
      }
      guard number == machine.number else { return true }
      let type = line.fields[columns.type].text
      guard sizes[type] == nil else { return fault(archive, line, columns.type, "one size of a type on a machine") }
      sizes[type] = Size(
        cores: core * Double(machine.cores), memory: Int64((memory * Double(machine.memory.bytes)).rounded()))
      return true
    }
    if sizes.isEmpty, faults.isEmpty {
      faults.add(archive.label, end.lines, 1, "expected VM types of machine \(machine.number), found none")
    }
    warnOfEnd(archive, end)
    return sizes
  }

  private func readRequests(
    _ archive: ArchiveReader, sizes: [String: Size], machine: TraceReference.Machine,
    into builder: inout TraceSetBuilder
  ) throws(DiagnosticError) {
    var columns: (id: Int, type: Int, start: Int, end: Int)?
    var hasHeader = false
    var others = 0
    var lastType: (text: [UInt8], size: Size?) = ([], nil)
    let end = try lines.read(archive, separator: UInt8(ascii: ","), faults: faults) { line in
      if !hasHeader {
        hasHeader = true
        let names = ColumnNames(line)
        guard let id = names["vmid"], let type = names["vmtypeid"], let start = names["starttime"],
          let end = names["endtime"]
        else {
          return faults.add(
            archive.label, line.number, 1, "expected a header with vmId, vmTypeId, starttime and endtime")
        }
        columns = (id, type, start, end)
        return true
      }
      guard let columns else { return false }
      let last = max(columns.id, columns.type, columns.start)
      // A missing end may be the last field, which is then empty.
      guard line.fieldCount > last else { return wrongCount(archive, line, "at least \(last + 1) fields") }
      guard (1...128).contains(line.fields[columns.id].count) else {
        return fault(archive, line, columns.id, "an id of 1 to 128 bytes")
      }
      let days = "a time in days, up to 36525"
      guard let start = line.fields[columns.start].number, (-36_525...36_525).contains(start) else {
        return fault(archive, line, columns.start, days)
      }
      var end: Double?
      if columns.end < line.fieldCount, line.fields[columns.end].count > 0, line.fields[columns.end].text != "NULL" {
        guard let value = line.fields[columns.end].number, (-36_525...36_525).contains(value) else {
          return fault(archive, line, columns.end, days + ", or nothing")
        }
        guard value >= start else { return fault(archive, line, columns.end, "an end not before the start") }
        end = value
      }
      let type = line.fields[columns.type]
      if !type.bytes.elementsEqual(lastType.text) { lastType = (Array(type.bytes), sizes[type.text]) }
      guard let size = lastType.size else {
        others += 1
        return true
      }
      // One that ended before the trace begins asks for nothing.
      if let end, end <= 0 { return true }
      guard builder.count < bounds.entities else {
        return faults.add(archive.label, line.number, 1, "a trace has at most \(bounds.entities) VMs")
      }
      func nanoseconds(_ days: Double) -> Int64 { Int64((max(0, days) * 86_400e9).rounded()) }
      _ = builder.add(
        name: line.fields[columns.id].bytes, start: nanoseconds(start),
        end: end.map(nanoseconds) ?? TraceSet.forever, vcpus: size.cores, memory: size.memory)
      return true
    }
    if !hasHeader { faults.add(archive.label, 1, 1, "expected a header and requests, found none") }
    warnOfEnd(archive, end)
    if others > 0 {
      faults.warn(
        archive.label, 1, "\(others) requests are of types that machine \(machine.number) does not have; left out")
    }
  }
}
