/// A hypervisor design: axes, and the path of every guest operation.
public struct HypervisorDesign: Sendable {
  /// The name by which scenarios choose it.
  public let name: String
  /// One line on what system it stands for.
  public let title: String
  /// What it is, what it assumes, what it leaves out.
  public let description: String
  /// Backends whose measured steps the design may use, in YAML spelling (`vt-x`, `amd-v`, `pvm`, `none`).
  public let backends: [String]
  /// Default value of every axis.
  public let defaults: AxisValues
  /// Values that each axis may be overridden with; the default is always among them.
  public let allowed: [DesignAxis: [String]]
  /// The path of each operation that the design supports.
  public let paths: [GuestOperation: OperationPath]
  /// Memory that the design keeps for itself on a host, and for every VM, in bytes.
  public let memory: MemoryOverhead
  /// What the design can do with its guests.
  public var capabilities = DesignCapabilities()
  /// The cache of a translator; nil for a design that translates nothing, or keeps everything that it has translated.
  public let translationCache: TranslationCache?

  /// What runs beside the guests.
  public var services: [HostService] = []
  /// The host's own clock.
  public var hostTick = HostTick.usual
  /// How the host polls for wake-ups of halted vCPUs where the axis says that it does.
  public var haltPolling: HaltPolling?
  /// What an exit costs when the hypervisor itself runs in a VM; nil for a hypervisor that does not.
  public var nestedExits: NestedExits?
  /// How the balloon's driver hands pages over.
  public var balloon = BalloonDriver.usual
  /// How the backend of the network hands sent packets back; nil for each batch of the guest at once.
  public var transmitBatch: TransmitBatch?
  /// How the shadow entries that map a page are listed, by the value of the axis.
  public var reverseMappings: [String: ReverseMappings] = [:]

  /// Memory kept from guests.
  public struct MemoryOverhead: Sendable, Hashable {
    /// Bytes of each host.
    public let perHost: Int64
    /// Bytes of each VM beyond its own memory.
    public let perVM: Int64
    /// Why these figures.
    public let reason: String

    /// Creates an overhead; both figures in bytes.
    public init(perHost: Int64 = 0, perVM: Int64 = 0, reason: String = "") {
      self.perHost = perHost
      self.perVM = perVM
      self.reason = reason
    }
  }

  /// Creates a design from its parts.
  public init(
    name: String, title: String, description: String, backends: [String], defaults: AxisValues,
    allowed: [DesignAxis: [String]], paths: [GuestOperation: OperationPath], memory: MemoryOverhead = MemoryOverhead(),
    translationCache: TranslationCache? = nil
  ) {
    self.name = name
    self.title = title
    self.description = description
    self.backends = backends
    self.defaults = defaults
    self.allowed = allowed
    self.paths = paths
    self.memory = memory
    self.translationCache = translationCache
  }
}

/// Packets that the backend of the network sends at most before it hands them back to the guest, while more wait.
public struct TransmitBatch: Sendable, Hashable {
  /// How many.
  public let packets: Int
  /// Axis values that must all hold; else each batch of the guest is handed back at once.
  public let conditions: [DesignAxis: String]
  /// Where the figure comes from.
  public let source: String

  /// Creates a batch. `packets` > 0.
  public init(packets: Int, conditions: [DesignAxis: String], source: String) {
    self.packets = packets
    self.conditions = conditions
    self.source = source
  }
}

/// Where in a document something stands, for diagnostics that are found after reading.
public struct SourceLocation: Sendable, Hashable {
  /// The file as the user named it.
  public let file: String
  /// Line, from 1.
  public let line: Int
  /// Column, from 1, in characters.
  public let column: Int

  /// Creates a location.
  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }
}

/// The state of the vCPU that a derived operation meets.
public enum TargetState: UInt8, CaseIterable, Sendable, Hashable {
  case running, halted
  /// Halted, while the host polls for its wake-up: only what happens in any state.
  case polled
}

/// The steps of one guest operation under a design.
public struct OperationPath: Sendable, Hashable {
  /// What stands at one position of a path.
  public enum Element: Sendable, Hashable {
    /// The operation's steps on the bare host.
    case native
    /// A step of the catalogue at a place, so many times an operation.
    case step(name: String, place: Place, count: Int)
  }

  /// One position of a path with the conditions under which it applies.
  public struct Item: Sendable, Hashable {
    /// What happens.
    public let element: Element
    /// Axis values that must all hold.
    public let conditions: [DesignAxis: String]
    /// The state of the target vCPU in which the item applies; nil for any.
    public let target: TargetState?
    /// Whether the item names no place of its own: a design that inherits it has its own usual place.
    public let isAtUsualPlace: Bool
    /// Whether an exit goes to a hypervisor that runs in a VM, where there is one; else the one below ends it.
    public let isReflected: Bool
    /// Where the item stands in its document.
    public let location: SourceLocation

    /// Creates an item.
    public init(
      element: Element, conditions: [DesignAxis: String] = [:], target: TargetState? = nil,
      isAtUsualPlace: Bool = false, isReflected: Bool = true, location: SourceLocation
    ) {
      self.isAtUsualPlace = isAtUsualPlace
      self.isReflected = isReflected
      self.element = element
      self.conditions = conditions
      self.target = target
      self.location = location
    }

    /// The item in a design whose usual place is another.
    public func moved(to place: Place) -> Item {
      guard isAtUsualPlace, case .step(let name, _, let count) = element else { return self }
      return Item(
        element: .step(name: name, place: place, count: count), conditions: conditions, target: target,
        isAtUsualPlace: true, isReflected: isReflected, location: location)
    }

    /// Whether the item applies under the axis values and to a target in the given state.
    public func applies(under values: AxisValues, to state: TargetState?) -> Bool {
      guard target == nil || state == nil || target == state else { return false }
      return conditions.allSatisfy { values[$0.key] == $0.value }
    }
  }

  /// The items in order.
  public let items: [Item]

  /// Creates a path.
  public init(items: [Item]) { self.items = items }
}

/// A design with a value for every axis: what a host runs.
public struct DesignChoice: Sendable {
  /// The design.
  public let design: HypervisorDesign
  /// The values of its axes after the scenario's overrides.
  public let axes: AxisValues
  /// How tables and text name it: the design's name, with overrides in brackets where there are any.
  public let label: String

  /// Applies overrides to a design. The overrides must be among the design's allowed values.
  public init(design: HypervisorDesign, overrides: [DesignAxis: String] = [:]) {
    self.design = design
    var axes = design.defaults
    var changed: [String] = []
    for axis in DesignAxis.allCases {
      guard let value = overrides[axis], value != axes[axis] else { continue }
      axes[axis] = value
      changed.append("\(axis.name)=\(value)")
    }
    self.axes = axes
    label = changed.isEmpty ? design.name : "\(design.name)[\(changed.joined(separator: " "))]"
  }
}
