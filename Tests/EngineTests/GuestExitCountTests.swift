import Foundation
import Model
import Testing
import Virtualization

/// Every operation of the counts of real Debian guests under `kvm_amd` (Tests/EmulatedHost/guest-exits) that a workload can
/// state, against what the design `kvm-shadow` makes of it: faults, INVLPG, reads and writes of CR3, with and without
/// page-table isolation, four and five levels, large and small backing. Only the touches of the small program were found
/// from other counts. A tolerance of 20 % was set beforehand; below 100 events, 0.15 an operation more.
@Suite struct GuestExitCountTests {
  private struct Window: Sendable, CustomTestStringConvertible {
    let configuration: String
    let workload: String
    let parameters: String
    let operations: Double
    let counts: [ExitReason: Double]
    /// Of the guest's own counting, threads of the kernel among them.
    let contextSwitches: Double
    let loop: String
    var testDescription: String { "\(configuration) \(workload) \(parameters)" }
  }

  private static let columns: [(name: String, reason: ExitReason)] = [
    ("page_fault", .pageFault), ("invlpg", .invlpg), ("write_cr3", .cr3Write), ("read_cr3", .cr3Read),
  ]

  private static func number(_ key: String, in parameters: String) -> Int? {
    parameters.split(separator: ";").first { $0.hasPrefix("\(key)=") }.flatMap { Int($0.dropFirst(key.count + 1)) }
  }

  /// What stands between two hops of a byte, or beside a fault on a new page.
  private static func mixed(_ parameters: String, pages: Int) -> String? {
    let times = parameters.hasSuffix("by=both") ? 2 : 1
    switch parameters.split(separator: ";").first {
    case "operation=fault" where parameters.contains("mprotect="):
      return "page_fault: 1, mprotect: {count: 1, pages: \(number("mprotect", in: parameters) ?? 0)}"
    case "operation=fault" where parameters.contains("mmap="):
      return "page_fault: 1, mmap: {count: 1, pages: \(number("mmap", in: parameters) ?? 0)}"
    case "operation=fault" where parameters.contains("fork="): return "page_fault: 1, process_creation: 1"
    case "operation=fault": return "page_fault: \(times * max(1, pages))"
    case "operation=mprotect": return "mprotect: {count: \(times), pages: \(pages)}"
    case "operation=mmap", "operation=dontneed": return "mmap: {count: \(times), pages: \(pages)}"
    case "operation=fork": return "process_creation: \(times)"
    default: return nil
    }
  }

  /// The loop of a program that does what a window's workload does; nil where no operation of a workload is the same.
  private static func loop(_ workload: String, _ parameters: String) -> String? {
    let pages = number("pages", in: parameters) ?? number("touched_pages", in: parameters) ?? 0
    switch workload {
    case "getpid", "sigaction": return "{syscall: 1}"
    case "signal_delivery": return "{syscall: 2}"
    case "huge_fork": return "{process_creation: {count: 1, pages: 4096, huge: true}}"
    case "smp_mprotect": return "{mprotect: {count: 1, pages: \(pages), siblings: 1}}"
    case "smp_munmap", "smp_dontneed": return "{mmap: {count: 1, pages: \(pages), siblings: 1}}"
    case "switched": return mixed(parameters, pages: pages).map { "{context_switch: 2, syscall: 4, \($0)}" }
    case "beside": return mixed(parameters, pages: pages).map { "{\($0)}" }
    case "fork_chain": return "{process_creation: 3}"
    case "fork_many": return "{process_creation: 1}"
    case "huge_cow_child":
      return "{copy_on_write: {count: 1, pages: \((number("regions", in: parameters) ?? 0) * 512), huge: true}}"
    case "dontneed_touch", "dontneed_read", "mremap_grow", "munmap_middle", "stack":
      return "{mmap: {count: 1, pages: \(pages)}}"
    case "fork": return pages > 0 ? "{process_creation: {count: 1, pages: \(pages)}}" : "{process_creation: 1}"
    case "exec" where parameters == "fork;binary=glibc_static": return "{exec: 1}"
    case "exec" where parameters == "vfork;binary=glibc_static": return "{exec: {count: 1, vfork: true}}"
    case "cow_both": return "{copy_on_write: {count: 1, pages: \(pages), by_parent: true}}"
    // The smaller window's mapping begins where its tables do, which shortens its flush.
    case "file_read" where pages > 33: return "{mmap: {count: 1, pages: \(pages), file: true, new_tables: 3}}"
    case "cow_child": return "{copy_on_write: {count: 1, pages: \(pages)}}"
    case "mprotect": return "{mprotect: {count: 1, pages: \(pages)}}"
    case "brk_touch_shrink": return "{mmap: {count: 1, pages: \(pages)}}"
    case "pipe_ring": return "{context_switch: 1, syscall: 2}"
    case "pipe_threads": return "{thread_switch: 2, syscall: 4}"
    case "mmap_touch_munmap":
      let stays = ["leaf_table", "level2_table", "level3_table", "nothing"]
      let new = stays.firstIndex { parameters.hasSuffix("stays=\($0)") } ?? 0
      return "{mmap: {count: 1, pages: \(pages), new_tables: \(new)}}"
    default: return nil
    }
  }

  private static func windows() throws -> [Window] {
    let path = "\(Support.root)/Tests/EmulatedHost/guest-exits/counts.csv"
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    return lines.dropFirst().compactMap { line in
      let cells = Dictionary(uniqueKeysWithValues: zip(lines[0], line))
      let parameters = cells["parameters"] ?? ""
      // Of more than two vCPUs the counts depend on who is preempted, and those of forks on where the scheduler puts the
      // child.
      guard let configuration = cells["configuration"], configuration.hasPrefix("shadow"),
        cells["repetition"] == "2", let workload = cells["workload"],
        // One system call where a mapping and its removal are two.
        !(configuration.hasSuffix("pti") && (workload.hasPrefix("dontneed") || parameters.contains("dontneed"))),
        !configuration.contains("smp") || (configuration.hasSuffix("smp2") && workload.hasPrefix("smp_")),
        let operations = cells["operations"].flatMap(Double.init), let loop = loop(workload, parameters)
      else { return nil }
      let counts = Dictionary(
        uniqueKeysWithValues: columns.map { ($0.reason, cells[$0.name].flatMap(Double.init) ?? .nan) })
      return Window(
        configuration: configuration, workload: workload, parameters: parameters, operations: operations,
        counts: counts, contextSwitches: cells["guest_context_switches"].flatMap(Double.init) ?? 0, loop: loop)
    }
  }

  /// Expected exits of one iteration by reason.
  private static func exits(_ window: Window) throws -> [ExitReason: Double] {
    let scenario = try Support.scenario(
      """
      scenario: window
      duration: 1 s
      hosts:
        - name: node
          cpu: {cores: 2, frequency: 2.5 GHz}
          memory: {size: 16 GiB, page: \(window.configuration.hasSuffix("small") ? "4 KiB" : "2 MiB")}
          design: {name: kvm-shadow, guest_page_table_isolation: \(window.configuration.hasSuffix("pti") ? "\"on\"" : "\"off\"")}
          profile: cascade-lake-pvm-paper
      vms:
        - name: guest
          vcpus: \(window.configuration.hasSuffix("smp2") ? 2 : 1)
          memory: {size: 768 MiB, page_table_levels: \(window.configuration.hasPrefix("shadow-5") ? 5 : 4)}
          workload: loop
      workloads:
        loop: {program: {repeat: 1, loop: \(window.loop)}}
      """)
    let load = try Support.model(scenario, fidelity: .fluid).vms[0].load
    var exits: [ExitReason: Double] = [:]
    for entry in load.perRequest {
      for charge in load.design.cost(of: entry.operation)?.synchronous ?? [] {
        if let reason = charge.reason { exits[reason, default: 0] += entry.rate * Double(charge.exits) }
      }
    }
    return exits
  }

  @Test func synchronousExitsOfEveryWindow() throws {
    let windows = try Self.windows()
    #expect(windows.count > 100)
    var compared = 0
    for window in windows {
      let exits = try Self.exits(window)
      for (name, reason) in Self.columns {
        let counted = window.counts[reason] ?? .nan
        let expected = counted / window.operations
        let found = exits[reason] ?? 0
        let slack = 0.2 * expected + (counted < 100 ? 0.15 : 0.05)
        compared += 1
        // Ticks that come while an operation runs on the slow emulator switch more often than the bytes do.
        let isPreempted = window.workload == "switched" && reason == .cr3Write && found < expected
        if isPreempted, counted <= window.contextSwitches { continue }
        #expect(
          abs(found - expected) <= slack, "\(window.testDescription) \(name): counted \(expected), model \(found)")
      }
    }
    #expect(compared > 400)
  }
}
