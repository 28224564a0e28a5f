import Model

/// Interrupts for packets that have been sent.
extension RequestPath {
  /// Whether the guest's driver asks for them.
  var tellsOfSent: Bool { handsOver && vm.io.network?.transmitInterrupts != nil }

  /// Whether the thread that sends a request's packets brings no others meanwhile, and nothing else brings the guest jobs.
  var sendsBeforeItReceives: Bool { receives && networkWorkers == 1 && blocks == 0 }

  /// Interrupts of a request for what it has sent.
  ///
  /// As many as batches that are handed over while nothing waits. What is handed over while more waits moves the wish for an
  /// interrupt on; but of two single packets under way both are told of, unless the backend sends all that wait before it
  /// hands any back.
  func sentInterrupts(drains: Double) -> Double {
    guard tellsOfSent else { return 0 }
    return tellsOfEach ? drains * (2 - drains) : drains
  }

  /// Whether of two batches under way both are told of.
  var tellsOfEach: Bool { vm.load.packetsSent == 1 && design.transmitBatch == 1 }
}
