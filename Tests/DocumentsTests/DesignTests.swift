import Documents
import Foundation
import Model
import Testing
import Virtualization

@Suite struct DesignTests {
  private func faults(_ old: String, _ new: String, in text: String = Fixture.hypervisor) throws -> [String] {
    let changed = text.replacingOccurrences(of: old, with: new)
    #expect(changed != text)
    let name = text == Fixture.bareMetal ? "bare-metal" : "hypervisor"
    return try Fixture.faults(["designs/\(name).yaml": changed])
      .map { $0.replacingOccurrences(of: "designs/\(name).yaml:", with: "") }
  }

  @Test func everyKeyIsRead() throws {
    let design = try #require(try Fixture.library().designs["hypervisor"])
    #expect(design.title == "a hypervisor")
    #expect(design.description == "what it is")
    #expect(design.backends == ["vt-x"])
    #expect(design.defaults[.paging] == "nested")
    #expect(design.defaults[.structure] == "host_kernel")
    #expect(design.allowed[.paging] == ["nested", "shadow"])
    #expect(design.allowed[.cpu] == ["hardware_assisted"])
    #expect(design.memory.perHost == 1 << 30)
    #expect(design.memory.perVM == 1 << 20)
    #expect(design.memory.reason == "assumed")
    let items = try #require(design.paths[.cpuid]?.items)
    #expect(
      items.map(\.element) == [
        .step(name: "round", place: .hostKernel, count: 1), .step(name: "leave", place: .vmm, count: 2), .native,
        .native,
      ])
    #expect(items.map(\.conditions) == [[:], [.paging: "shadow"], [:], [.paging: "nested"]])
    #expect(items.map(\.target) == [nil, .halted, nil, nil])
    #expect(items.map(\.location.line) == [18, 19, 20, 21])
  }

  @Test func aHostThatPollsSaysHow() throws {
    let axis = "axes:\n  halt_polling: {default: \"on\", allowed: [\"on\", \"off\"]}\n"
    #expect(
      try faults("axes:\n", axis) == [
        "1:1: error: axis 'halt_polling' may be 'on', but nothing says how the host polls; expected the key 'halt_poll'"
      ])
    let polling = "halt_poll: {limit: 200 us, start: 10 us, growth: 2, shrink: 0, source: s}\n"
    #expect(try faults("axes:\n", polling + axis) == [])
    let found = try faults("axes:\n", polling.replacing("growth: 2, shrink: 0", with: "growth: 0.5, shrink: 1") + axis)
    #expect(found.count == 2 && found[0].contains("a number from 1 to 1000"), "\(found)")
    #expect(found.last?.contains("0, or a number above 1 and at most 1000") == true, "\(found)")
  }

  @Test func listsOfShadowEntriesAreDescribed() throws {
    let axis = "axes:\n  reverse_mappings: {default: none, allowed: [none, long_records]}\n"
    #expect(
      try faults("axes:\n", axis) == [
        "1:1: error: axis 'reverse_mappings' may be 'long_records', but nothing describes it; expected it in the mapping "
          + "'reverse_mappings'"
      ])
    let records = "reverse_mappings:\n  long_records: {entries: 14, lines: 2, added: last, source: s}\n"
    #expect(try faults("axes:\n", records + axis) == [])
    let wrong = records.replacing("entries: 14, lines: 2, added: last", with: "entries: 0, added: end")
    let found = try faults("axes:\n", wrong + axis)
    #expect(found.count == 3 && found.contains { $0.contains("'end'") && $0.contains("first") }, "\(found)")
  }

  @Test func howSentPacketsAreHandedBack() throws {
    let batch = "transmit_batch: {packets: 64, when: {network: vhost}, source: s}\n"
    #expect(try faults("axes:\n", batch + "axes:\n") == [])
    let found = try faults("axes:\n", "transmit_batch: {packets: 0, when: {net: vhost}}\naxes:\n")
    #expect(found.contains { $0.contains("an integer from 1 to 65536") }, "\(found)")
    let design = try #require(LibraryLoader.load(folder: shippedFolder).designs["kvm-passthrough"])
    #expect(design.transmitBatch?.packets == 64 && design.transmitBatch?.conditions == [.network: "vhost"])
  }

  @Test func theBareHostsStepsAreTheGuests() throws {
    let items = try #require(try Fixture.library().designs["bare-metal"]?.paths[.cpuid]?.items)
    #expect(items.map(\.element) == [.step(name: "work", place: .guest, count: 1)])
  }

  @Test func aBaseGivesWhatADesignDoesNotState() throws {
    let folder = try TemporaryFolder()
    let child = """
      design: child
      base: hypervisor
      title: a child
      axes: {paging: {default: shadow, allowed: [shadow]}}
      paths: {halt: [{step: leave, place: hypervisor}]}
      """
    try Fixture.write(
      to: folder,
      ["designs/child.yaml": child, "designs/a-grandchild.yaml": "design: a-grandchild\nbase: child\ntitle: t\n"])
    let designs = try LibraryLoader.load(folder: folder.path).designs
    let (base, design) = (try #require(designs["hypervisor"]), try #require(designs["a-grandchild"]))
    #expect(design.title == "t")
    #expect(design.defaults[.paging] == "shadow")
    #expect(design.allowed[.paging] == ["shadow"])
    #expect(design.defaults[.network] == "vhost")
    #expect(design.paths[.cpuid] == base.paths[.cpuid])
    #expect(design.paths[.halt]?.items.count == 1)
    #expect(design.memory == base.memory)
    #expect(design.backends == base.backends)
  }

  @Test(arguments: [
    ("backends: [vt-x]", "backends: [vtx]", "4:12: error: unknown backend 'vtx' (did you mean 'vt-x'?)"),
    (
      "backends: [vt-x]\n", "",
      "1:1: error: missing key 'backends' in the design; expected a list of at least one backend"
    ),
    (
      "  disk: virtio\n", "",
      "6:3: error: missing key 'disk' in the axes; expected native, emulated, virtio_user, virtio, xen_ring, vmbus, pvscsi, passthrough or sriov, or a mapping of default and allowed"
    ),
    (
      "disk: virtio", "dsik: virtio\n  disk: virtio",
      "10:3: error: unknown key 'dsik' in the axes (did you mean 'disk'?)"
    ),
    (
      "disk: virtio", "disk: scsi",
      "10:9: error: unknown disk 'scsi'; expected native, emulated, virtio_user, virtio, xen_ring, vmbus, pvscsi, passthrough or sriov"
    ),
    (
      "default: nested", "default: native",
      "7:21: error: the default 'native' of axis 'paging' is not allowed; expected nested or shadow"
    ),
    ("allowed: [nested, shadow]", "allowed: []", "7:38: error: expected a list of values, found an empty list"),
    (
      "default_place: host_kernel", "default_place: kernel",
      "14:16: error: unknown place 'kernel'; expected guest, hypervisor, host_kernel, vmm, worker or privileged_domain"
    ),
    (
      "default_place: host_kernel\n", "",
      "17:7: error: step 'round' has no place; expected 'place' with the step or 'default_place' in the design"
    ),
    (
      "reason: assumed", "resaon: assumed, reason: x",
      "15:42: error: unknown key 'resaon' in the memory (did you mean 'reason'?)"
    ),
    (", reason: assumed", "", "15:9: error: missing key 'reason' in the memory; expected text"),
    ("cpuid:", "cpuids:", "17:3: error: unknown operation 'cpuids' (did you mean 'cpuid'?)"),
    ("- round", "- rounds", "18:7: error: unknown step 'rounds' (did you mean 'round'?)"),
    ("step: leave", "step: leav", "19:14: error: unknown step 'leav' (did you mean 'leave'?)"),
    ("count: 2", "count: 0", "19:28: error: expected an integer from 1 to 1000, found '0'"),
    ("place: vmm", "place: vm", "19:38: error: unknown place 'vm' (did you mean 'vmm'?)"),
    ("target: halted", "target: idle", "19:51: error: unknown target 'idle'; expected running or halted"),
    (
      "when: {paging: shadow}", "when: {paging: spt}",
      "19:74: error: unknown paging 'spt'; expected native, nested, shadow, hybrid, direct_paravirtual or software"
    ),
    (
      "when: {paging: shadow}", "when: {pagin: shadow}",
      "19:66: error: unknown key 'pagin' in a condition (did you mean 'paging'?)"
    ),
    ("native: true", "native: false", "21:16: error: unknown value 'false'; expected true"),
    (
      "native: true", "native: true, count: 2",
      "21:22: error: unknown key 'count' in an item of a path; expected native, when or target"
    ),
    ("- native\n", "- [leave]\n", "20:7: error: expected a name, found a list"),
    (
      "title: a hypervisor\n", "titel: a\ntitle: b\n",
      "2:1: error: unknown key 'titel' in the design (did you mean 'title'?)"
    ),
    (
      "title: a hypervisor\n", "base: hipervisor\ntitle: b\n",
      "2:7: error: unknown base design 'hipervisor' (did you mean 'hypervisor'?)"
    ),
  ])
  func fault(old: String, new: String, message: String) throws {
    let found = try faults(old, new)
    #expect(found == [message])
  }

  @Test func theBareHostHasNoNativePaths() throws {
    let message = "error: 'native' stands for the paths of this design; expected a step"
    #expect(try faults("[work]", "[native]", in: Fixture.bareMetal) == ["14:11: \(message)"])
    #expect(try faults("[work]", "[{native: true}]", in: Fixture.bareMetal) == ["14:11: \(message)"])
  }

  @Test func circlesOfBases() throws {
    func design(_ name: String, _ base: String) -> String { "design: \(name)\nbase: \(base)\ntitle: t\n" }
    #expect(
      try Fixture.faults([
        "designs/a.yaml": design("a", "b"), "designs/b.yaml": design("b", "c"), "designs/c.yaml": design("c", "b"),
        "designs/d.yaml": design("d", "d"),
      ]) == [
        "designs/b.yaml:2:7: error: design 'b' is a base of itself",
        "designs/c.yaml:2:7: error: design 'c' is a base of itself",
        "designs/d.yaml:2:7: error: design 'd' is a base of itself",
      ])
  }
}
