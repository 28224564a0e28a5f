#include "ckvm.h"

#if CKVM_SUPPORTED
#include <string.h>

#include "probes.h"
#include "records.h"

// Columns: PVM, AMD-V nested, AMD-V shadow, VT-x nested, VT-x shadow. A software backend enters its hypervisor twice for
// an exception: for the exception itself and to run the handler.
#define EXITS(...) {"exits", {__VA_ARGS__}}
#define ALWAYS(value) {value, value, value, value, value}
#define ON_PVM(value) {value, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN}
#define NATIVE {"insn_emulation", ON_PVM(0)}

static const char ONLY_SOFTWARE[] = "handlers run on the hardware: there is nothing to emulate";
#define NOT_ON_HARDWARE {NULL, ONLY_SOFTWARE, ONLY_SOFTWARE, ONLY_SOFTWARE, ONLY_SOFTWARE}
static const char NO_HYPERCALL[] =
    "VMCALL and VMMCALL of a guest without PVM's own interface are re-executed for ever by the emulator";

static const struct probe probes[] = {
  // ---- entry ----
  {.name = "entry", .group = "entry", .operation = "", .meaning = "KVM_RUN that returns at once (immediate_exit)",
   .kind = PROBE_ENTRY, .expected = {{"exits", ALWAYS(0)}}},
  // Long, because its end is mispredicted: 6 ns, which would be a tenth of 256 turns.
  {.name = "loop", .group = "entry", .operation = "", .meaning = "one turn of an empty guest loop",
   .blocks = {{"compute", 16384}}, .expected = {{"exits", ALWAYS(0)}, NATIVE}},
  {.name = "rdtsc", .group = "entry", .operation = "", .meaning = "RDTSC in the guest", .blocks = {{"timestamp", 16}},
   .expected = {{"exits", ALWAYS(0)}, NATIVE}},

  // ---- ports and memory-mapped registers ----
  {.name = "port_write_user", .group = "port", .operation = "port_io",
   .meaning = "port write that userspace serves", .blocks = {{"port_io", 1}}, .expected = {{"exits", ALWAYS(1)}}},
  {.name = "port_read_user", .group = "port", .operation = "port_io", .meaning = "port read that userspace serves",
   .blocks = {{"port_read", 1}}, .expected = {{"exits", ALWAYS(1)}}},
  {.name = "port_write_bell", .group = "port", .operation = "doorbell",
   .meaning = "port write that signals an eventfd", .blocks = {{"port_bell", 1}}, .expected = {{"exits", ALWAYS(1)}}},
  {.name = "mmio_write_user", .group = "memory_mapped", .operation = "mmio",
   .meaning = "memory-mapped write that userspace serves", .blocks = {{"mmio", 1}},
   .expected = {{"exits", ALWAYS(1)}, {"mmio_exits", ALWAYS(1)}}},
  {.name = "mmio_read_user", .group = "memory_mapped", .operation = "mmio",
   .meaning = "memory-mapped read that userspace serves", .blocks = {{"mmio_read", 1}},
   .expected = {{"exits", ALWAYS(1)}, {"mmio_exits", ALWAYS(1)}}},
  {.name = "mmio_write_bell", .group = "memory_mapped", .operation = "doorbell",
   .meaning = "memory-mapped write that signals an eventfd", .blocks = {{"doorbell", 1}},
   .expected = {{"exits", ALWAYS(1)}}},
  {.name = "mmio_write_coalesced", .group = "memory_mapped", .operation = "mmio",
   .meaning = "memory-mapped write that KVM stores for later", .blocks = {{"mmio_coalesced", 1}},
   .expected = {{"exits", ALWAYS(1)}}},

  // ---- instructions and exceptions ----
  {.name = "exception_return", .group = "instruction", .operation = "exception",
   .meaning = "INT3 whose handler returns at once", .blocks = {{"exception", 1}}, .emulated_instructions = 2,
   .expected = {EXITS(2, 0, 0, 0, 0)}},
  {.name = "exception_nop10", .group = "instruction", .operation = "exception",
   .meaning = "the same with ten NOPs in the handler", .blocks = {{"nothing_10", 1}}, .emulated_instructions = 12,
   .expected = {EXITS(2, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN), {"insn_emulation", ON_PVM(12)}},
   .impossible = NOT_ON_HARDWARE},
  {.name = "exception_ud", .group = "instruction", .operation = "exception",
   .meaning = "UD2 whose handler skips it", .blocks = {{"undefined_instruction", 1}}, .emulated_instructions = 3,
   .expected = {EXITS(2, 1, 1, 1, 1)}},
  {.name = "exception_pf", .group = "instruction", .operation = "page_fault",
   .meaning = "fault on an entry that is not present; its handler skips the access", .blocks = {{"page_fault", 1}},
   .emulated_instructions = 4, .expected = {EXITS(2, 0, 1, 0, 1), {"pf_guest", {1, 0, 1, 0, 1}}}},
  {.name = "cr3_read", .group = "instruction", .operation = "privileged_instruction",
   .meaning = "read of the page-table root", .blocks = {{"cr3_read", 1}}, .emulated_instructions = 2,
   .expected = {EXITS(2, 0, 1, 0, 1)}},
  {.name = "cr3_write", .group = "instruction", .operation = "context_switch",
   .meaning = "write of the present page-table root", .blocks = {{"cr3_write", 1}}, .emulated_instructions = 2,
   .expected = {EXITS(2, 0, 1, 0, 1)}},
  {.name = "invlpg", .group = "instruction", .operation = "tlb_flush", .meaning = "INVLPG of a mapped page",
   .blocks = {{"invlpg", 1}}, .emulated_instructions = 2,
   .expected = {EXITS(2, 0, 1, 0, 1), {"invlpg", {1, 0, 1, 0, 1}}}},
  {.name = "cpuid", .group = "instruction", .operation = "cpuid", .meaning = "CPUID", .blocks = {{"cpuid", 1}},
   .emulated_instructions = 2, .expected = {EXITS(2, 1, 1, 1, 1)}},
  {.name = "msr_read", .group = "instruction", .operation = "msr_read", .meaning = "RDMSR of IA32_TSC_ADJUST",
   .blocks = {{"msr_read", 1}}, .emulated_instructions = 2, .expected = {EXITS(2, 1, 1, 1, 1)}},
  {.name = "msr_write", .group = "instruction", .operation = "msr_write", .meaning = "WRMSR of IA32_TSC_ADJUST",
   .blocks = {{"msr_write", 1}}, .emulated_instructions = 2, .expected = {EXITS(2, 1, 1, 1, 1)}},
  {.name = "hypercall", .group = "instruction", .operation = "hypercall",
   .meaning = "hypercall with an unknown number", .blocks = {{"hypercall", 1}},
   .expected = {EXITS(UNKNOWN, 1, 1, 1, 1)}, .impossible = {NO_HYPERCALL}},
  {.name = "halt_user", .group = "instruction", .operation = "halt",
   .meaning = "HLT that userspace serves (no interrupt controller)", .blocks = {{"halt", 1}},
   .emulated_instructions = 2, .expected = {EXITS(3, 1, 1, 1, 1)}},

  // ---- paging ----
  {.name = "touch_warm", .group = "paging", .operation = "tlb_miss",
   .meaning = "read of the next page of an area far beyond the TLB", .blocks = {{"tlb_miss", 16}},
   .expected = {{"exits", ALWAYS(0)}, NATIVE}},
  {.name = "touch_cold", .group = "paging", .operation = "first_touch",
   .meaning = "write to a page that the host has not backed, accessed bit clear", .blocks = {{"first_touch", 1}},
   .expected = {{"exits", ALWAYS(1)}, {"pf_fixed", ALWAYS(1)}}},
  {.name = "touch_cold_populated", .group = "paging", .operation = "shadow_refill",
   .meaning = "write to a page that the host backs but KVM does not map, accessed bit clear",
   .blocks = {{"shadow_refill", 1}}, .expected = {{"exits", ALWAYS(1)}, {"pf_fixed", ALWAYS(1)}}},
  {.name = "touch_prefetch", .group = "paging", .operation = "shadow_refill",
   .meaning = "the same with the accessed bit set: shadow paging maps neighbours too",
   .blocks = {{"shadow_refill", 8}}, .pages = {.is_accessed = true}, .expected = {EXITS(0.125, 1, 0.125, 1, 0.125)}},
  {.name = "touch_huge", .group = "paging", .operation = "first_touch",
   .meaning = "write to a new 2 MiB region that the host backs by a huge page", .blocks = {{"first_touch", 1}},
   .stride = 0x200000, .pages = {.is_huge = true}, .expected = {{"exits", ALWAYS(1)}}},
  {.name = "dirty_protect", .group = "paging", .operation = "",
   .meaning = "write to a page that dirty logging protects", .blocks = {{"shadow_refill", 1}},
   .pages = {.is_logged = true}, .preparation = PREPARE_DIRTY_LOG,
   .expected = {EXITS(1, 1, 1, UNKNOWN, 1), {"pf_taken", {1, 1, 1, UNKNOWN, 1}}}},
  {.name = "remap_base", .group = "paging", .operation = "tlb_flush", .meaning = "INVLPG, then a read of the page",
   .blocks = {{"invlpg", 1}, {"touch_same", 1}}, .emulated_instructions = 2, .expected = {EXITS(2, 0, 1, 0, 1)}},
  {.name = "remap_invlpg", .group = "paging", .operation = "page_table_update",
   .meaning = "leaf entry written, INVLPG, read of the page",
   .blocks = {{"page_table_write", 1}, {"invlpg", 1}, {"touch_same", 1}}, .emulated_instructions = 2,
   // Linux up to 6.1 refilled the entry in the handler of INVLPG; later kernels let the access fault.
   .expected = {EXITS(3, 0, UNKNOWN, 0, UNKNOWN), {"invlpg", {1, 0, 1, 0, 1}}}},
  {.name = "remap_cr3", .group = "paging", .operation = "page_table_update",
   .meaning = "leaf entry written, CR3 written, read of the page",
   .blocks = {{"page_table_write", 1}, {"cr3_write", 1}, {"touch_same", 1}}, .emulated_instructions = 2,
   .expected = {EXITS(4, 0, 3, 0, 3)}},

  // ---- interrupts ----
  {.name = "eoi", .group = "interrupt", .operation = "eoi", .meaning = "end-of-interrupt write of the x2APIC",
   .blocks = {{"eoi", 1}}, .needs_irqchip = true, .emulated_instructions = 2,
   .expected = {EXITS(2, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)}},
  {.name = "timer_program", .group = "interrupt", .operation = "timer_program",
   .meaning = "write of the TSC deadline", .blocks = {{"timer_program", 1}}, .needs_irqchip = true,
   .emulated_instructions = 2, .expected = {EXITS(2, 1, 1, 1, 1)}},
  {.name = "irqfd_running", .group = "interrupt", .operation = "interrupt",
   .meaning = "from the signal of an irqfd to the handler's first store on a running vCPU", .kind = PROBE_INTERRUPT,
   .interrupt = INTERRUPT_RUNNING, .expected = {{"irq_injections", ALWAYS(1)}}},
  {.name = "irqfd_halted", .group = "interrupt", .operation = "interrupt",
   .meaning = "the same on a halted vCPU, halt polling as the host has it", .kind = PROBE_INTERRUPT,
   .interrupt = INTERRUPT_HALTED, .expected = {{"irq_injections", ALWAYS(1)}}},
  {.name = "irqfd_halted_no_polling", .group = "interrupt", .operation = "interrupt",
   .meaning = "the same without halt polling", .kind = PROBE_INTERRUPT, .interrupt = INTERRUPT_HALTED_NO_POLLING,
   .expected = {{"irq_injections", ALWAYS(1)}, {"halt_successful_poll", ALWAYS(0)}}},
  {.name = "ipi", .group = "interrupt", .operation = "ipi",
   .meaning = "from an interrupt sent by one vCPU to its receipt seen, the other vCPU running", .kind = PROBE_INTERRUPT,
   .interrupt = INTERRUPT_IPI, .emulated_instructions = 2},
  {.name = "timer_lateness", .group = "interrupt", .operation = "timer_interrupt",
   .meaning = "from the programmed deadline, 200 us ahead of a halted vCPU, to the handler", .kind = PROBE_INTERRUPT,
   .interrupt = INTERRUPT_TIMER, .expected = {{"irq_injections", ALWAYS(1)}}},

  // ---- the host itself ----
  {.name = "syscall", .group = "host", .operation = "syscall", .meaning = "system call with a trivial body",
   .kind = PROBE_HOST},
  {.name = "process_switch", .group = "host", .operation = "context_switch",
   .meaning = "one way of a ping-pong by pipes between two processes on one CPU", .kind = PROBE_HOST},
  {.name = "thread_switch", .group = "host", .operation = "thread_switch", .meaning = "the same between two threads",
   .kind = PROBE_HOST},
  {.name = "eventfd_signal", .group = "host", .operation = "", .meaning = "write to an eventfd that nobody waits for",
   .kind = PROBE_HOST},
  {.name = "wakeup_same_core", .group = "host", .operation = "",
   .meaning = "one way of a ping-pong by eventfds between two threads on one CPU", .kind = PROBE_HOST},
  {.name = "wakeup_other_core", .group = "host", .operation = "", .meaning = "the same across two CPUs",
   .kind = PROBE_HOST},
  {.name = "minor_fault", .group = "host", .operation = "page_fault", .meaning = "first touch of an anonymous page",
   .kind = PROBE_HOST},
  {.name = "memory_l1", .group = "host", .operation = "", .meaning = "dependent load within 16 KiB",
   .kind = PROBE_HOST},
  {.name = "memory_l2", .group = "host", .operation = "", .meaning = "dependent load within 256 KiB",
   .kind = PROBE_HOST},
  {.name = "memory_l3", .group = "host", .operation = "", .meaning = "dependent load within 4 MiB, huge pages",
   .kind = PROBE_HOST},
  {.name = "memory_dram", .group = "host", .operation = "", .meaning = "dependent load within 256 MiB, huge pages",
   .kind = PROBE_HOST},
  {.name = "walk_4k", .group = "host", .operation = "tlb_miss",
   .meaning = "dependent load of one line a page in 65,536 pages of 4 KiB", .kind = PROBE_HOST},
  {.name = "walk_2m", .group = "host", .operation = "tlb_miss",
   .meaning = "the same lines backed by pages of 2 MiB", .kind = PROBE_HOST},
  {.name = "copy_bandwidth", .group = "host", .operation = "", .meaning = "copy of 1 MiB within 64 MiB",
   .kind = PROBE_HOST},

  // ---- binary translation: one turn of a loop ----
  {.name = "translation_integer_native", .group = "translation", .operation = "",
   .meaning = "eight dependent integer instructions, natively", .kind = PROBE_TRANSLATION},
  {.name = "translation_integer_tcg", .group = "translation", .operation = "",
   .meaning = "eight dependent integer instructions, under QEMU's translator (TCG)", .kind = PROBE_TRANSLATION},
  {.name = "translation_floating_native", .group = "translation", .operation = "",
   .meaning = "eight dependent SSE2 instructions on doubles, natively", .kind = PROBE_TRANSLATION},
  {.name = "translation_floating_tcg", .group = "translation", .operation = "",
   .meaning = "eight dependent SSE2 instructions on doubles, under QEMU's translator (TCG)", .kind = PROBE_TRANSLATION},
  {.name = "translation_memory_native", .group = "translation", .operation = "",
   .meaning = "six loads and stores within 16 KiB, natively", .kind = PROBE_TRANSLATION},
  {.name = "translation_memory_tcg", .group = "translation", .operation = "",
   .meaning = "six loads and stores within 16 KiB, under QEMU's translator (TCG)", .kind = PROBE_TRANSLATION},
  {.name = "translation_branches_native", .group = "translation", .operation = "",
   .meaning = "calls, returns and branches that go either way, natively", .kind = PROBE_TRANSLATION},
  {.name = "translation_branches_tcg", .group = "translation", .operation = "",
   .meaning = "calls, returns and branches that go either way, under QEMU's translator (TCG)", .kind = PROBE_TRANSLATION},
};

const struct probe *probe_table(int *count) {
  *count = sizeof probes / sizeof probes[0];
  return probes;
}

const struct probe *probe_named(const char *name) {
  for (size_t index = 0; index < sizeof probes / sizeof probes[0]; index++) {
    if (strcmp(probes[index].name, name) == 0) return &probes[index];
  }
  return NULL;
}

const char *probe_requirement(const struct probe *probe) {
  switch (probe->kind) {
  case PROBE_HOST:
    return strcmp(probe->name, "wakeup_other_core") == 0 ? "two CPUs" : "none";
  case PROBE_TRANSLATION: return strstr(probe->name, "_tcg") ? "qemu-system-x86_64" : "none";
  case PROBE_INTERRUPT:
    return probe->interrupt == INTERRUPT_TIMER ? "KVM with an in-kernel interrupt controller"
                                               : "KVM with an in-kernel interrupt controller, two CPUs";
  default: return probe->needs_irqchip ? "KVM with an in-kernel interrupt controller" : "KVM";
  }
}

void probe_describe(const struct probe *probe) {
  record_begin("probe");
  record_text("name", probe->name);
  record_text("group", probe->group);
  record_text("operation", probe->operation);
  record_text("requirement", probe_requirement(probe));
  record_integer("emulated_instructions", probe->emulated_instructions);
  record_open("blocks", '[');
  for (int index = 0; index < 4 && probe->blocks[index].block; index++) {
    record_open(NULL, '{');
    record_text("block", probe->blocks[index].block);
    record_integer("count", probe->blocks[index].count);
    record_close('}');
  }
  record_close(']');
  record_open("expected", '{');
  for (int variant = 0; variant < VARIANTS; variant++) {
    record_open(machine_variant_name((enum variant)variant), '{');
    for (int index = 0; index < 3 && probe->expected[index].counter; index++) {
      const double value = probe->expected[index].per_operation[variant];
      if (value >= 0) record_real(probe->expected[index].counter, value);
    }
    record_close('}');
  }
  record_close('}');
  record_text("meaning", probe->meaning);
  record_end();
}
#endif
