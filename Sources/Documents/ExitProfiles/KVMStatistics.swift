import Glibc
import Quantities
import Virtualization

/// KVM's statistics of running VMs, as the kernel shows them under `/sys/kernel/debug/kvm`: a folder `PID-FD` for each VM
/// with a file for each counter.
public enum KVMStatistics {
  /// Where the kernel shows them.
  public static let standardFolder = "/sys/kernel/debug/kvm"

  /// Counters of all VMs at one instant.
  public struct Snapshot: Sendable, Hashable {
    /// Counters by VM and name.
    public let vms: [String: [String: Int64]]
    /// Threads that are vCPUs, by VM.
    public let vcpus: [String: Int]
    /// CPU time of the guest in seconds by VM, where the kernel tells it.
    public let guestSeconds: [String: Double]

    /// The VMs' names, sorted.
    public var names: [String] { vms.keys.sorted() }
  }

  /// Reads all counters below a folder.
  ///
  /// - Parameters:
  ///   - folder: the kernel's, or a copy of it.
  ///   - processes: where processes show their CPU time; nil not to ask.
  /// - Throws: `DiagnosticError` when the folder is missing or cannot be read.
  public static func snapshot(
    folder: String = standardFolder, processes: String? = "/proc"
  ) throws(DiagnosticError) -> Snapshot {
    var vms: [String: [String: Int64]] = [:]
    var vcpus: [String: Int] = [:]
    var times: [String: Double] = [:]
    for name in try FileAccess.entries(of: folder) where isVM(name) {
      var counters: [String: Int64] = [:]
      var count = 0
      for file in (try? FileAccess.entries(of: "\(folder)/\(name)")) ?? [] {
        if file.hasPrefix("vcpu") {
          count += 1
        } else if let value = number(in: "\(folder)/\(name)/\(file)") {
          counters[file] = value
        }
      }
      vms[name] = counters
      vcpus[name] = max(1, count)
      if let processes, let process = name.split(separator: "-").first {
        times[name] = guestTime(of: String(process), in: processes)
      }
    }
    return Snapshot(vms: vms, vcpus: vcpus, guestSeconds: times)
  }

  /// The exits of one VM between two snapshots.
  ///
  /// - Parameters:
  ///   - vm: the VM's folder; nil for the only one.
  ///   - seconds: time between the snapshots, by which guest CPU time is bounded where the kernel does not tell it.
  /// - Throws: `ImportError` when there is no such VM or nothing was counted.
  public static func profile(
    from before: Snapshot, to after: Snapshot, vm: String?, seconds: Double
  ) throws(ImportError) -> ExitProfile {
    let common = before.names.filter { after.vms[$0] != nil }
    guard !common.isEmpty else {
      throw ImportError("no VM ran during the whole interval; expected at least one running VM")
    }
    guard let name = vm ?? (common.count == 1 ? common[0] : nil) else {
      throw ImportError("\(common.count) VMs are running; choose one with --vm: \(common.joined(separator: ", "))")
    }
    guard common.contains(name), let first = before.vms[name], let last = after.vms[name] else {
      throw ImportError("no VM '\(name)'; expected one of: \(common.joined(separator: ", "))")
    }
    func change(_ counter: String) -> Double { Double(max(0, (last[counter] ?? 0) - (first[counter] ?? 0))) }
    guard change("exits") > 0 else { throw ImportError("VM '\(name)' made no exits in the interval") }
    let vcpus = after.vcpus[name] ?? 1
    var guest = seconds * Double(vcpus)
    var clock = "vCPU time, idleness included: the kernel tells no guest CPU time"
    if let start = before.guestSeconds[name], let end = after.guestSeconds[name], end > start {
      guest = end - start
      clock = "guest CPU time of the process"
    }
    var profile = ExitProfile(
      source: "KVM statistics of VM \(name), \(seconds) s, \(vcpus) vCPUs, per second of \(clock)",
      guestSeconds: guest, vcpus: vcpus)
    var attributed = 0.0
    for (counter, reason) in counters {
      profile.addExits(reason, count: change(counter))
      attributed += change(counter)
    }
    // Faults that KVM fixed are violations under nested and fills under shadow paging; those of the guest are reflected.
    let faults = change("pf_fixed") + change("pf_guest") + change("pf_emulate")
    profile.addDerived(change("pf_guest") > 0 ? .pageFault : .nestedPageFault, count: faults)
    attributed += faults
    profile.addDerived(.other, count: max(0, change("exits") - attributed))
    return profile
  }

  /// Counters of exits with their reasons (arch/x86/kvm/x86.c of Linux, kvm_vcpu_stats_desc).
  private static let counters: [(String, ExitReason)] = [
    ("io_exits", .portIO), ("mmio_exits", .mmio), ("hypercalls", .hypercall), ("halt_exits", .halt),
    ("irq_exits", .externalInterrupt), ("irq_window_exits", .interruptWindow),
    ("nmi_window_exits", .nonMaskableInterrupt),
    ("invlpg", .invlpg), ("pause_exits", .pause),
  ]

  private static func isVM(_ name: String) -> Bool {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isASCII) && Int($0) != nil }
  }

  private static func number(in path: String) -> Int64? {
    guard let bytes = try? FileAccess.read(path, limit: 64) else { return nil }
    return Int64(String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace })
  }

  /// Field 43 of /proc/PID/stat, guest time in clock ticks. The name in parentheses may hold spaces.
  private static func guestTime(of process: String, in folder: String) -> Double? {
    guard let bytes = try? FileAccess.read("\(folder)/\(process)/stat", limit: 4096) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 40, let ticks = Double(fields[40].filter { !$0.isNewline }) else { return nil }
    return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}

/// Why something other than a file could not be imported.
public struct ImportError: Error, CustomStringConvertible, Sendable {
  /// What is wrong and what was expected.
  public let description: String

  init(_ description: String) { self.description = description }
}
