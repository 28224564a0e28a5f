import Model
import Testing
import Virtualization

/// Pages that a workload says its processes touch, in the place of what the guest says of their program.
@Suite struct StatedTouchTests {
  private static func load(_ operation: String, design: String) throws -> OperationLoad {
    let scenario = try Support.oneVM(
      """
          program: {repeat: 1, loop: {\(operation)}}
      """, design: design)
    return try Support.model(scenario, fidelity: .fluid).vms[0].load
  }

  private static func faults(of operation: String) -> [String] {
    Support.faults(.line) { _ = try load(operation, design: "kvm-shadow") }
  }

  private static func rate(_ operation: GuestOperation, in load: OperationLoad) -> Double {
    load.perRequest.reduce(0) { $0 + ($1.operation == operation ? $1.rate : 0) }
  }

  /// The shipped program has ten page faults a fork, two of them the parent's; 26 more from exec to exit. One that the parent
  /// has touched first is found unshared by the child, which faults all the same.
  @Test(
    "Stated touches are page faults under every kind of paging",
    arguments: ["bare-metal", "kvm-virtio", "kvm-shadow", "xen-pv", "kvm-pvm", "qemu-tcg"])
  func faults(design: String) throws {
    for (operation, pages) in [("process_creation", 0.0), ("copy_on_write", 3)] {
      let extent = pages > 0 ? "count: 1, pages: 3" : "count: 1"
      let usual = try Self.load("\(operation): {\(extent)}", design: design)
      let stated = try Self.load(
        "\(operation): {\(extent), parent: {stack: 3, data: 2}, child: {text: 6, heap: 4, data: 5}}", design: design)
      #expect(Self.rate(.pageFault, in: usual) == 10 + pages)
      #expect(Self.rate(.pageFault, in: stated) == 20 + pages)
    }
    let usual = try Self.load("exec: 1", design: design)
    let stated = try Self.load("exec: {count: 1, child: {text: 1}, run: {text: 10, heap: 30}}", design: design)
    // Nine pages become seven before the exec, 27 of the run become 40; the stack's page of the arguments is there.
    #expect(Self.rate(.pageFault, in: usual) > 30)
    #expect(Self.rate(.pageFault, in: stated) == 2 + 1 + 40)
    let vfork = try Self.load("exec: {count: 1, vfork: true, run: {heap: 30}}", design: design)
    #expect(Self.rate(.pageFault, in: vfork) == 30)
  }

  @Test("Under shadow paging they exit")
  func exits() throws {
    let usual = try Self.load("process_creation: 1", design: "kvm-shadow")
    let stated = try Self.load("process_creation: {count: 1, child: {heap: 6, data: 6}}", design: "kvm-shadow")
    #expect(Self.rate(.hiddenFault, in: stated) > Self.rate(.hiddenFault, in: usual))
    #expect(Self.rate(.tlbFlush, in: stated) > Self.rate(.tlbFlush, in: usual))
  }

  @Test("Areas that the program does not have, and more pages than an area has, are faults")
  func unknownAreas() {
    let unknown = Self.faults(of: "process_creation: {count: 1, child: {stac: 1}}")
    #expect(unknown.count == 1 && unknown[0].contains("'process_creation' of workload"))
    #expect(unknown[0].contains("unknown area 'stac' of program 'small' (did you mean 'stack'?)"), "\(unknown)")
    let pages = Self.faults(of: "exec: {count: 1, run: {relro: 5}}")
    #expect(pages.count == 1 && pages[0].hasSuffix("area 'relro' has 4 pages, found '5'"), "\(pages)")
    let windows = Self.faults(of: "copy_on_write: {count: 1, parent: {text: 11}}")
    #expect(
      windows.count == 1 && windows[0].hasSuffix("area 'text' has 10 windows of 16 pages, found '11'"), "\(windows)")
    let dynamic = Self.faults(of: "exec: {count: 1, program: dynamic, run: {text: 1, libc_text: 3}}")
    #expect(dynamic.isEmpty, "\(dynamic)")
  }
}
