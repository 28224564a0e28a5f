import Model
import Virtualization

/// Register accesses of emulated devices, and notifications, beside the operations that cause them.
extension Explanation {
  /// Who causes what: operations with the causes of accesses that come with them.
  private static let causes: [GuestOperation: (use: FrontEnd.Use, causes: [FrontEnd.Cause])] = [
    .netTx: (.network, [.transmit]), .netRx: (.network, [.interrupt, .receive]),
    .blockRead: (.block, [.request, .largeRequest]), .blockWrite: (.block, [.request, .largeRequest]),
    .blockCompletion: (.block, [.interrupt]),
  ]

  private static func words(_ cause: FrontEnd.Cause, _ frontEnd: FrontEnd) -> String {
    switch cause {
    case .transmit: "for each batch that is sent"
    case .receive: "for up to \(FrontEnd.refill) received packets"
    case .interrupt:
      frontEnd.use == .network
        ? "for each interrupt for received packets" : "for each interrupt, which tells of all requests that are done"
    case .request:
      frontEnd.sharedInterrupt == nil
        ? "for each request, from its issue to its completion" : "for each request, to issue it"
    case .largeRequest: "for each request beyond \(frontEnd.largeRequest ?? .zero), instead"
    }
  }

  private static func words(_ notification: FrontEnd.Notification) -> String {
    switch notification {
    case .eventIndex: "once until the backend has handled all that waits (event index)"
    case .flags: "while the backend asks for it, and until it has woken up (flags)"
    case .always: "at every hand-over"
    }
  }

  private static func exits(_ count: Int) -> String { count == 1 ? "1 exit" : "\(count) exits" }

  /// What the driver of a device does with an operation: register accesses with their price by kind, and bells.
  func deviceLines(of operation: GuestOperation) -> [String] {
    guard let (use, causes) = Self.causes[operation] else { return [] }
    for device in devices {
      guard case .frontEnd(let frontEnd) = device.kind, frontEnd.use == use else { continue }
      var lines: [String] = []
      for cause in causes {
        guard let accesses = frontEnd.accesses[cause] else { continue }
        let kinds = [
          (accesses.ports, "port_io", GuestOperation.devicePort, GuestOperation.portIO),
          (accesses.memory, "mmio", .deviceMemory, .mmio),
        ]
        let parts = kinds.compactMap { count, name, register, access -> String? in
          guard count > 0, let cost = design.cost(of: register) ?? design.cost(of: access) else { return nil }
          let time = Self.time(Double(count) * cost.synchronousMean)
          return "\(count) \(name) (\(time), \(Self.exits(count * cost.exits)))"
        }
        guard !parts.isEmpty else { continue }
        lines += Self.wrapped(
          "register accesses of device \(device.name), \(Self.words(cause, frontEnd)): \(parts.joined(separator: ", "))",
          indent: "  ")
      }
      let bell = design.cost(of: .doorbell)
      // Where the vCPU's own exits hand over a request, nobody is rung; packets need the bell all the same.
      let hasRing =
        operation == .netTx
        ? design.hasNetworkBackend : design.cost(of: operation).map { !$0.asynchronous.isEmpty } ?? false
      if operation != .netRx, operation != .blockCompletion, hasRing, let bell, !bell.steps.isEmpty {
        lines += Self.wrapped(
          "device \(device.name) is notified \(Self.words(frontEnd.notification)): doorbell, "
            + "\(Self.time(bell.synchronousMean)), \(Self.exits(bell.exits)) each", indent: "  ")
      }
      return lines
    }
    return []
  }
}
