import Quantities
import Virtualization

/// What a request's packets and block requests have become when the guest's kernel hands them on: segments, merged packets,
/// merged block requests, copies of files.
public struct RequestTraffic: Sendable, Hashable {
  /// Packets handed to the driver.
  public var sent = 0
  /// Packets received from it.
  public var received = 0
  /// Bytes of a packet sent.
  public var sentSize = ByteCount.zero
  /// Bytes of a packet received.
  public var receivedSize = ByteCount.zero
  /// Bytes of all packets sent, headers of frames included where the interface's frames are known.
  public var sentBytes = 0.0
  /// Frames that are merged into a received packet, by the kernel that has the interface; 1 where none are.
  public var mergedFrames = 1
  /// Block requests.
  public var block = BlockLoad()
  /// Block requests of the workload that were merged into others.
  public var mergedBlocks = 0.0
  /// Files of lower layers that are copied.
  public var copies = 0.0
  /// Their pages.
  public var copiedPages = 0.0

  /// Most bytes that a kernel hands to an interface, or merges, at once: what a length field of 16 bits holds.
  static let largest = 65_536.0
  /// Bytes of IPv4 and TCP headers with time stamps in a frame; of Ethernet's header, check sum, preamble and gap around it.
  static let headers = 52.0
  static let framing = 38.0
  /// Packets that a driver hands over in one poll, beyond which nothing is merged. Linux: NAPI_POLL_WEIGHT.
  static let pollWeight = 64.0
  /// Block requests that a task gathers before they go to the device. Linux: BLK_MAX_REQUEST_COUNT.
  static let plug = 32
  /// Most bytes of a merged block request. Linux: BLK_DEF_MAX_SECTORS_CAP, 1,280 KiB.
  static let largestBlock = 1280.0 * 1024
  /// Bytes of a request when a file is copied up. Linux, fs/overlayfs: OVL_COPY_UP_CHUNK_SIZE.
  static let copyChunk = 1024.0 * 1024

  /// No traffic.
  init() {}

  init(_ requests: RequestWorkload, io: IOSetting, hasLayers: Bool) {
    block = BlockLoad(.requests(requests))
    packets(requests, io: io)
    splitBlocks(io)
    mergeBlocks(requests, io.block)
    if hasLayers { copyFiles(requests) }
  }

  // MARK: Packets

  private mutating func packets(_ requests: RequestWorkload, io: IOSetting) {
    let stated = (sent: Int(requests.perRequest[.netTx] ?? 0), received: Int(requests.perRequest[.netRx] ?? 0))
    sent = stated.sent
    received = stated.received
    sentSize = requests.sentPacket
    receivedSize = requests.receivedPacket
    sentBytes = Double(sent) * Double(sentSize.bytes)
    guard let mtu = io.networkOptions.mtu else { return }
    let payload = max(1, Double(mtu.bytes) - Self.headers)
    func frames(_ size: ByteCount) -> Double { max(1, (Double(size.bytes) / payload).rounded(.up)) }
    func units(_ size: ByteCount, each: Double) -> Int { max(1, Int((Double(size.bytes) / each).rounded(.up))) }

    if stated.sent > 0 {
      let each = io.networkOptions.segmentation ? (Self.largest / payload).rounded(.down) * payload : payload
      let count = units(requests.sentPacket, each: each)
      sent = stated.sent * count
      sentSize = ByteCount(bytes: (requests.sentPacket.bytes + Int64(count) - 1) / Int64(count))
      sentBytes =
        Double(stated.sent)
        * (Double(requests.sentPacket.bytes) + frames(requests.sentPacket) * (Self.headers + Self.framing))
    }
    guard stated.received > 0 else { return }
    let count = frames(requests.receivedPacket)
    let merged = min(
      count,
      Self.merged(
        io, frame: min(Double(mtu.bytes), Double(requests.receivedPacket.bytes) + Self.headers), payload: payload))
    let packets = Int((count / merged).rounded(.up))
    received = stated.received * packets
    receivedSize = ByteCount(bytes: (requests.receivedPacket.bytes + Int64(packets) - 1) / Int64(packets))
    if io.networkOptions.merging == .kernel { mergedFrames = max(1, Int((count / Double(packets)).rounded())) }
  }

  /// Frames that are merged at most: those of one flow that arrive between two interrupts, as many as the length field and
  /// one poll hold. Without moderation a poll goes on while frames come, up to its weight.
  private static func merged(_ io: IOSetting, frame: Double, payload: Double) -> Double {
    guard io.networkOptions.merging != .none, io.network?.takesLargePackets ?? true else { return 1 }
    var most = min(pollWeight, max(1, (largest / payload).rounded(.down)))
    if io.moderation > 0, let bandwidth = io.bandwidth {
      let time = (frame + framing) * 8 / Double(bandwidth.bitsPerSecond) * 1e9
      most = min(most, 1 + (Double(io.moderation) / time).rounded(.down))
    }
    return most
  }

  // MARK: Block requests

  /// Most bytes of a request: the kernel's own bound, and what the driver's segments hold of single pages.
  private static func largestBlock(_ frontEnd: FrontEnd?) -> Double {
    min(largestBlock, frontEnd?.segments.map { Double($0) * BasePage.size } ?? .infinity)
  }

  /// Cuts block requests that are larger than a driver takes into equal parts. A task issues them together, as far as the
  /// device takes several at a time. Linux: `blk_mq_submit_bio` splits within the task's plug.
  private mutating func splitBlocks(_ io: IOSetting) {
    let takesSeveral = (io.blockOptions.ring ?? io.block?.entries ?? FrontEnd.usualEntries) > 1
    func split(_ count: inout Double, _ size: inout ByteCount) -> (cut: Double, parts: Int) {
      let parts = (Double(size.bytes) / Self.largestBlock(io.block)).rounded(.up)
      guard count > 0, parts > 1 else { return (0, 1) }
      let cut = takesSeveral ? (count, Int(parts)) : (0, 1)
      count *= parts
      size = ByteCount(bytes: Int64((Double(size.bytes) / parts).rounded()))
      return cut
    }
    (block.cutReads, block.readParts) = split(&block.reads, &block.readSize)
    (block.cutWrites, block.writeParts) = split(&block.writes, &block.writeSize)
  }

  /// Merges block requests that follow their predecessor on the disk, within a plug.
  private mutating func mergeBlocks(_ requests: RequestWorkload, _ frontEnd: FrontEnd?) {
    let largest = Self.largestBlock(frontEnd)
    let reads = Self.merging(
      block.reads, size: block.readSize, sequential: requests.sequentialReads, largest: largest)
    let writes = Self.merging(
      block.writes, size: block.writeSize, sequential: requests.sequentialWrites, largest: largest)
    mergedBlocks = block.count - reads.count - writes.count
    block.reads = reads.count
    block.writes = writes.count
    block.readSize = reads.size
    block.writeSize = writes.size
  }

  /// Expected requests of the device for `count` of the workload, each of which follows its predecessor with a
  /// probability; a run ends at the largest size.
  private static func merging(
    _ count: Double, size: ByteCount, sequential: Double, largest: Double
  ) -> (count: Double, size: ByteCount) {
    let whole = Int(count.rounded(.down))
    guard sequential > 0, whole > 1, size.bytes > 0 else { return (count, size) }
    let longest = max(1, Int(largest / Double(size.bytes)))
    /// Requests for a plug of `length`, by the distribution of the present run's length.
    func runs(_ length: Int) -> Double {
      var runs = 1.0
      var lengths = [1.0]
      for _ in 1..<max(1, length) {
        let full = lengths.count == longest ? lengths[longest - 1] : 0
        let breaks = (1 - sequential) * (1 - full) + full
        lengths = [breaks] + lengths.prefix(longest - 1).map { $0 * sequential }
        runs += breaks
      }
      return runs
    }
    let rest = whole % plug
    let merged = Double(whole / plug) * runs(plug) + (rest > 0 ? runs(rest) : 0) + (count - Double(whole))
    return (merged, ByteCount(bytes: Int64((Double(size.bytes) * count / merged).rounded())))
  }

  // MARK: Files

  /// A file of a lower layer is read and written whole before its first write.
  private mutating func copyFiles(_ requests: RequestWorkload) {
    let size = Double(requests.firstWriteSize.bytes)
    copies = requests.perRequest[.fileFirstWrite] ?? 0
    guard copies > 0, size > 0 else { return }
    copiedPages = copies * (size / BasePage.size).rounded(.up)
    let chunks = copies * (size / Self.copyChunk).rounded(.up)
    block.add(reads: chunks, bytes: copies * size)
    block.add(writes: chunks, bytes: copies * size)
  }

  /// Puts the traffic in the place of what the workload states.
  func apply(to rates: inout [GuestOperation: Double]) {
    func set(_ operation: GuestOperation, _ rate: Double) { rates[operation] = rate > 0 ? rate : nil }
    set(.netTx, Double(sent))
    set(.netRx, Double(received))
    set(.blockRead, block.reads)
    set(.blockWrite, block.writes)
    set(.blockMerge, mergedBlocks)
    set(.fileFirstWrite, copies)
    set(.copiedPage, copiedPages)
  }
}

extension CompiledDesign {
  /// The design with the price of what the guest's kernel merges: block requests by the guest; frames by the kernel that has
  /// the interface, which is the backend's where there is one.
  func merging(_ traffic: RequestTraffic) -> CompiledDesign {
    var design = self
    func charge(_ step: String, place: Place, count: Int) -> StepCharge? {
      guard let price = profile.price(of: step, backends: choice.design.backends) else { return nil }
      return StepCharge(
        step: step, place: place, count: count, exitsPerStep: 0, stepMean: price.nanoseconds,
        distribution: price.cost.distribution, kind: price.cost.kind)
    }
    if traffic.mergedBlocks > 0, let merge = charge("block_merge", place: .guest, count: 1) {
      design = design.replacing(
        .blockMerge, by: OperationCost(steps: [.init(charge: merge, role: .native)], bareHost: merge.mean))
    }
    guard traffic.mergedFrames > 1, let cost = design.cost(of: .netRx) else { return design }
    let backend = cost.asynchronous.first?.place
    guard let merge = charge("frame_merge", place: backend ?? .guest, count: traffic.mergedFrames) else {
      return design
    }
    return design.replacing(
      .netRx,
      by: OperationCost(
        steps: cost.steps + [.init(charge: merge, role: backend == nil ? .native : .asynchronous)],
        bareHost: cost.bareHostMean + merge.mean))
  }
}
