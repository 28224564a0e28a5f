/// A job's place in a station, by which its caller can name it as long as it is there.
public struct JobTicket: Sendable, Hashable, BitwiseCopyable {
  let slot: UInt32
  let generation: UInt32
}
