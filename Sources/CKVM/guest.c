#include "ckvm_guest.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  PAGE = 0x1000,
  HUGE_PAGE = 0x200000,
  PRESENT = 1,
  WRITABLE = 2,
  USER = 4,
  ACCESSED = 0x20,
  DIRTY = 0x40,
  LEAF = PRESENT | WRITABLE | USER,
};

static void write64(uint8_t *base, uint64_t address, uint64_t value) { memcpy(base + address, &value, sizeof value); }

/// Leaf tables for `size` bytes at `address`, from `table` on, and their entries in the page directory.
static void map(uint8_t *low, uint64_t table, uint64_t address, uint64_t size, uint64_t physical, uint64_t flags) {
  for (uint64_t offset = 0; offset < size; offset += PAGE) {
    const uint64_t page = address + offset;
    const uint64_t leaf_table = table + (page / HUGE_PAGE - address / HUGE_PAGE) * PAGE;
    write64(low, CKVM_PAGE_DIRECTORY + page / HUGE_PAGE * 8, leaf_table | LEAF | ACCESSED);
    write64(low, leaf_table + page / PAGE % 512 * 8, (physical + offset) | flags);
  }
}

/// An interrupt gate; int3 may come from CPL 3.
static void set_gate(uint8_t *low, uint8_t vector, uint64_t handler) {
  const uint64_t type = vector == 3 ? 0xee00 : 0x8e00;
  const uint64_t gate = (handler & 0xffff) | 0x10 << 16 | type << 32 | (handler >> 16 & 0xffff) << 48;
  write64(low, CKVM_IDT + vector * 16u, gate);
  write64(low, CKVM_IDT + vector * 16u + 8, 0);
}

void ckvm_guest_set_handler(struct ckvm_guest *guest, uint8_t vector, uint64_t handler) {
  set_gate(guest->low, vector, handler);
}

static void build_descriptor_tables(uint8_t *low) {
  static const struct {
    unsigned offset;
    uint64_t value;
  } segments[] = {
    {0x10, 0x00af9b000000ffff}, // code, CPL 0, 64-bit
    {0x18, 0x00cf93000000ffff}, // data, CPL 0
    {0x28, 0x00cff3000000ffff}, // data, CPL 3
    {0x30, 0x00affb000000ffff}, // code, CPL 3, 64-bit
  };
  for (size_t index = 0; index < sizeof segments / sizeof segments[0]; index++) {
    write64(low, CKVM_GDT + segments[index].offset, segments[index].value);
  }
  const uint64_t base = CKVM_TSS;
  write64(low, CKVM_GDT + 0x40, 0x67 | base << 16 | 0x00008b0000000000ull);
  write64(low, CKVM_GDT + 0x48, 0);
  for (uint64_t vcpu = 0; vcpu < 2; vcpu++) {
    write64(low, CKVM_TSS + vcpu * CKVM_TSS_SIZE + 4, CKVM_KERNEL_STACK - vcpu * CKVM_STACK_SIZE); // RSP0
  }
  for (uint64_t vector = 0; vector < 256; vector++) {
    const uint64_t handler = CKVM_STUBS + vector * 16;
    set_gate(low, (uint8_t)vector, handler);
    const uint8_t stub[] = {
      0xb8, (uint8_t)vector, 0, 0, 0,                                // mov $vector,%eax
      0x89, 0x04, 0x25, 0x08, 0x10, 0x00, (uint8_t)(CKVM_WINDOW >> 24), // mov %eax,CKVM_WINDOW+0x1008
      0xeb, 0xfe,                                                    // jmp .
    };
    memcpy(low + handler, stub, sizeof stub);
  }
}

static void build_low_memory(struct ckvm_guest *guest) {
  uint8_t *low = guest->low;
  write64(low, CKVM_PML4, CKVM_PDPT | LEAF | ACCESSED);
  write64(low, CKVM_PDPT, CKVM_PAGE_DIRECTORY | LEAF | ACCESSED);
  map(low, CKVM_LOW_TABLES, 0, CKVM_LOW_SIZE, 0, LEAF | ACCESSED | DIRTY);
  map(low, CKVM_WINDOW_TABLE, CKVM_WINDOW, 2 * PAGE, CKVM_DEVICE, LEAF | ACCESSED | DIRTY);
  build_descriptor_tables(low);
}

/// Leaf entries of the area at `address`, of which `size` bytes are to look unused.
static void map_data(struct ckvm_guest *guest, uint64_t address, uint64_t size) {
  const uint64_t used = guest->pages.is_accessed || address == CKVM_WARM ? ACCESSED | DIRTY : 0;
  map(guest->low, CKVM_DATA_TABLES + (address - CKVM_DATA) / HUGE_PAGE * PAGE, address, size, address, LEAF | used);
}

static int make_present(uint8_t *start, uint64_t size) {
#ifdef MADV_POPULATE_WRITE
  if (madvise(start, size, MADV_POPULATE_WRITE) == 0) return 0;
#endif
  for (uint64_t offset = 0; offset < size; offset += PAGE) *(volatile uint8_t *)(start + offset) = 0;
  return 0;
}

int ckvm_guest_reset_data(struct ckvm_guest *guest, uint64_t cold, uint64_t refill) {
  if (cold > CKVM_AREA_SIZE || refill > CKVM_AREA_SIZE) return -EINVAL;
  if (cold > 0) {
    if (madvise(guest->data, cold, MADV_DONTNEED) < 0) return -errno;
    map_data(guest, CKVM_COLD, cold);
  }
  if (refill == 0) return 0;
  uint8_t *start = guest->data + CKVM_AREA_SIZE;
  if (madvise(start, refill, MADV_DONTNEED) < 0) return -errno;
  map_data(guest, CKVM_REFILL, refill);
  return make_present(start, refill);
}

static int set_vcpu_state(struct ckvm_guest *guest, int index) {
  struct ckvm_vcpu *vcpu = &guest->vcpus[index];
  struct kvm_sregs special;
  int result = ckvm_vcpu_get_special_registers(vcpu, &special);
  if (result < 0) return result;
  const bool is_user = guest->mode == CKVM_MODE_CPL3;
  const struct kvm_segment code = {
    .limit = 0xffffffff, .selector = is_user ? 0x33 : 0x10, .type = 11, .present = 1, .dpl = is_user ? 3 : 0,
    .s = 1, .l = 1, .g = 1};
  const struct kvm_segment data = {
    .limit = 0xffffffff, .selector = is_user ? 0x2b : 0x18, .type = 3, .present = 1, .dpl = is_user ? 3 : 0,
    .db = 1, .s = 1, .g = 1};
  special.cs = code;
  special.ds = special.es = special.fs = special.gs = special.ss = data;
  special.tr = (struct kvm_segment){
    .base = CKVM_TSS + (uint64_t)index * CKVM_TSS_SIZE, .limit = 0x67, .selector = 0x40, .type = 11, .present = 1};
  special.gdt = (struct kvm_dtable){.base = CKVM_GDT, .limit = 0x7f};
  special.idt = (struct kvm_dtable){.base = CKVM_IDT, .limit = 0xfff};
  special.cr0 = 0x80050033; // PG AM WP NE ET MP PE
  special.cr3 = CKVM_PML4;
  special.cr4 = 0x620;      // OSXMMEXCPT OSFXSR PAE
  special.efer = 0xd01;     // NXE LMA LME SCE
  if (guest->has_irqchip) special.apic_base = 0xfee00c00u | (index == 0 ? 0x100u : 0u); // x2APIC; BSP
  return ckvm_vcpu_set_special_registers(vcpu, &special);
}

static int add_vcpu(struct ckvm_guest *guest, int index, const char **step) {
  int result;
  *step = "KVM_CREATE_VCPU";
  if ((result = ckvm_vcpu_create(&guest->vm, (uint32_t)index, &guest->vcpus[index])) < 0) return result;
  guest->vcpu_count = index + 1;
  *step = "KVM_SET_CPUID2";
  if ((result = ckvm_vcpu_set_supported_cpuid(&guest->vcpus[index], guest->vm.system)) < 0) return result;
  *step = "KVM_SET_SREGS";
  if ((result = set_vcpu_state(guest, index)) < 0) return result;
  if (!guest->has_irqchip) return 0;
  *step = "KVM_SET_LAPIC";
  if ((result = ckvm_vcpu_enable_apic(&guest->vcpus[index], CKVM_TIMER_VECTOR)) < 0) return result;
  *step = "KVM_SET_MP_STATE";
  return ckvm_vcpu_make_runnable(&guest->vcpus[index]);
}

static int add_devices(struct ckvm_guest *guest, const char **step) {
  int result;
  *step = "eventfd";
  guest->port_eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  guest->mmio_eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (guest->port_eventfd < 0 || guest->mmio_eventfd < 0) return -errno;
  *step = "KVM_IOEVENTFD";
  if ((result = ckvm_vm_ioeventfd(&guest->vm, guest->port_eventfd, CKVM_PORT_EVENTFD, 1, true)) < 0) return result;
  result = ckvm_vm_ioeventfd(&guest->vm, guest->mmio_eventfd, CKVM_DEVICE + CKVM_MMIO_EVENTFD, 4, false);
  if (result < 0) return result;
  *step = "KVM_REGISTER_COALESCED_MMIO";
  return ckvm_vm_coalesce_mmio(&guest->vm, CKVM_DEVICE + CKVM_MMIO_COALESCED, 4);
}

static int build(struct ckvm_guest *guest, const struct ckvm_guest_options *options, const char **step) {
  int result;
  *step = "KVM_CREATE_VM";
  if ((result = ckvm_vm_create(guest->vm.system, &guest->vm)) < 0) return result;
  *step = "mmap";
  guest->low = mmap(NULL, CKVM_LOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (guest->low == MAP_FAILED) {
    guest->low = NULL;
    return -errno;
  }
  guest->data_mapping =
      mmap(NULL, CKVM_DATA_SIZE + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (guest->data_mapping == MAP_FAILED) {
    guest->data_mapping = NULL;
    return -errno;
  }
  const uintptr_t start = (uintptr_t)guest->data_mapping;
  guest->data = (uint8_t *)((start + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
  *step = "KVM_SET_USER_MEMORY_REGION";
  if ((result = ckvm_vm_set_memory(&guest->vm, 0, 0, 0, CKVM_LOW_SIZE, guest->low)) < 0) return result;
  build_low_memory(guest);
  madvise(guest->data, CKVM_DATA_SIZE, guest->pages.is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  make_present(guest->data + 2 * CKVM_AREA_SIZE, CKVM_AREA_SIZE);
  for (uint64_t area = CKVM_COLD; area <= CKVM_WARM; area += CKVM_AREA_SIZE) map_data(guest, area, CKVM_AREA_SIZE);
  const uint32_t flags = guest->pages.is_logged ? KVM_MEM_LOG_DIRTY_PAGES : 0;
  result = ckvm_vm_set_memory(&guest->vm, 1, flags, CKVM_DATA, CKVM_DATA_SIZE, guest->data);
  if (result < 0) return result;
  if (options->irqchip) {
    *step = "KVM_CREATE_IRQCHIP";
    if ((result = ckvm_vm_create_irqchip(&guest->vm)) < 0) return result;
    guest->has_irqchip = true;
  }
  if ((result = add_devices(guest, step)) < 0) return result;
  for (int index = 0; index < (options->vcpus > 1 ? 2 : 1); index++) {
    if ((result = add_vcpu(guest, index, step)) < 0) return result;
  }
  *step = "KVM_GET_STATS_FD";
  return ckvm_statistics_open(guest->vcpus[0].fd, &guest->statistics);
}

int ckvm_guest_create(
    const struct ckvm_system *system, const struct ckvm_guest_options *options, struct ckvm_guest *guest,
    const char **step) {
  memset(guest, 0, sizeof *guest);
  guest->vm = (struct ckvm_vm){.fd = -1, .system = system};
  guest->vcpus[0].fd = guest->vcpus[1].fd = -1;
  guest->port_eventfd = guest->mmio_eventfd = guest->statistics.fd = -1;
  guest->mode = options->mode;
  guest->pages = options->pages;
  const int result = build(guest, options, step);
  if (result < 0) ckvm_guest_destroy(guest);
  return result < 0 ? result : 0;
}

void ckvm_guest_destroy(struct ckvm_guest *guest) {
  ckvm_statistics_close(&guest->statistics);
  for (int index = 0; index < 2; index++) ckvm_vcpu_destroy(&guest->vcpus[index]);
  if (guest->port_eventfd >= 0) close(guest->port_eventfd);
  if (guest->mmio_eventfd >= 0) close(guest->mmio_eventfd);
  ckvm_vm_destroy(&guest->vm);
  if (guest->low) munmap(guest->low, CKVM_LOW_SIZE);
  if (guest->data_mapping) munmap(guest->data_mapping, CKVM_DATA_SIZE + HUGE_PAGE);
  guest->low = NULL;
  guest->data_mapping = NULL;
}

int ckvm_guest_set_start(struct ckvm_guest *guest, int vcpu, const struct kvm_regs *registers) {
  struct kvm_regs start = *registers;
  // In user mode interrupts are open and the I/O privilege level is 3, so that IN and OUT reach the port path.
  start.rflags = guest->mode == CKVM_MODE_CPL3 ? 0x3202 : 0x2;
  start.rsp = guest->mode == CKVM_MODE_CPL3 ? CKVM_USER_STACK : CKVM_KERNEL_STACK;
  start.rsp -= (uint64_t)vcpu * CKVM_STACK_SIZE;
  return ckvm_vcpu_set_registers(&guest->vcpus[vcpu], &start);
}

/// Takes what the guest stored in the ring of coalesced writes, lest it fills and every write exits.
static void drain_coalesced(const struct ckvm_guest *guest, const struct ckvm_vcpu *vcpu) {
  const int page = ckvm_system_check_extension(guest->vm.system, KVM_CAP_COALESCED_MMIO);
  if (page <= 0) return;
  struct kvm_coalesced_mmio_ring *ring = (void *)((char *)vcpu->run + (size_t)page * PAGE);
  __atomic_store_n(&ring->first, __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

int ckvm_guest_run(struct ckvm_guest *guest, int vcpu, struct ckvm_exit *last) {
  const struct ckvm_vcpu *cpu = &guest->vcpus[vcpu];
  for (;;) {
    const int result = ckvm_vcpu_run(cpu);
    if (result == -EINTR) return -EINTR;
    if (result < 0) {
      *last = ckvm_vcpu_exit(cpu);
      return result;
    }
    *last = ckvm_vcpu_exit(cpu);
    switch (last->kind) {
    case CKVM_EXIT_PORT_OUT:
    case CKVM_EXIT_HALT: continue;
    case CKVM_EXIT_PORT_IN:
    case CKVM_EXIT_MMIO_READ: memset(last->data, 0, last->length); continue;
    case CKVM_EXIT_MMIO_WRITE:
      if (last->address == CKVM_DONE) {
        drain_coalesced(guest, cpu);
        return 0;
      }
      if (last->address == CKVM_UNEXPECTED) return -EPROTO;
      // A coalesced write that comes here found its ring full.
      if (last->address == CKVM_DEVICE + CKVM_MMIO_COALESCED) drain_coalesced(guest, cpu);
      continue;
    case CKVM_EXIT_INTERRUPTED: return -EINTR;
    default: return -EPROTO;
    }
  }
}
#else
typedef int ckvm_guest_is_unsupported;
#endif
