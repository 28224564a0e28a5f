import Model

@testable import Documents

/// Small documents of each kind, in which lines can be replaced.
enum Fixture {
  static let steps = """
    steps:
      leave: {meaning: out, exits: 1}
      enter: {meaning: in}
      round: {meaning: both, exits: 1, parts: [leave, enter]}
      work: {meaning: native work}
    """

  static let bareMetal = """
    design: bare-metal
    title: bare host
    backends: [none]
    axes:
      cpu: native
      paging: native
      interrupts: native
      network: native
      disk: native
      structure: bare
      guest_page_table_isolation: "off"
      host_page_table_isolation: "off"
    paths:
      cpuid: [work]
    """

  static let hypervisor = """
    design: hypervisor
    title: a hypervisor
    description: what it is
    backends: [vt-x]
    axes:
      cpu: hardware_assisted
      paging: {default: nested, allowed: [nested, shadow]}
      interrupts: posted
      network: vhost
      disk: virtio
      structure: host_kernel
      guest_page_table_isolation: "off"
      host_page_table_isolation: "off"
    default_place: host_kernel
    memory: {per_host: 1 GiB, per_vm: 1 MiB, reason: assumed}
    paths:
      cpuid:
        - round
        - {step: leave, count: 2, place: vmm, target: halted, when: {paging: shadow}}
        - native
        - {native: true, when: {paging: nested}}
    """

  static let profile = """
    profile: machine
    title: a machine
    backend: vt-x
    frequency: 2 GHz
    processors: [p1]
    tlb: {entries: {4 KiB: 1536, 2 MiB: 32}, kind: published, source: manual}
    steps:
      work: {mean: 100 ns, kind: assumed, range: [50 ns, 400 cycles], reason: guess}
      leave: {mean: 0.1 us, kind: published, source: paper, rows: {r1: 0.5, r0: -0.5}}
      enter: {mean: 200 cycles, kind: measured, source: harness, distribution: {gamma: {cv: 0.5}}}
    """

  static let guest = """
    guest: system
    title: a system
    tick_rate: 250/s
    idle_wakeups: 9/s
    idle_work: 20 us
    expansions:
      process_creation: {page_fault: 13.5, tlb_flush: 6}
    sources: {tick_rate: manual, process_creation: counted}
    """

  /// Writes a whole library, with the given documents in place of or beside the usual ones.
  static func write(to folder: TemporaryFolder, _ others: [String: String] = [:]) throws {
    let usual = [
      "steps.yaml": steps, "designs/bare-metal.yaml": bareMetal, "designs/hypervisor.yaml": hypervisor,
      "profiles/machine.yaml": profile, "guests/system.yaml": guest,
    ]
    for (name, text) in usual.merging(others, uniquingKeysWith: { $1 }) { try folder.write(name, text) }
  }

  /// What is said of a library in which documents are replaced or added.
  static func faults(_ others: [String: String]) throws -> [String] {
    let folder = try TemporaryFolder()
    try write(to: folder, others)
    return folder.faults { _ = try LibraryLoader.load(folder: folder.path) }
  }

  /// The usual library.
  static func library() throws -> Library {
    let folder = try TemporaryFolder()
    try write(to: folder)
    return try LibraryLoader.load(folder: folder.path)
  }
}
