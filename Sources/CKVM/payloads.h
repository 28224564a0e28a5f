// Names of the code in payloads.S.
#ifndef CKVM_PAYLOADS_H
#define CKVM_PAYLOADS_H
#include <stdint.h>
#define CKVM_DECLARE_CODE(name) extern const uint8_t ckvm_code_##name[], ckvm_code_##name##_end[]
CKVM_DECLARE_CODE(start);
CKVM_DECLARE_CODE(finish);
CKVM_DECLARE_CODE(dispatch);
CKVM_DECLARE_CODE(dispatch_error_code);
CKVM_DECLARE_CODE(return);
CKVM_DECLARE_CODE(skip_and_return);
CKVM_DECLARE_CODE(compute);
CKVM_DECLARE_CODE(timestamp);
CKVM_DECLARE_CODE(port_out_user);
CKVM_DECLARE_CODE(port_in_user);
CKVM_DECLARE_CODE(port_out_eventfd);
CKVM_DECLARE_CODE(mmio_write_user);
CKVM_DECLARE_CODE(mmio_read_user);
CKVM_DECLARE_CODE(mmio_write_eventfd);
CKVM_DECLARE_CODE(mmio_write_coalesced);
CKVM_DECLARE_CODE(touch_cold);
CKVM_DECLARE_CODE(touch_refill);
CKVM_DECLARE_CODE(touch_warm);
CKVM_DECLARE_CODE(touch_same);
CKVM_DECLARE_CODE(page_table_write);
CKVM_DECLARE_CODE(invlpg);
CKVM_DECLARE_CODE(cr3_arguments);
CKVM_DECLARE_CODE(cr3_write);
CKVM_DECLARE_CODE(cr3_read);
CKVM_DECLARE_CODE(breakpoint);
CKVM_DECLARE_CODE(undefined_instruction);
CKVM_DECLARE_CODE(fault_arguments);
CKVM_DECLARE_CODE(page_fault);
CKVM_DECLARE_CODE(cpuid_arguments);
CKVM_DECLARE_CODE(cpuid);
CKVM_DECLARE_CODE(msr_arguments);
CKVM_DECLARE_CODE(msr_read);
CKVM_DECLARE_CODE(msr_write);
CKVM_DECLARE_CODE(hypercall_arguments);
CKVM_DECLARE_CODE(vmcall);
CKVM_DECLARE_CODE(vmmcall);
CKVM_DECLARE_CODE(halt);
CKVM_DECLARE_CODE(nothing_10);
CKVM_DECLARE_CODE(eoi_arguments);
CKVM_DECLARE_CODE(eoi);
CKVM_DECLARE_CODE(timer_arguments);
CKVM_DECLARE_CODE(timer_program);
CKVM_DECLARE_CODE(interrupt_handler);
CKVM_DECLARE_CODE(timer_handler);
CKVM_DECLARE_CODE(spin);
CKVM_DECLARE_CODE(open_interrupts);
CKVM_DECLARE_CODE(halt_loop_kernel);
CKVM_DECLARE_CODE(halt_loop_user);
CKVM_DECLARE_CODE(halt_handler);
CKVM_DECLARE_CODE(ipi_arguments);
CKVM_DECLARE_CODE(ipi_wait);
CKVM_DECLARE_CODE(deadline_arguments);
#endif
