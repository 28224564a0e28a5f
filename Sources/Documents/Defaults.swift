import Model
import Quantities
import Virtualization

/// What a scenario means when it leaves a key out: the one place where defaults are stated.
public enum Defaults {
  /// `count` of hosts and VMs.
  public static let count = 1
  /// `sockets` of a processor.
  public static let sockets = 1
  /// `smt_throughput` of a processor.
  public static let smtThroughput = HostProcessors.usualSMTThroughput
  /// `threads_per_core` of a processor.
  public static let threadsPerCore = 1
  /// `warmup`.
  public static let warmup = TimeSpan.zero
  /// `seed`.
  public static let seed: UInt64 = 1
  /// `page` of a host's memory.
  public static let hostPage = ByteCount(bytes: BasePage.bytes)
  /// `page` of a VM's memory.
  public static let guestPage = ByteCount(bytes: BasePage.bytes)
  /// `transparent_huge_pages` of a memory.
  public static let hugePageShare = 0.0
  /// `page_table_levels` of a memory.
  public static let pageTableLevels = 4
  /// `tagged` of a workload's memory.
  public static let tagged = true
  /// `lines` of a region of memory.
  public static let linesPerReference = 1.0
  /// `guest` of a VM.
  public static let guest = "linux"
  /// `discipline` of a workload of requests.
  public static let discipline = ServiceDiscipline.processorSharing
  /// `size` of packets.
  public static let packet = ByteCount(bytes: 1500)
  /// `size` of block requests.
  public static let block = ByteCount(bytes: 4 << 10)
  /// `ring` of a front end.
  public static let ringEntries = FrontEnd.usualEntries
  /// `queues` of a front end.
  public static let queues = 1
  /// `notification` of a front end.
  public static let notification = FrontEnd.Notification.eventIndex
  /// `compute` of a program.
  public static let compute = TimeSpan.zero
  /// `threads` of a batch.
  public static let threads = 1
}
