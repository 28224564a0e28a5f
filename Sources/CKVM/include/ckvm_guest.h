// The guest that probes run in: flat 64-bit code on identity-mapped 4 KiB pages, without any operating system.
#ifndef CKVM_GUEST_H
#define CKVM_GUEST_H

#include "ckvm.h"

#if CKVM_SUPPORTED

/// The privilege level at which a guest's loop runs.
enum ckvm_mode {
  /// CPL 0, for backends that run guest kernels on the hardware (VT-x, AMD-V).
  CKVM_MODE_CPL0,
  /// CPL 3, for software backends (PVM), which run user code natively and emulate CPL 0 code instruction by instruction.
  /// Privileged instructions then stand in the handler of an `int3`.
  CKVM_MODE_CPL3,
};

// Guest-physical, and by the identity map also virtual, addresses.
enum {
  CKVM_GDT = 0x1000,
  CKVM_IDT = 0x2000,
  CKVM_TSS = 0x3000,
  CKVM_TSS_SIZE = 0x80,
  CKVM_PML4 = 0x10000,
  CKVM_PDPT = 0x11000,
  CKVM_PAGE_DIRECTORY = 0x12000,
  CKVM_WINDOW_TABLE = 0x13000,
  CKVM_LOW_TABLES = 0x20000,
  CKVM_KERNEL_STACK = 0x60000,
  CKVM_USER_STACK = 0x70000,
  /// Each vCPU's stacks lie so far below the previous one's.
  CKVM_STACK_SIZE = 0x4000,
  CKVM_CODE = 0x100000,
  CKVM_CODE_END = 0x140000,
  CKVM_HANDLERS = 0x140000,
  CKVM_HANDLERS_END = 0x150000,
  CKVM_STUBS = 0x150000,
  /// A page that guest and host both read and write while the guest runs.
  CKVM_SHARED = 0x160000,
  CKVM_DATA_TABLES = 0x200000,
  CKVM_LOW_SIZE = 0x1000000,
  /// Pages for touching, in a memory slot of their own: three areas of equal size.
  CKVM_AREA_SIZE = 0x2000000,
  CKVM_DATA = 0x8000000,
  CKVM_DATA_SIZE = 3 * CKVM_AREA_SIZE,
  /// Host memory is absent before a run, so that a first touch makes the host allocate.
  CKVM_COLD = CKVM_DATA,
  /// Host memory is present, but KVM maps none of it: a first touch only fills.
  CKVM_REFILL = CKVM_DATA + CKVM_AREA_SIZE,
  /// Stays as it is from run to run. Its address and size let a cursor wrap by masks.
  CKVM_WARM = CKVM_DATA + 2 * CKVM_AREA_SIZE,
  /// The leaf entry of the first warm page.
  CKVM_WARM_ENTRY = CKVM_DATA_TABLES + 2 * CKVM_AREA_SIZE / 0x1000 * 8,
  /// An address that no page table maps.
  CKVM_UNMAPPED = 0x3e000000,
  /// Virtual address of two pages of device registers, and where they are in guest-physical memory.
  CKVM_WINDOW = 0x3f000000,
};
#define CKVM_DEVICE 0xd0000000ull
/// A write here ends a run; the guest's result is in R13.
#define CKVM_DONE (CKVM_DEVICE + 0x1000)
/// A write here tells the vector of an exception that no payload expects.
#define CKVM_UNEXPECTED (CKVM_DEVICE + 0x1008)

/// Offsets in the device page and ports that something listens to.
enum {
  CKVM_MMIO_USER = 0x000,
  CKVM_MMIO_EVENTFD = 0x100,
  CKVM_MMIO_COALESCED = 0x200,
  CKVM_PORT_USER = 0x10,
  CKVM_PORT_EVENTFD = 0x20,
};

/// Vectors of interrupts.
enum { CKVM_DEVICE_VECTOR = 0x40, CKVM_IPI_VECTOR = 0x41, CKVM_TIMER_VECTOR = 0x42 };

/// How the pages of the data slot look before a run.
struct ckvm_data_pages {
  /// The accessed and dirty bits of the guest's leaf entries are set.
  bool is_accessed;
  /// Host memory is backed by 2 MiB pages where the kernel has them.
  bool is_huge;
  /// The slot logs dirty pages.
  bool is_logged;
};

/// One VM with its memory and its vCPUs.
struct ckvm_guest {
  struct ckvm_vm vm;
  struct ckvm_vcpu vcpus[2];
  int vcpu_count;
  enum ckvm_mode mode;
  uint8_t *low;
  uint8_t *data;
  /// `data` as it was mapped, for unmapping; `data` is aligned to 2 MiB in it.
  void *data_mapping;
  struct ckvm_data_pages pages;
  bool has_irqchip;
  int port_eventfd;
  int mmio_eventfd;
  struct ckvm_statistics statistics;
};

struct ckvm_guest_options {
  enum ckvm_mode mode;
  int vcpus;
  bool irqchip;
  struct ckvm_data_pages pages;
};

/// Builds a guest. On failure nothing is left, and `step` names the call that failed.
int ckvm_guest_create(
    const struct ckvm_system *system, const struct ckvm_guest_options *options, struct ckvm_guest *guest,
    const char **step);
void ckvm_guest_destroy(struct ckvm_guest *guest);

/// Makes `cold` bytes of the cold area absent again, and `refill` bytes of the refill area present but unmapped by KVM,
/// with the accessed bits of the guest's entries as they were at first. The memory slot stays: KVM drops its mappings
/// through the MMU notifier and keeps its table pages.
int ckvm_guest_reset_data(struct ckvm_guest *guest, uint64_t cold, uint64_t refill);

/// Points a vector at guest code.
void ckvm_guest_set_handler(struct ckvm_guest *guest, uint8_t vector, uint64_t handler);

/// Registers for the start of a payload at `CKVM_CODE`.
int ckvm_guest_set_start(struct ckvm_guest *guest, int vcpu, const struct kvm_regs *registers);

/// Runs a vCPU until the guest says that it is done. Device accesses of the payloads are served on the way.
///
/// Returns 0; -EINTR when a signal came; -EPROTO when the guest did something that no payload does, with the exit in
/// `*last`.
int ckvm_guest_run(struct ckvm_guest *guest, int vcpu, struct ckvm_exit *last);

#endif
#endif
