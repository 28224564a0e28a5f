import Model
import Quantities
import Virtualization

/// A part of a VM's memory that other VMs have too.
struct SharedImage {
  let pair: (name: String, share: Double)
}

/// A balloon and the swap device behind it.
struct Balloon {
  let pair: (target: ByteCount, latency: TimeSpan)
}

extension Expectation where Value == TimeSpan {
  /// A host's swap device: its latency.
  static var swapDevice: Expectation {
    Expectation("a mapping with latency") { reader, node in
      guard let fields = reader.fields(of: node, in: "a swap", known: ["latency"]) else { return nil }
      return reader.required("latency", in: fields, .positiveTime)
    }
  }
}

extension Expectation where Value == Rate {
  /// Merging of equal pages: how many are compared.
  static var merging: Expectation {
    Expectation("a mapping with scanned_pages") { reader, node in
      guard let fields = reader.fields(of: node, in: "a merging", known: ["scanned_pages"]) else { return nil }
      return reader.required("scanned_pages", in: fields, .positiveRate)
    }
  }
}

extension Expectation where Value == SharedImage {
  /// The image of a VM's memory.
  static var sharedImage: Expectation {
    Expectation("a mapping with name and shared") { reader, node in
      guard let fields = reader.fields(of: node, in: "an image", known: ["name", "shared"]) else { return nil }
      let name = reader.required("name", in: fields, .label)
      let share = reader.required("shared", in: fields, .share)
      guard let name, let share else { return nil }
      return SharedImage(pair: (name, share))
    }
  }
}

extension Expectation where Value == Balloon {
  /// A balloon.
  static var balloon: Expectation {
    Expectation("a mapping with target and latency") { reader, node in
      guard let fields = reader.fields(of: node, in: "a balloon", known: ["target", "latency"]) else { return nil }
      let target = reader.required("target", in: fields, .positiveSize)
      let latency = reader.required("latency", in: fields, .positiveTime)
      guard let target, let latency else { return nil }
      return Balloon(pair: (target, latency))
    }
  }
}

extension Expectation where Value == DirtyLogging {
  /// Dirty logging of a VM.
  static var dirtyLogging: Expectation {
    Expectation("a mapping with interval, dirty_pages and writable_set") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "a dirty logging", known: ["interval", "dirty_pages", "writable_set", "start", "stop"])
      else { return nil }
      let interval = reader.required("interval", in: fields, .positiveTime)
      let writes = reader.required("dirty_pages", in: fields, .rate)
      let set = reader.required("writable_set", in: fields, .positiveSize)
      let start = reader.optional("start", in: fields, .time)
      let after = Expectation<TimeSpan>.time.accepting("a time after start") { $0 > start ?? .zero }
      let stop = reader.optional("stop", in: fields, after)
      guard let interval, let writes, let set else { return nil }
      return DirtyLogging(
        interval: Double(interval.nanoseconds), writesPerSecond: writes.perSecond, writableSet: set.bytes,
        start: Double(start?.nanoseconds ?? 0), stop: stop.map { Double($0.nanoseconds) } ?? .infinity)
    }
  }
}
