import Foundation
import Glibc

/// What this process has taken so far.
enum Usage {
  /// CPU seconds, user and system, of all threads.
  static var cpuSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// The most memory that was resident at a time, in megabytes.
  static var peakMegabytes: Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let words = line?.split(whereSeparator: \.isWhitespace) ?? []
    return words.count > 1 ? (Double(words[1]) ?? 0) * 1024 / 1e6 : 0
  }

  /// CPU seconds of some work, and its value.
  static func timed<Value>(_ work: () throws -> Value) rethrows -> (seconds: Double, value: Value) {
    let start = cpuSeconds
    let value = try work()
    return (cpuSeconds - start, value)
  }
}

/// What the machine at hand gives, measured in the same process: figures beside it mean the same on any machine.
enum Yardstick {
  /// Nanoseconds to read, change and write back an entry of 64 bytes that lies behind the last one, in `bytes` of memory.
  static func sweep(bytes: Int) -> Double {
    let count = max(1024, bytes / 64)
    let entries = UnsafeMutablePointer<SIMD8<Double>>.allocate(capacity: count)
    defer { entries.deallocate() }
    entries.initialize(repeating: SIMD8(repeating: 1), count: count)
    let rounds = max(1, 20_000_000 / count)
    let (seconds, _) = Usage.timed {
      for _ in 0..<rounds {
        for index in 0..<count { entries[index] += 0.5 }
      }
    }
    guard entries[count / 2][0] > 1 else { fatalError("nothing was swept") }
    return seconds * 1e9 / Double(rounds * count)
  }

  /// CPU seconds to sort so many numbers.
  static func sort(count: Int) -> Double {
    var state: UInt64 = 1
    var numbers = (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state
    }
    let (seconds, _) = Usage.timed { numbers.sort() }
    guard numbers[0] <= numbers[count - 1] else { fatalError("nothing was sorted") }
    return seconds
  }
}
