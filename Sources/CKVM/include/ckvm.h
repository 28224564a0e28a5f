// A thin shim over the KVM API, in the kernel's own hierarchy: system (/dev/kvm), vm, vcpu. Functions return 0 or a
// value >= 0, or a negated errno; nothing here prints or exits.
#ifndef CKVM_H
#define CKVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether this build can talk to KVM at all.
#if defined(__linux__) && defined(__x86_64__)
#define CKVM_SUPPORTED 1
#include <linux/kvm.h>
#else
#define CKVM_SUPPORTED 0
#endif

#if CKVM_SUPPORTED

// ---- /dev/kvm ----

struct ckvm_system {
  int fd;
};

/// Opens the device; -ENOENT where there is none, -EACCES without permission, -ENOTTY if it is no KVM device.
int ckvm_system_open(struct ckvm_system *system, const char *path);
void ckvm_system_close(struct ckvm_system *system);
/// KVM_GET_API_VERSION: 12 on all current kernels.
int ckvm_system_api_version(const struct ckvm_system *system);
/// KVM_CHECK_EXTENSION.
int ckvm_system_check_extension(const struct ckvm_system *system, unsigned long capability);

// ---- virtual machine ----

struct ckvm_vm {
  int fd;
  const struct ckvm_system *system;
};

int ckvm_vm_create(const struct ckvm_system *system, struct ckvm_vm *vm);
void ckvm_vm_destroy(struct ckvm_vm *vm);
/// KVM_SET_USER_MEMORY_REGION; a size of 0 deletes the slot.
int ckvm_vm_set_memory(
    const struct ckvm_vm *vm, uint32_t slot, uint32_t flags, uint64_t address, uint64_t size, void *host);
/// KVM_GET_DIRTY_LOG: fetches the bitmap and write-protects what it names.
int ckvm_vm_get_dirty_log(const struct ckvm_vm *vm, uint32_t slot, void *bitmap);
int ckvm_vm_create_irqchip(const struct ckvm_vm *vm);
/// One MSI route: `gsi` delivers `vector` to the local APIC `destination`.
int ckvm_vm_set_msi_route(const struct ckvm_vm *vm, uint32_t gsi, uint8_t vector, uint8_t destination);
int ckvm_vm_irqfd(const struct ckvm_vm *vm, int fd, uint32_t gsi);
int ckvm_vm_ioeventfd(const struct ckvm_vm *vm, int fd, uint64_t address, uint32_t length, bool is_port);
int ckvm_vm_coalesce_mmio(const struct ckvm_vm *vm, uint64_t address, uint32_t size);
/// KVM_CAP_HALT_POLL: the longest halt polling of this VM in nanoseconds.
int ckvm_vm_set_halt_polling(const struct ckvm_vm *vm, uint32_t nanoseconds);

// ---- virtual CPU ----

struct ckvm_vcpu {
  int fd;
  struct kvm_run *run;
  size_t run_size;
};

int ckvm_vcpu_create(const struct ckvm_vm *vm, uint32_t id, struct ckvm_vcpu *vcpu);
void ckvm_vcpu_destroy(struct ckvm_vcpu *vcpu);
/// KVM_SET_CPUID2 with what KVM supports, and x2APIC and TSC-deadline timer offered.
int ckvm_vcpu_set_supported_cpuid(const struct ckvm_vcpu *vcpu, const struct ckvm_system *system);
int ckvm_vcpu_get_registers(const struct ckvm_vcpu *vcpu, struct kvm_regs *registers);
int ckvm_vcpu_set_registers(const struct ckvm_vcpu *vcpu, const struct kvm_regs *registers);
int ckvm_vcpu_get_special_registers(const struct ckvm_vcpu *vcpu, struct kvm_sregs *registers);
int ckvm_vcpu_set_special_registers(const struct ckvm_vcpu *vcpu, const struct kvm_sregs *registers);
/// Enables the local APIC in x2APIC mode, its timer in TSC-deadline mode with the given vector.
int ckvm_vcpu_enable_apic(const struct ckvm_vcpu *vcpu, uint8_t timer_vector);
/// KVM_SET_MP_STATE: a vCPU other than the first starts without waiting for the start-up interrupts of its siblings.
int ckvm_vcpu_make_runnable(const struct ckvm_vcpu *vcpu);
/// KVM_RUN; -EINTR when a signal or `immediate_exit` ended it.
int ckvm_vcpu_run(const struct ckvm_vcpu *vcpu);

// ---- exits to userspace ----

enum ckvm_exit_kind {
  CKVM_EXIT_PORT_OUT,       // KVM_EXIT_IO, out
  CKVM_EXIT_PORT_IN,        // KVM_EXIT_IO, in
  CKVM_EXIT_MMIO_READ,      // KVM_EXIT_MMIO
  CKVM_EXIT_MMIO_WRITE,     // KVM_EXIT_MMIO
  CKVM_EXIT_HALT,           // KVM_EXIT_HLT
  CKVM_EXIT_SHUTDOWN,       // KVM_EXIT_SHUTDOWN
  CKVM_EXIT_INTERRUPTED,    // KVM_EXIT_INTR
  CKVM_EXIT_ENTRY_FAILED,   // KVM_EXIT_FAIL_ENTRY
  CKVM_EXIT_INTERNAL_ERROR, // KVM_EXIT_INTERNAL_ERROR
  CKVM_EXIT_UNSUPPORTED,    // any other; `reason` has the raw number
};

struct ckvm_exit {
  enum ckvm_exit_kind kind;
  /// KVM's raw exit reason.
  uint32_t reason;
  /// Port or guest-physical address; hardware or internal error number.
  uint64_t address;
  uint32_t length;
  /// What the guest wrote, or where the answer to its read goes.
  void *data;
};

/// The exit that the last KVM_RUN ended with.
struct ckvm_exit ckvm_vcpu_exit(const struct ckvm_vcpu *vcpu);
/// A word for an exit's kind.
const char *ckvm_exit_name(enum ckvm_exit_kind kind);

// ---- binary statistics (KVM_GET_STATS_FD) ----

enum { CKVM_STATISTICS_MAX = 128, CKVM_STATISTIC_NAME = 48 };

/// The counters of one VM or vCPU: names once, values at every reading by one pread.
struct ckvm_statistics {
  int fd;
  int count;
  uint32_t data_offset;
  uint32_t data_size;
  char names[CKVM_STATISTICS_MAX][CKVM_STATISTIC_NAME];
  uint32_t offsets[CKVM_STATISTICS_MAX];
};

/// Opens the statistics behind a vm's or vcpu's descriptor.
int ckvm_statistics_open(int descriptor, struct ckvm_statistics *statistics);
void ckvm_statistics_close(struct ckvm_statistics *statistics);
/// Reads all counters; `values` has room for CKVM_STATISTICS_MAX.
int ckvm_statistics_read(const struct ckvm_statistics *statistics, uint64_t *values);
/// Index of a counter, or -1.
int ckvm_statistics_index(const struct ckvm_statistics *statistics, const char *name);

#endif
#endif
