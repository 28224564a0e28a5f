#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int call(const struct ckvm_vm *vm, unsigned long request, void *argument) {
  const int value = ioctl(vm->fd, request, argument);
  return value < 0 ? -errno : value;
}

int ckvm_vm_create(const struct ckvm_system *system, struct ckvm_vm *vm) {
  vm->system = system;
  vm->fd = ioctl(system->fd, KVM_CREATE_VM, 0);
  return vm->fd < 0 ? -errno : 0;
}

void ckvm_vm_destroy(struct ckvm_vm *vm) {
  if (vm->fd >= 0) close(vm->fd);
  vm->fd = -1;
}

int ckvm_vm_set_memory(
    const struct ckvm_vm *vm, uint32_t slot, uint32_t flags, uint64_t address, uint64_t size, void *host) {
  struct kvm_userspace_memory_region region = {
    .slot = slot,
    .flags = flags,
    .guest_phys_addr = address,
    .memory_size = size,
    .userspace_addr = (uint64_t)(uintptr_t)host,
  };
  return call(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

int ckvm_vm_get_dirty_log(const struct ckvm_vm *vm, uint32_t slot, void *bitmap) {
  struct kvm_dirty_log log = {.slot = slot};
  log.dirty_bitmap = bitmap;
  return call(vm, KVM_GET_DIRTY_LOG, &log);
}

int ckvm_vm_create_irqchip(const struct ckvm_vm *vm) { return call(vm, KVM_CREATE_IRQCHIP, NULL); }

int ckvm_vm_set_msi_route(const struct ckvm_vm *vm, uint32_t gsi, uint8_t vector, uint8_t destination) {
  // The table ends in an array of any length: room for one entry.
  _Alignas(struct kvm_irq_routing) unsigned char
    room[sizeof(struct kvm_irq_routing) + sizeof(struct kvm_irq_routing_entry)];
  memset(room, 0, sizeof room);
  struct kvm_irq_routing *table = (void *)room;
  struct kvm_irq_routing_entry *entry = table->entries;
  table->nr = 1;
  entry->gsi = gsi;
  entry->type = KVM_IRQ_ROUTING_MSI;
  entry->u.msi.address_lo = 0xfee00000u | (uint32_t)destination << 12;
  entry->u.msi.data = vector;
  return call(vm, KVM_SET_GSI_ROUTING, table);
}

int ckvm_vm_irqfd(const struct ckvm_vm *vm, int fd, uint32_t gsi) {
  struct kvm_irqfd irqfd = {.fd = (uint32_t)fd, .gsi = gsi};
  return call(vm, KVM_IRQFD, &irqfd);
}

int ckvm_vm_ioeventfd(const struct ckvm_vm *vm, int fd, uint64_t address, uint32_t length, bool is_port) {
  struct kvm_ioeventfd event = {
    .addr = address, .len = length, .fd = fd, .flags = is_port ? KVM_IOEVENTFD_FLAG_PIO : 0};
  return call(vm, KVM_IOEVENTFD, &event);
}

int ckvm_vm_coalesce_mmio(const struct ckvm_vm *vm, uint64_t address, uint32_t size) {
  struct kvm_coalesced_mmio_zone zone = {.addr = address, .size = size};
  return call(vm, KVM_REGISTER_COALESCED_MMIO, &zone);
}

int ckvm_vm_set_halt_polling(const struct ckvm_vm *vm, uint32_t nanoseconds) {
  struct kvm_enable_cap capability = {.cap = KVM_CAP_HALT_POLL, .args = {nanoseconds}};
  return call(vm, KVM_ENABLE_CAP, &capability);
}
#else
typedef int ckvm_vm_is_unsupported;
#endif
