/// Packets on their way back to a driver that asks to be told of them, counted since the beginning.
///
/// It frees what has come back and asks for an interrupt when it sends, when it polls for received packets, and when it has
/// been interrupted: in the first two cases after a share of what is under way, in the last one for the next packet.
/// Linux: `virtqueue_enable_cb_delayed` in `start_xmit` and `virtnet_poll_cleantx`, `virtqueue_enable_cb_prepare` in
/// `virtnet_poll_tx`.
public struct SentPackets: Sendable {
  /// Handed over, sent, handed back, and freed by the driver.
  private var given: Int64 = 0
  private var done: Int64 = 0
  private var back: Int64 = 0
  private var freed: Int64 = 0
  /// The packet after which the driver wants an interrupt, while it does.
  private var wanted: Int64 = 0
  private var isAsked = false
  /// Whether an interrupt is on its way to the driver.
  public private(set) var isTelling = false

  /// Nothing has been sent.
  public init() {}

  /// The driver frees what has come back, asks, and hands over so many packets more, of which it asks with the last one; none
  /// where it polls.
  ///
  /// - Parameter share: of what is under way, after which it wants to be interrupted.
  public mutating func ask(handing packets: Int64, after share: Double) {
    freed = back
    let underway = given - freed + max(0, packets - 1)
    wanted = freed + Int64(share * Double(underway))
    isAsked = !isTelling
    given += packets
  }

  /// The backend has sent so many packets: it hands back what it has sent, unless others wait, which it sends first up to a
  /// batch. Returns whether it interrupts the driver for that.
  public mutating func send(_ packets: Int64, isLast: Bool, batch: Int64) -> Bool {
    done += packets
    guard isLast || done - back >= batch else { return false }
    let before = back
    back = done
    guard isAsked, wanted >= before, wanted < done else { return false }
    isAsked = false
    // Before anybody is interrupted: who is polled for may take it at once.
    isTelling = true
    return true
  }

  /// The driver has been interrupted: it frees what has come back and asks for the next one.
  public mutating func free() {
    guard isTelling else { return }
    isTelling = false
    freed = back
    wanted = back
    isAsked = true
  }
}
