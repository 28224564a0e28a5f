import Quantities
import Virtualization

extension Expectation where Value == GuestPaging {
  /// What a guest's kernel does with page tables, and the address spaces of its programs.
  static var guestPaging: Expectation {
    Expectation("a mapping of a guest's paging") { reader, node in
      let known = [
        "flush_ceiling", "fault_around", "gather_limit", "update_batch", "pcid", "kernel_links", "processes",
      ]
      guard let fields = reader.fields(of: node, in: "the guest's paging", known: known) else { return nil }
      let count = Expectation<Int>.integer(in: 1...1_000_000)
      let ceiling = reader.required("flush_ceiling", in: fields, count)
      let around = reader.required("fault_around", in: fields, .integer(in: 1...512))
      let gather = reader.required("gather_limit", in: fields, count)
      let batch = reader.required("update_batch", in: fields, count)
      let isTagged = reader.optional("pcid", in: fields, .flag)
      let links = reader.required("kernel_links", in: fields, .kernelLinks)
      let processes = reader.required(
        "processes", in: fields, .list(of: .processImage, "a list of at least one program", minimum: 1))
      guard let ceiling, let around, let gather, let batch, let links, let processes else { return nil }
      return GuestPaging(
        flushCeiling: ceiling, faultAround: around, gatherLimit: gather, updateBatch: batch,
        isTagged: isTagged ?? false,
        kernelLinks: links,
        processes: processes)
    }
  }
}

extension Expectation where Value == [Int: Int] {
  /// Entries of a root by the number of levels.
  fileprivate static var kernelLinks: Expectation {
    Expectation("a mapping of levels and entries such as {4: 5, 5: 4}") { reader, node in
      guard let fields = reader.fields(of: node, in: "the kernel's links", known: ["4", "5"]) else { return nil }
      var result: [Int: Int] = [:]
      for (key, levels) in [("4", 4), ("5", 5)] {
        result[levels] = reader.required(key, in: fields, .integer(in: 0...63))
      }
      return result
    }
  }
}

extension Expectation where Value == ProcessImage {
  /// The address space of a program.
  fileprivate static var processImage: Expectation {
    Expectation("a mapping of a program") { reader, node in
      let known = ["name", "areas", "parent", "child", "child_before_exec", "run", "run_seals", "run_calls"]
      guard let fields = reader.fields(of: node, in: "a program", known: known) else { return nil }
      let name = reader.required("name", in: fields, .name)
      let areas = reader.required("areas", in: fields, .list(of: .processArea, "a list of areas", minimum: 1))
      let names = areas?.map(\.name) ?? []
      let parent = reader.optional("parent", in: fields, .touches(of: names))
      let child = reader.optional("child", in: fields, .touches(of: names))
      let beforeExec = reader.optional("child_before_exec", in: fields, .touches(of: names))
      let run = reader.optional("run", in: fields, .touches(of: names))
      let seals = reader.optional("run_seals", in: fields, .touches(of: names))
      let calls = reader.optional("run_calls", in: fields, .integer(in: 0...1_000_000))
      guard let name, let areas else { return nil }
      for (area, next) in zip(areas, areas.dropFirst()) where area.firstPage + Int64(area.pages) > next.firstPage {
        reader.error(
          at: fields.location, "area '\(next.name)' begins inside area '\(area.name)'; expected areas in order, apart")
      }
      func touches(_ stated: [ProcessImage.Touch]?) -> [ProcessImage.Touch] {
        (stated ?? []).map { ProcessImage.Touch(area: $0.area, count: $0.count, isWrite: !areas[$0.area].isFile) }
      }
      return ProcessImage(
        name: name, areas: areas, parent: touches(parent), child: touches(child),
        childBeforeExec: beforeExec.map(touches), run: touches(run),
        runSeals: touches(seals), runCalls: calls ?? 0)
    }
  }
}

extension Expectation where Value == ProcessImage.Area {
  /// A stretch of an address space.
  fileprivate static var processArea: Expectation {
    Expectation("a mapping of an area") { reader, node in
      let known = ["name", "at", "pages", "file", "resident"]
      guard let fields = reader.fields(of: node, in: "an area", known: known) else { return nil }
      let name = reader.required("name", in: fields, .name)
      // User space ends at 128 TiB with four levels.
      let start = reader.required(
        "at", in: fields,
        Expectation<ByteCount>.size.accepting("a multiple of 4 KiB below 128 TiB") {
          $0.bytes % BasePage.bytes == 0 && $0.bytes < 1 << 47
        })
      let pages = reader.required("pages", in: fields, .integer(in: 1...1_000_000))
      let isFile = reader.optional("file", in: fields, .flag) ?? false
      let resident = reader.optional("resident", in: fields, .integer(in: 0...1_000_000)) ?? 0
      guard let name, let start, let pages else { return nil }
      if resident > pages {
        reader.error(at: fields.location, "area '\(name)' has \(pages) pages, of which \(resident) cannot be resident")
      }
      return ProcessImage.Area(
        name: name, firstPage: start.bytes / BasePage.bytes, pages: pages, isFile: isFile,
        resident: min(resident, pages))
    }
  }
}

extension Expectation where Value == [ProcessImage.Touch] {
  /// Areas with the number of pages, or windows of a file, that are touched: anonymous pages are written, files read.
  fileprivate static func touches(of areas: [String]) -> Expectation {
    Expectation("a mapping of areas and counts") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      return entries.compactMap { entry in
        let count = reader.read(entry.value, Expectation<Int>.integer(in: 1...1_000_000))
        guard let area = areas.firstIndex(of: entry.key) else {
          reader.error(at: entry.keyLocation, Wording.unknown("area", entry.key, among: areas))
          return nil
        }
        return count.map { ProcessImage.Touch(area: area, count: $0, isWrite: true) }
      }
    }
  }
}
