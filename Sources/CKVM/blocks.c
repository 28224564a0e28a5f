#include "ckvm_program.h"

#if CKVM_SUPPORTED
#include <string.h>

#include "payloads.h"

// Shorthands for the kinds of blocks: plain code; a privileged instruction with its arguments.
#define PLAIN(name_, meaning_, code_) \
  {.name = name_, .meaning = meaning_, .body = ckvm_code_##code_, .body_end = ckvm_code_##code_##_end}
#define PRIVILEGED(name_, meaning_, arguments_, code_)                                                        \
  {.name = name_, .meaning = meaning_, .before = ckvm_code_##arguments_, .before_end = ckvm_code_##arguments_##_end, \
   .body = ckvm_code_##code_, .body_end = ckvm_code_##code_##_end, .is_privileged = true}
#define BARE_PRIVILEGED(name_, meaning_, code_)                                                                     \
  {.name = name_, .meaning = meaning_, .body = ckvm_code_##code_, .body_end = ckvm_code_##code_##_end, \
   .is_privileged = true}

static const struct ckvm_block blocks[] = {
  {.name = "compute", .meaning = "turns of an empty loop", .body = ckvm_code_compute,
   .body_end = ckvm_code_compute_end, .is_loop = true},
  PLAIN("timestamp", "RDTSC", timestamp),
  PLAIN("port_io", "port write that userspace serves", port_out_user),
  PLAIN("port_read", "port read that userspace serves", port_in_user),
  PLAIN("port_bell", "port write that signals an eventfd", port_out_eventfd),
  PLAIN("mmio", "memory-mapped write that userspace serves", mmio_write_user),
  PLAIN("mmio_read", "memory-mapped read that userspace serves", mmio_read_user),
  PLAIN("doorbell", "memory-mapped write that signals an eventfd", mmio_write_eventfd),
  PLAIN("mmio_coalesced", "memory-mapped write that KVM stores for later", mmio_write_coalesced),
  {.name = "first_touch", .meaning = "write to a page that the host has not backed yet",
   .body = ckvm_code_touch_cold, .body_end = ckvm_code_touch_cold_end, .cold_touches = 1},
  {.name = "shadow_refill", .meaning = "write to a page that the host backs but KVM does not map",
   .body = ckvm_code_touch_refill, .body_end = ckvm_code_touch_refill_end, .refill_touches = 1},
  PLAIN("tlb_miss", "read of the next page of an area far beyond the TLB", touch_warm),
  PLAIN("touch_same", "read of a page that the TLB holds", touch_same),
  PLAIN("page_table_write", "write to a leaf page-table entry", page_table_write),
  {.name = "exception", .meaning = "exception whose handler returns at once", .body = ckvm_code_breakpoint,
   .body_end = ckvm_code_breakpoint_end, .handler = ckvm_code_return, .handler_end = ckvm_code_return_end},
  {.name = "undefined_instruction", .meaning = "UD2 whose handler skips it", .body = ckvm_code_undefined_instruction,
   .body_end = ckvm_code_undefined_instruction_end, .handler = ckvm_code_skip_and_return,
   .handler_end = ckvm_code_skip_and_return_end},
  {.name = "page_fault", .meaning = "fault on an entry that is not present; its handler skips the access",
   .before = ckvm_code_fault_arguments, .before_end = ckvm_code_fault_arguments_end, .body = ckvm_code_page_fault,
   .body_end = ckvm_code_page_fault_end, .handler = ckvm_code_skip_and_return,
   .handler_end = ckvm_code_skip_and_return_end},
  BARE_PRIVILEGED("nothing_10", "ten NOPs at CPL 0", nothing_10),
  BARE_PRIVILEGED("invlpg", "INVLPG of a mapped page", invlpg),
  PRIVILEGED("cr3_write", "write of the present page-table root", cr3_arguments, cr3_write),
  BARE_PRIVILEGED("cr3_read", "read of the page-table root", cr3_read),
  PRIVILEGED("cpuid", "CPUID", cpuid_arguments, cpuid),
  PRIVILEGED("msr_read", "RDMSR of IA32_TSC_ADJUST", msr_arguments, msr_read),
  PRIVILEGED("msr_write", "WRMSR of IA32_TSC_ADJUST", msr_arguments, msr_write),
  PRIVILEGED("hypercall_intel", "VMCALL", hypercall_arguments, vmcall),
  PRIVILEGED("hypercall_amd", "VMMCALL", hypercall_arguments, vmmcall),
  BARE_PRIVILEGED("halt", "HLT that userspace serves (no interrupt controller)", halt),
  PRIVILEGED("eoi", "end-of-interrupt write of the x2APIC", eoi_arguments, eoi),
  PRIVILEGED("timer_program", "write of the TSC deadline", timer_arguments, timer_program),
};

const struct ckvm_block *ckvm_blocks(int *count) {
  *count = sizeof blocks / sizeof blocks[0];
  return blocks;
}

const struct ckvm_block *ckvm_block_named(const char *name) {
  for (size_t index = 0; index < sizeof blocks / sizeof blocks[0]; index++) {
    if (strcmp(blocks[index].name, name) == 0) return &blocks[index];
  }
  return NULL;
}
#else
typedef int ckvm_blocks_are_unsupported;
#endif
