import Foundation
import Testing

struct CompareCommandTests {
  private static let short = ["--set", "duration=2 s"]

  private func compare(into folder: URL, executable: URL = Command.executable, extra: [String] = []) throws
    -> Command.Outcome
  {
    try Command.run(
      ["compare", "scenarios/compare-hypervisors.yaml", "-o", folder.path, "--check"] + Self.short + extra,
      executable: executable)
  }

  @Test("The main scenario prints a table of at most 80 columns and writes all files")
  func main() throws {
    try Command.withFolder { folder in
      let target = folder.appendingPathComponent("results")
      let outcome = try compare(into: target)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let lines = outcome.output.split(separator: "\n").filter { !$0.hasPrefix("results:") }
      #expect(lines.allSatisfy { $0.count <= 80 })
      for design in ["bare-metal", "container", "kvm-virtio", "kvm-shadow"] {
        #expect(outcome.output.contains("\n\(design) "))
      }
      let files = try Command.files(in: target)
      #expect(
        Set(files.keys) == [
          "summary.csv", "exits.csv", "hosts.csv", "vms.csv", "memory.csv", "requests.csv", "provenance.csv",
          "services.csv",
          "comparison.csv", "breakdown.csv", "manifest.json",
        ])
      let manifest = try #require(
        try JSONSerialization.jsonObject(with: files["manifest.json"]!) as? [String: Any])
      #expect(manifest["seed"] as? Int == 1)
      #expect((manifest["designs"] as? [String])?.count == 4)
    }
  }

  @Test("The headers of the tables are as documented")
  func headers() throws {
    try Command.withFolder { folder in
      let target = folder.appendingPathComponent("results")
      _ = try compare(into: target, extra: ["--designs", "bare-metal"])
      func header(_ name: String) throws -> String {
        let text = try String(contentsOf: target.appendingPathComponent(name), encoding: .utf8)
        return String(text.split(whereSeparator: \.isNewline).first ?? "")
      }
      #expect(try header("summary.csv") == "scenario,design,profile,replication,metric,value,unit,workload")
      #expect(
        try header("exits.csv")
          == "scenario,design,profile,replication,host,vm,operation,step,place,count,cpu_seconds,exits,kind,reason")
      #expect(
        try header("hosts.csv")
          == "scenario,design,profile,replication,host,cores,guest_seconds,guest_virtualization_seconds,"
          + "hypervisor_virtualization_seconds,host_kernel_virtualization_seconds,vmm_virtualization_seconds,"
          + "worker_virtualization_seconds,privileged_domain_virtualization_seconds,services_seconds,idle_seconds,"
          + "utilization_ratio,energy_kwh,active_seconds,asleep_seconds,short_seconds,shadow_table_bytes")
      #expect(
        try header("vms.csv")
          == "scenario,design,profile,replication,host,vm,workload,vcpus,guest_seconds,stall_seconds,steal_seconds,"
          + "halted_seconds,backend_seconds,completed,exits,requested_seconds,migrations,shadow_table_bytes,nodes,"
          + "remote_memory_ratio,spin_seconds")
      #expect(
        try header("services.csv")
          == "scenario,design,profile,replication,host,service,runs_in,threads,wakeups,cpu_seconds")
      #expect(try header("requests.csv") == "scenario,design,profile,replication,workload,quantile,latency_seconds")
      #expect(
        try header("provenance.csv")
          == "scenario,design,profile,replication,step,mean,unit,kind,source,stated_by,range_low_ns,range_high_ns")
    }
  }

  @Test("exits.csv adds up to virtualization_cpu of summary.csv, to the last digit")
  func sums() throws {
    try Command.withFolder { folder in
      let target = folder.appendingPathComponent("results")
      _ = try compare(into: target)
      let exits = try rows(target.appendingPathComponent("exits.csv"))
      let summary = try rows(target.appendingPathComponent("summary.csv"))
      for design in ["bare-metal", "container", "kvm-virtio", "kvm-shadow"] {
        let sum = exits.filter { $0["design"] == design }.reduce(Decimal(0)) {
          $0 + Decimal(string: $1["cpu_seconds"]!)!
        }
        let stated = summary.first { $0["design"] == design && $0["metric"] == "virtualization_cpu" }
        #expect(sum == Decimal(string: try #require(stated?["value"])))
      }
    }
  }

  @Test("Twice, and with one job or two, the same bytes")
  func sameBytes() throws {
    try Command.withFolder { folder in
      var results: [[String: Data]] = []
      for (name, jobs) in [("first", "1"), ("second", "2"), ("third", "2")] {
        let target = folder.appendingPathComponent(name)
        #expect(try compare(into: target, extra: ["--jobs", jobs, "--replications", "2"]).status == 0)
        results.append(try Command.files(in: target))
      }
      #expect(results[0] == results[1])
      #expect(results[1] == results[2])
    }
  }

  @Test(
    "Debug and release, with and without fused multiply-add, in any locale and time zone: the same bytes",
    .enabled(
      if: [Command.debug, Command.release].allSatisfy { FileManager.default.isExecutableFile(atPath: $0.path) },
      "no debug and release builds: run `make test`"))
  func builds() throws {
    // glibc chooses its mathematical functions by processor; this setting makes it choose the plain ones.
    let plain = [
      "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu",
    ]
    try Command.withFolder { folder in
      var results: [[String: Data]] = []
      for executable in [Command.debug, Command.release] {
        for environment in [[:], plain] {
          let target = folder.appendingPathComponent("results-\(results.count)")
          let outcome = try Command.run(
            ["compare", "scenarios/compare-hypervisors.yaml", "-o", target.path] + Self.short,
            executable: executable, environment: environment)
          #expect(outcome.status == 0, "\(outcome.errors)")
          results.append(try Command.files(in: target))
        }
      }
      #expect(results.dropFirst().allSatisfy { $0 == results[0] })
    }
  }

  @Test("With replications the comparison has intervals and verdicts")
  func verdicts() throws {
    try Command.withFolder { folder in
      let target = folder.appendingPathComponent("results")
      _ = try compare(into: target, extra: ["--replications", "5", "--designs", "bare-metal,kvm-virtio"])
      let overhead = try rows(target.appendingPathComponent("comparison.csv")).first {
        $0["design"] == "kvm-virtio" && $0["metric"] == "virtualization_overhead"
      }
      #expect(overhead?["verdict"] == "higher")
      #expect(Double(try #require(overhead?["difference_lower"]))! > 0.1)
    }
  }

  @Test("A verdict that assumed prices within their ranges turn is inconclusive")
  func inconclusive() throws {
    try Command.withFolder { folder in
      let target = folder.appendingPathComponent("results")
      let outcome = try Command.run(
        "compare", "scenarios/all-designs.yaml", "--designs", "xen-pv,kvm-shadow,container,esxi-vmxnet3",
        "--replications",
        "3", "-o", target.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let all = try rows(target.appendingPathComponent("comparison.csv"))
      func row(_ design: String) throws -> [String: String] {
        try #require(all.first { $0["design"] == design && $0["metric"] == "virtualization_overhead" })
      }
      // Nested paging against hypercalls for page tables: the prices of both are assumed, in wide ranges. Shadow paging
      // costs here what hypercalls do, and is as unsure.
      #expect(try row("esxi-vmxnet3")["verdict"] == "inconclusive")
      for design in ["esxi-vmxnet3", "kvm-shadow"] {
        let assumed = try row(design)
        #expect(try #require(Double(assumed["assumed_lower"]!)) < 0 && #require(Double(assumed["assumed_upper"]!)) > 0)
      }
      #expect(outcome.output.contains("inconclusive, because assumed prices"))
      // A container pays for packets alone, and for them less than for a ring: no price within its range turns that.
      let container = try row("container")
      #expect(container["verdict"] == "lower")
      #expect(try #require(Double(container["assumed_upper"]!)) < 0)
    }
  }

  @Test("The breakdown by cause and place adds up to the overhead")
  func breakdown() throws {
    try Command.withFolder { folder in
      let target = folder.appendingPathComponent("results")
      let outcome = try Command.run(
        "compare", "scenarios/all-designs.yaml", "--designs", "bare-metal,xen-hvm", "-o", target.path)
      let parts = try rows(target.appendingPathComponent("breakdown.csv")).filter { $0["design"] == "xen-hvm" }
      let sum = parts.reduce(0) { $0 + Double($1["cpu_seconds"]!)! }
      let whole = try rows(target.appendingPathComponent("summary.csv")).first {
        $0["design"] == "xen-hvm" && $0["metric"] == "virtualization_cpu"
      }
      #expect(abs(sum - Double(try #require(whole?["value"]))!) < 1e-6)
      #expect(Set(parts.map { $0["cause"] }) == ["exits", "io", "scheduling", "translation"])
      #expect(outcome.output.contains("overhead by cause") && outcome.output.contains("overhead by place"))
      #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }
  }

  private func rows(_ url: URL) throws -> [[String: String]] {
    let lines = try String(contentsOf: url, encoding: .utf8).split(whereSeparator: \.isNewline).map(String.init)
    let header = lines[0].split(separator: ",").map(String.init)
    return lines.dropFirst().map { line in
      Dictionary(
        uniqueKeysWithValues: zip(header, line.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
      )
    }
  }
}
