import Model
import Quantities
import Virtualization

extension Expectation where Value == SwapDevice {
  /// A host's swap device: its latency, or one of its disks.
  static var swapDevice: Expectation {
    Expectation("a mapping with latency or disk") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "a swap", known: ["latency", "disk", "dirty", "write_cluster"])
      else { return nil }
      if let disk = fields["disk"] {
        if fields["latency"] != nil { reader.error(at: disk.location, "a swap has 'latency' or 'disk', not both") }
        var writes = SwapWrites()
        if let dirty = reader.optional("dirty", in: fields, .share) { writes.dirty = dirty }
        if let pages = reader.optional("write_cluster", in: fields, .integer(in: 1...512)) { writes.cluster = pages }
        return reader.required("disk", in: fields, Expectation<String>.label.located).map {
          .disk(name: $0.value, writes: writes, location: $0.location)
        }
      }
      for key in ["dirty", "write_cluster"] {
        guard let field = fields[key] else { continue }
        reader.error(at: field.location, "'\(key)' is of a swap to a 'disk'")
      }
      return reader.required("latency", in: fields, .positiveTime).map { .latency($0) }
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

extension Expectation where Value == ImageSetting {
  /// The image of a VM's memory.
  static var sharedImage: Expectation {
    Expectation("a mapping with name and shared") { reader, node in
      guard let fields = reader.fields(of: node, in: "an image", known: ["name", "shared", "writes"]) else {
        return nil
      }
      let name = reader.required("name", in: fields, .label)
      let share = reader.required("shared", in: fields, .share)
      let writes = reader.optional("writes", in: fields, .rate)
      guard let name, let share else { return nil }
      return ImageSetting(name: name, share: share, writes: writes?.perSecond ?? 0)
    }
  }
}

extension Expectation where Value == BalloonSetting {
  /// A balloon of a VM with so much memory: down to which size it may shrink it at need, or a schedule of sizes.
  static func balloon(within size: ByteCount?) -> Expectation {
    let schedule = Expectation<[BalloonSetting.Order]>.balloonSchedule(within: size)
    return Expectation("a list of orders, or a mapping with target and latency, or with schedule") { reader, node in
      if case .list = node.content {
        return reader.read(node, schedule).map { BalloonSetting(schedule: $0) }
      }
      guard
        let fields = reader.fields(of: node, in: "a balloon", known: ["target", "latency", "disk", "schedule", "rate"])
      else { return nil }
      guard fields["schedule"] != nil else {
        if let rate = fields["rate"] {
          reader.error(at: rate.location, "a balloon without a schedule has no rate: its size does not change")
        }
        let target = reader.required("target", in: fields, .positiveSize)
        if let disk = fields["disk"] {
          if fields["latency"] != nil { reader.error(at: disk.location, "a balloon has 'latency' or 'disk', not both") }
          let usesDisk = reader.required("disk", in: fields, .flag)
          guard let target, let usesDisk else { return nil }
          if !usesDisk { reader.error(at: disk.location, "expected 'disk: true', or 'latency' in its place") }
          return BalloonSetting(target: target, usesDisk: true)
        }
        let latency = reader.required("latency", in: fields, .positiveTime)
        guard let target, let latency else { return nil }
        return BalloonSetting(target: target, latency: latency)
      }
      if let target = fields["target"] {
        reader.error(at: target.location, "a balloon has 'schedule' or 'target', not both")
      }
      if let disk = fields["disk"] {
        reader.error(at: disk.location, "a balloon with a schedule swaps to a device of known 'latency', not to a disk")
      }
      let orders = reader.required("schedule", in: fields, schedule)
      let latency = reader.optional("latency", in: fields, .positiveTime)
      let rate = reader.optional("rate", in: fields, .positiveRate)
      return orders.map { BalloonSetting(schedule: $0, rate: rate, latency: latency) }
    }
  }
}

extension Expectation where Value == [BalloonSetting.Order] {
  /// Orders to a balloon of a VM with so much memory, later ones behind.
  static func balloonSchedule(within size: ByteCount?) -> Expectation {
    let located = Expectation<LocatedOrder>("a mapping with at and target") { reader, node in
      guard let fields = reader.fields(of: node, in: "an order", known: ["at", "target"]) else { return nil }
      let at = reader.required("at", in: fields, .time)
      var bounded = Expectation<ByteCount>.positiveSize
      if let size { bounded = bounded.accepting("at most the VM's memory, \(size)") { $0 <= size } }
      let target = reader.required("target", in: fields, bounded)
      guard let at, let target else { return nil }
      return LocatedOrder(order: BalloonSetting.Order(at: at, target: target), location: node.location)
    }
    let text = "a list of at least one order"
    return Expectation(text) { reader, node in
      guard let orders = reader.read(node, .list(of: located, text, minimum: 1)) else { return nil }
      for (earlier, later) in zip(orders, orders.dropFirst()) where later.order.at <= earlier.order.at {
        reader.error(
          at: later.location, "expected an order after the one before, at \(earlier.order.at), found \(later.order.at)")
      }
      return orders.map(\.order)
    }
  }
}

/// An order with its place.
private struct LocatedOrder {
  let order: BalloonSetting.Order
  let location: SourceLocation
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
