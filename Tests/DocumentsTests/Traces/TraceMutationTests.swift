import Foundation
import Model
import Quantities
import Testing

@testable import Documents

/// Whatever happens to a trace, reading it ends in a consistent set or in sorted faults.
@Suite struct TraceMutationTests {
  /// A linear congruential generator with the constants of MMIX.
  struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 33)
    }
  }

  private static let pieces = [
    "", "\n", ",", ";", " ", "\"", "-", "0", "-1", "1e400", "nan", "inf", "\r", "\0", "99999999999999999999", "é", "\t",
    "x",
    "0.5", "1e12", "\n\n", "9223372036854775807", "1\n2\n",
  ]

  private func mutated(_ bytes: Data, using generator: inout Generator) -> Data {
    var bytes = Array(bytes)
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let start = Int.random(in: 0...bytes.count, using: &generator)
      let end = min(bytes.count, start + Int.random(in: 0...12, using: &generator))
      bytes.replaceSubrange(start..<end, with: Array((Self.pieces.randomElement(using: &generator) ?? "").utf8))
    }
    if Int.random(in: 0..<8, using: &generator) == 0 {
      bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
    }
    return Data(bytes)
  }

  private func isOrderly(_ folder: TemporaryFolder, _ name: String, format: TraceReference.Format?) -> Bool {
    let machine = TraceReference.Machine(number: 0, cores: 8, memory: ByteCount(bytes: 1 << 30))
    do {
      let set = try folder.load(name, format: format, samples: 12, machine: machine).set
      // Walks over everything that an engine would touch.
      for entity in 0..<set.count {
        guard set.samples(of: entity).allSatisfy({ $0 >= 0 && $0.isFinite }) else { return false }
        _ = (set.name(of: entity), set.sampledTime(of: entity))
      }
      return set.count > 0
    } catch DiagnosticError.invalid(let diagnostics) {
      return diagnostics.contains { $0.severity == .error } && diagnostics == Set(diagnostics).sorted()
        && diagnostics.count <= 101
    } catch {
      return false
    }
  }

  @Test func texts() throws {
    var generator = Generator(state: 3)
    let folder = try TemporaryFolder()
    let job = "1 0 -1 5 2 -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    let samples: [(TraceReference.Format, [(String, String)])] = [
      (.planetlab, [("a", (1...12).map { "\($0)\n" }.joined()), ("b", String(repeating: "0\n", count: 12))]),
      (
        .gwa,
        [
          (
            "1.csv",
            "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [%]\n300;\t1;\t2000.5;\t5.25\n600;\t1;\t2000;\t7\n"
          )
        ]
      ),
      (
        .opendc,
        [
          (
            "tasks.csv",
            "\"id\",\"submission_time\",\"duration\",\"cpu_count\",\"cpu_capacity\",\"mem_capacity\"\n1,5,6,1,7,8\n"
          ),
          ("fragments.csv", "\"id\",\"duration\",\"cpu_usage\"\n1,300,2\n1,600,3.5\n"),
        ]
      ),
      (
        .azure,
        [
          ("vmType.csv", "vmTypeId,machineId,core,memory\n1,0,0.5,0.25\n2,0,1,1\n"),
          ("vm.csv", "vmId,vmTypeId,starttime,endtime\n0,1,-0.5,2.25\n1,2,1,\n"),
        ]
      ),
      (.swf, [("log", "; UnixStartTime: 5\n" + job + job)]),
    ]
    for number in 0..<600 {
      let (format, files) = samples[number % samples.count]
      let victim = Int.random(in: 0..<files.count, using: &generator)
      for (index, file) in files.enumerated() {
        let data = Data(file.1.utf8)
        try folder.write("\(format.rawValue)/\(file.0)", index == victim ? mutated(data, using: &generator) : data)
      }
      let isDetected = number % 3 == 0
      #expect(
        isOrderly(folder, format.rawValue, format: isDetected ? nil : format),
        "\(format) \(number): \(folder.traceFaults(format.rawValue, format: format, samples: 12))")
    }
  }

  @Test func archives() throws {
    var generator = Generator(state: 4)
    let folder = try TemporaryFolder()
    let text = Data((1...12).map { "\($0)\n" }.joined().utf8)
    for filter in [nil, "gzip", "xz", "bzip2", "zstd"] {
      try folder.archive("t", [("d/a", text), ("d/b", text)], filter: filter)
      let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/t"))
      #expect(isOrderly(folder, "t", format: nil))
      for _ in 0..<60 {
        try folder.write("m", mutated(whole, using: &generator))
        #expect(isOrderly(folder, "m", format: .planetlab))
      }
    }
  }
}
