import Virtualization

/// Work that runs beside the guests of one host: a service of its design, or a load that has nothing to do with them.
public struct HostWork: Sendable, Hashable {
  /// The name, in tables.
  public var name: String
  /// Where it runs.
  public var home: HostService.Home
  /// Threads.
  public var threads: Int
  /// Wake-ups of each a second; nil for threads that never sleep.
  public var wakeups: Double?
  /// CPU time of a wake-up in nanoseconds.
  public var work: Double
  /// Weight of each thread against others.
  public var weight: Double
  /// Names the random streams of its threads.
  public internal(set) var stream: UInt32 = 0

  /// Creates work.
  public init(
    name: String, home: HostService.Home, threads: Int, wakeups: Double?, work: Double, weight: Double = 1
  ) {
    self.name = name
    self.home = home
    self.threads = threads
    self.wakeups = wakeups
    self.work = work
    self.weight = weight
  }

  /// Share of a processor that each thread asks for.
  public var load: Double { wakeups.map { min(1, $0 * work * 1e-9) } ?? 1 }
  /// Processors that all threads together ask for.
  public var demand: Double { Double(threads) * load }

  /// The name of a load that has nothing to do with the guests.
  public static let background = "background"
}

extension ModelAssembly {
  /// What runs beside the guests of a host, its VMs left out.
  mutating func hostWork(of group: HostGroup, _ reference: DesignReference, _ design: CompiledDesign) -> [HostWork] {
    var works: [HostWork] = []
    if reference.hasServices ?? group.design.hasServices ?? true {
      works = design.choice.design.services.map {
        HostWork(
          name: $0.name, home: $0.home, threads: $0.multiplicity == .host ? 1 : 0, wakeups: $0.wakeups, work: $0.work,
          weight: $0.weight)
      }
    }
    guard let background = group.background, background.threads > 0 else { return works }
    guard let home = design.choice.backgroundHome else {
      warn(
        "'background' of host '\(group.name)' is left out under design '\(design.choice.label)': its structure has no "
          + "place for processes beside the guests")
      return works
    }
    works.append(
      HostWork(
        name: HostWork.background, home: home, threads: background.threads,
        wakeups: background.share < 1 ? background.share / background.burst.seconds : nil,
        work: Double(background.burst.nanoseconds), weight: background.weight))
    return works
  }

  /// Gives each service of a VM as many threads as the host has VMs.
  mutating func countServices() {
    for host in hosts.indices {
      let perVM = Set(
        hosts[host].design.choice.design.services.lazy.filter { $0.multiplicity == .vm }.map(\.name))
      let count = vms.count { $0.host == host }
      for index in hosts[host].works.indices where perVM.contains(hosts[host].works[index].name) {
        hosts[host].works[index].threads = count
      }
      hosts[host].works.removeAll { $0.threads == 0 }
      for index in hosts[host].works.indices {
        hosts[host].works[index].stream = streamNames.name(
          for: "\(hosts[host].name)/\(hosts[host].works[index].name)")
      }
    }
  }
}
