/// The independent choices of which a hypervisor design is made; raw values are the names in YAML, CSV and text.
public enum DesignAxis: String, CaseIterable, Sendable, Hashable, CustomStringConvertible {
  case cpu, paging, interrupts, network, disk, structure
  case guestPageTableIsolation = "guest_page_table_isolation"
  case hostPageTableIsolation = "host_page_table_isolation"
  case dirtyLogging = "dirty_logging"
  case mitigations, scheduler, nesting
  case nestedTables = "nested_tables"
  case iommu
  case dmaMapping = "dma_mapping"
  case hypervisorMode = "hypervisor_mode"
  case pauseLoopExiting = "pause_loop_exiting"
  case paravirtualLocks = "paravirtual_locks"
  case fileSystem = "file_system"
  case ipis, flushes
  case haltPolling = "halt_polling"
  case reverseMappings = "reverse_mappings"
  case shadowLock = "shadow_lock"

  /// The values that the cost model knows for this axis.
  public var knownValues: [String] {
    switch self {
    case .cpu: ["native", "hardware_assisted", "deprivileged", "translated", "kernel_translated"]
    case .paging: ["native", "nested", "shadow", "hybrid", "direct_paravirtual", "software"]
    case .interrupts: ["native", "emulated", "accelerated", "posted"]
    case .network:
      [
        "native", "bridge", "bridge_only", "emulated", "virtio_user", "vhost", "xen_ring", "vmbus", "vmxnet3",
        "passthrough", "sriov",
      ]
    case .disk: ["native", "emulated", "virtio_user", "virtio", "xen_ring", "vmbus", "pvscsi", "passthrough", "sriov"]
    case .structure:
      ["bare", "container", "container_in_vm", "host_kernel", "hosted", "privileged_domain", "hypervisor_kernel"]
    case .guestPageTableIsolation, .hostPageTableIsolation, .mitigations, .paravirtualLocks, .haltPolling:
      ["off", "on"]
    case .pauseLoopExiting: PauseLoops.Response.allCases.map(\.rawValue)
    case .dirtyLogging: ["none", "write_protect", "log_buffer"]
    case .scheduler: SchedulerKind.allCases.map(\.rawValue)
    case .nesting: ["none", "vmcs_shadowing", "vmcs_trapped"]
    case .nestedTables: ["none", "trapped", "free"]
    case .ipis: ["exit", "virtualized"]
    case .flushes: ["interrupt", "paravirtual"]
    case .iommu: ["none", "hardware", "emulated", "nested"]
    case .dmaMapping: ["strict", "lazy"]
    case .fileSystem: ["plain", "overlay"]
    case .hypervisorMode: ["none", "vhe", "split"]
    case .reverseMappings: ["none", "short_records", "long_records", "head_records"]
    case .shadowLock: ShadowLock.Grain.allCases.map(\.rawValue)
    }
  }

  /// The value of an axis that a design need not state; nil for one that it must.
  public var usualValue: String? {
    switch self {
    case .dirtyLogging, .nesting, .nestedTables, .iommu, .hypervisorMode, .reverseMappings: "none"
    case .dmaMapping: "strict"
    case .fileSystem: "plain"
    case .mitigations, .pauseLoopExiting, .paravirtualLocks, .haltPolling: "off"
    case .ipis: "exit"
    case .shadowLock: ShadowLock.Grain.vm.rawValue
    case .flushes: "interrupt"
    case .scheduler: SchedulerKind.fair.rawValue
    default: nil
    }
  }

  /// Whether a scenario may choose any value under every design, whatever the design's own is.
  public var isFree: Bool { self == .scheduler }

  /// The name used in YAML, CSV and text.
  public var name: String { rawValue }
  /// The name used in YAML, CSV and text.
  public var description: String { rawValue }
}

/// One value for every axis.
public struct AxisValues: Sendable, Hashable {
  private var values: [DesignAxis: String]

  /// Every axis at the given value; axes that are not named are empty.
  public init(_ values: [DesignAxis: String] = [:]) {
    self.values = values.filter { !$0.value.isEmpty }
  }

  /// The value of one axis.
  public subscript(_ axis: DesignAxis) -> String {
    get { values[axis] ?? "" }
    set { values[axis] = newValue.isEmpty ? nil : newValue }
  }
}
