#include "ckvm_program.h"

#if CKVM_SUPPORTED
#include <errno.h>

#include "payloads.h"
#include "writer.h"

/// Code of waiting vCPUs stands apart from programs, so that two vCPUs can run different code.
enum { WAIT_CODE = CKVM_CODE_END - 0x1000, WAIT_HANDLERS = CKVM_HANDLERS_END - 0x1000 };

struct ckvm_shared *ckvm_guest_shared(const struct ckvm_guest *guest) {
  return (struct ckvm_shared *)(void *)(guest->low + CKVM_SHARED);
}

/// Puts a handler for a vector and returns to where the writer stood before.
static void put_vector(
    struct ckvm_guest *guest, struct writer *handlers, uint8_t vector, const uint8_t *start, const uint8_t *end) {
  ckvm_guest_set_handler(guest, vector, handlers->next);
  put_code(handlers, start, end);
}

uint64_t ckvm_interrupt_load_wait(struct ckvm_guest *guest, enum ckvm_wait wait, bool sets_deadline) {
  struct writer code = {.low = guest->low, .next = WAIT_CODE, .end = CKVM_CODE_END};
  struct writer handlers = {.low = guest->low, .next = WAIT_HANDLERS, .end = CKVM_HANDLERS_END};
  const bool is_user = guest->mode == CKVM_MODE_CPL3;
  put_vector(guest, &handlers, CKVM_DEVICE_VECTOR, ckvm_code_interrupt_handler, ckvm_code_interrupt_handler_end);
  put_vector(guest, &handlers, CKVM_IPI_VECTOR, ckvm_code_interrupt_handler, ckvm_code_interrupt_handler_end);
  put_vector(guest, &handlers, CKVM_TIMER_VECTOR, ckvm_code_timer_handler, ckvm_code_timer_handler_end);
  ckvm_guest_install_dispatch(guest);
  if (sets_deadline) {
    put_code(&code, ckvm_code_deadline_arguments, ckvm_code_deadline_arguments_end);
    if (is_user) {
      put_handler_register(&code, handlers.next);
      put_code(&handlers, ckvm_code_timer_program, ckvm_code_timer_program_end);
      put_code(&handlers, ckvm_code_return, ckvm_code_return_end);
      put_code(&code, ckvm_code_breakpoint, ckvm_code_breakpoint_end);
    } else {
      put_code(&code, ckvm_code_timer_program, ckvm_code_timer_program_end);
    }
  }
  if (wait == CKVM_WAIT_SPINNING) {
    if (!is_user) put_code(&code, ckvm_code_open_interrupts, ckvm_code_open_interrupts_end);
    put_code(&code, ckvm_code_spin, ckvm_code_spin_end);
  } else if (is_user) {
    put_handler_register(&code, handlers.next);
    put_code(&handlers, ckvm_code_halt_handler, ckvm_code_halt_handler_end);
    put_code(&code, ckvm_code_halt_loop_user, ckvm_code_halt_loop_user_end);
  } else {
    put_code(&code, ckvm_code_halt_loop_kernel, ckvm_code_halt_loop_kernel_end);
  }
  put_code(&code, ckvm_code_finish, ckvm_code_finish_end);
  return WAIT_CODE;
}

int ckvm_interrupt_load_sender(struct ckvm_guest *guest) {
  static const struct ckvm_block send = {
    .name = "ipi", .before = ckvm_code_ipi_arguments, .before_end = ckvm_code_ipi_arguments_end,
    .body = ckvm_code_eoi, .body_end = ckvm_code_eoi_end, .after = ckvm_code_ipi_wait,
    .after_end = ckvm_code_ipi_wait_end, .is_privileged = true};
  struct ckvm_program program = {.stride = 0};
  ckvm_program_add(&program, &send, 1);
  return ckvm_program_load(&program, guest);
}

struct kvm_regs ckvm_interrupt_registers(uint64_t code, int vcpu, uint64_t interrupts, uint64_t ahead) {
  return (struct kvm_regs){
    .rip = code,
    .rbx = CKVM_SHARED,
    .r8 = interrupts,
    .r9 = ahead,
    .r14 = CKVM_WINDOW,
    .r15 = CKVM_SHARED + 8 * (uint64_t)vcpu,
    .rsi = CKVM_SHARED + 8,
    .rdi = 1,
    .rbp = CKVM_WINDOW + 0x1000,
  };
}
#else
typedef int ckvm_interrupt_is_unsupported;
#endif
