#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int call(const struct ckvm_vcpu *vcpu, unsigned long request, const void *argument) {
  const int value = ioctl(vcpu->fd, request, argument);
  return value < 0 ? -errno : value;
}

int ckvm_vcpu_create(const struct ckvm_vm *vm, uint32_t id, struct ckvm_vcpu *vcpu) {
  const int size = ioctl(vm->system->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < 0) return -errno;
  vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
  if (vcpu->fd < 0) return -errno;
  vcpu->run_size = (size_t)size;
  vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
  if (vcpu->run == MAP_FAILED) {
    const int error = -errno;
    close(vcpu->fd);
    vcpu->fd = -1;
    return error;
  }
  return 0;
}

void ckvm_vcpu_destroy(struct ckvm_vcpu *vcpu) {
  if (vcpu->fd < 0) return;
  munmap(vcpu->run, vcpu->run_size);
  close(vcpu->fd);
  vcpu->fd = -1;
}

int ckvm_vcpu_set_supported_cpuid(const struct ckvm_vcpu *vcpu, const struct ckvm_system *system) {
  enum { ENTRIES = 256 };
  struct kvm_cpuid2 *table = calloc(1, sizeof *table + ENTRIES * sizeof(struct kvm_cpuid_entry2));
  if (!table) return -ENOMEM;
  table->nent = ENTRIES;
  int result = ioctl(system->fd, KVM_GET_SUPPORTED_CPUID, table) < 0 ? -errno : 0;
  if (result == 0) {
    for (uint32_t index = 0; index < table->nent; index++) {
      // Bits that KVM can serve with its own interrupt controller but does not list: x2APIC and the TSC deadline.
      if (table->entries[index].function == 1) table->entries[index].ecx |= 1u << 21 | 1u << 24;
    }
    result = call(vcpu, KVM_SET_CPUID2, table);
  }
  free(table);
  return result;
}

int ckvm_vcpu_get_registers(const struct ckvm_vcpu *vcpu, struct kvm_regs *registers) {
  return call(vcpu, KVM_GET_REGS, registers);
}

int ckvm_vcpu_set_registers(const struct ckvm_vcpu *vcpu, const struct kvm_regs *registers) {
  return call(vcpu, KVM_SET_REGS, registers);
}

int ckvm_vcpu_get_special_registers(const struct ckvm_vcpu *vcpu, struct kvm_sregs *registers) {
  return call(vcpu, KVM_GET_SREGS, registers);
}

int ckvm_vcpu_set_special_registers(const struct ckvm_vcpu *vcpu, const struct kvm_sregs *registers) {
  return call(vcpu, KVM_SET_SREGS, registers);
}

int ckvm_vcpu_enable_apic(const struct ckvm_vcpu *vcpu, uint8_t timer_vector) {
  struct kvm_lapic_state state;
  int result = call(vcpu, KVM_GET_LAPIC, &state);
  if (result < 0) return result;
  const uint32_t spurious = 0x1ff;                   // enabled, spurious vector 0xff
  const uint32_t timer = 2u << 17 | timer_vector;    // TSC-deadline mode, not masked
  memcpy(state.regs + 0xf0, &spurious, sizeof spurious);
  memcpy(state.regs + 0x320, &timer, sizeof timer);
  return call(vcpu, KVM_SET_LAPIC, &state);
}

int ckvm_vcpu_make_runnable(const struct ckvm_vcpu *vcpu) {
  const struct kvm_mp_state state = {.mp_state = KVM_MP_STATE_RUNNABLE};
  return call(vcpu, KVM_SET_MP_STATE, &state);
}

int ckvm_vcpu_run(const struct ckvm_vcpu *vcpu) { return call(vcpu, KVM_RUN, NULL); }

struct ckvm_exit ckvm_vcpu_exit(const struct ckvm_vcpu *vcpu) {
  struct kvm_run *run = vcpu->run;
  struct ckvm_exit result = {.kind = CKVM_EXIT_UNSUPPORTED, .reason = run->exit_reason};
  switch (run->exit_reason) {
  case KVM_EXIT_IO:
    result.kind = run->io.direction == KVM_EXIT_IO_OUT ? CKVM_EXIT_PORT_OUT : CKVM_EXIT_PORT_IN;
    result.address = run->io.port;
    result.length = (uint32_t)run->io.size * run->io.count;
    result.data = (char *)run + run->io.data_offset;
    break;
  case KVM_EXIT_MMIO:
    result.kind = run->mmio.is_write ? CKVM_EXIT_MMIO_WRITE : CKVM_EXIT_MMIO_READ;
    result.address = run->mmio.phys_addr;
    result.length = run->mmio.len;
    result.data = run->mmio.data;
    break;
  case KVM_EXIT_HLT: result.kind = CKVM_EXIT_HALT; break;
  case KVM_EXIT_SHUTDOWN: result.kind = CKVM_EXIT_SHUTDOWN; break;
  case KVM_EXIT_INTR: result.kind = CKVM_EXIT_INTERRUPTED; break;
  case KVM_EXIT_FAIL_ENTRY:
    result.kind = CKVM_EXIT_ENTRY_FAILED;
    result.address = run->fail_entry.hardware_entry_failure_reason;
    break;
  case KVM_EXIT_INTERNAL_ERROR:
    result.kind = CKVM_EXIT_INTERNAL_ERROR;
    result.address = run->internal.suberror;
    break;
  default: break;
  }
  return result;
}

const char *ckvm_exit_name(enum ckvm_exit_kind kind) {
  switch (kind) {
  case CKVM_EXIT_PORT_OUT: return "port output";
  case CKVM_EXIT_PORT_IN: return "port input";
  case CKVM_EXIT_MMIO_READ: return "memory-mapped read";
  case CKVM_EXIT_MMIO_WRITE: return "memory-mapped write";
  case CKVM_EXIT_HALT: return "halt";
  case CKVM_EXIT_SHUTDOWN: return "shutdown (triple fault)";
  case CKVM_EXIT_INTERRUPTED: return "interrupted";
  case CKVM_EXIT_ENTRY_FAILED: return "entry failed";
  case CKVM_EXIT_INTERNAL_ERROR: return "internal error";
  case CKVM_EXIT_UNSUPPORTED: break;
  }
  return "unsupported exit";
}
#else
typedef int ckvm_vcpu_is_unsupported;
#endif
