#include "ckvm_program.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <string.h>

#include "payloads.h"
#include "writer.h"

int ckvm_program_add(struct ckvm_program *program, const struct ckvm_block *block, uint32_t count) {
  if (count == 0) return -EINVAL;
  if (program->count == CKVM_PROGRAM_ITEMS) return -E2BIG;
  program->items[program->count++] = (struct ckvm_program_item){.block = block, .count = count};
  program->cold_touches += block->cold_touches * count;
  program->refill_touches += block->refill_touches * count;
  return 0;
}

/// One pass through a block.
static void put_block(struct writer *code, struct writer *handlers, const struct ckvm_block *block, enum ckvm_mode mode) {
  put_code(code, block->before, block->before_end);
  if (block->handler) {
    put_handler_register(code, handlers->next);
    put_code(handlers, block->handler, block->handler_end);
    put_code(code, block->body, block->body_end);
  } else if (block->is_privileged && mode == CKVM_MODE_CPL3) {
    put_handler_register(code, handlers->next);
    put_code(handlers, block->body, block->body_end);
    put_code(handlers, ckvm_code_return, ckvm_code_return_end);
    put_code(code, ckvm_code_breakpoint, ckvm_code_breakpoint_end);
  } else {
    put_code(code, block->body, block->body_end);
  }
  put_code(code, block->after, block->after_end);
}

void ckvm_guest_install_dispatch(struct ckvm_guest *guest) {
  static const struct {
    unsigned vector;
    const uint8_t *start, *end;
  } vectors[] = {
    {3, ckvm_code_dispatch, ckvm_code_dispatch_end},
    {6, ckvm_code_dispatch, ckvm_code_dispatch_end},
    {14, ckvm_code_dispatch_error_code, ckvm_code_dispatch_error_code_end},
  };
  for (size_t index = 0; index < sizeof vectors / sizeof vectors[0]; index++) {
    memcpy(
        guest->low + CKVM_STUBS + vectors[index].vector * 16, vectors[index].start,
        (size_t)(vectors[index].end - vectors[index].start));
  }
}

int ckvm_program_load(const struct ckvm_program *program, struct ckvm_guest *guest) {
  struct writer code = {.low = guest->low, .next = CKVM_CODE, .end = CKVM_CODE_END};
  struct writer handlers = {.low = guest->low, .next = CKVM_HANDLERS, .end = CKVM_HANDLERS_END};
  ckvm_guest_install_dispatch(guest);
  put_code(&code, ckvm_code_start, ckvm_code_start_end);
  const uint64_t loop = code.next;
  for (int index = 0; index < program->count; index++) {
    const struct ckvm_block *block = program->items[index].block;
    const uint32_t count = program->items[index].count;
    if (block->is_loop) {
      put_immediate(&code, "\xb9", 1, count); // mov $count,%ecx
      put_block(&code, &handlers, block, guest->mode);
    } else {
      for (uint32_t copy = 0; copy < count && !code.is_full && !handlers.is_full; copy++) {
        put_block(&code, &handlers, block, guest->mode);
      }
    }
  }
  put(&code, "\x49\xff\xc8\x0f\x85", 5); // dec %r8; jnz loop
  const int32_t back = (int32_t)(loop - (code.next + 4));
  put(&code, &back, sizeof back);
  put_code(&code, ckvm_code_finish, ckvm_code_finish_end);
  return code.is_full || handlers.is_full ? -E2BIG : 0;
}

uint64_t ckvm_program_max_iterations(const struct ckvm_program *program) {
  const uint32_t most = program->cold_touches > program->refill_touches ? program->cold_touches : program->refill_touches;
  return most == 0 ? UINT64_MAX : CKVM_AREA_SIZE / program->stride / most;
}

int ckvm_program_reset(const struct ckvm_program *program, struct ckvm_guest *guest, uint64_t iterations) {
  return ckvm_guest_reset_data(
      guest, iterations * program->cold_touches * program->stride, iterations * program->refill_touches * program->stride);
}

struct kvm_regs ckvm_program_registers(const struct ckvm_program *program, uint64_t iterations) {
  return (struct kvm_regs){
    .rip = CKVM_CODE,
    .r8 = iterations,
    .r9 = program->stride,
    .rsi = CKVM_COLD,
    .r10 = CKVM_REFILL,
    .rdi = CKVM_WARM,
    .r14 = CKVM_WINDOW,
    .r15 = CKVM_WARM,
    .rbp = CKVM_WINDOW + 0x1000,
  };
}

int ckvm_program_run(
    const struct ckvm_program *program, struct ckvm_guest *guest, uint64_t iterations, struct ckvm_program_time *time,
    struct ckvm_exit *last) {
  const struct kvm_regs start = ckvm_program_registers(program, iterations);
  int result = ckvm_guest_set_start(guest, 0, &start);
  if (result < 0) return result;
  const uint64_t before = ckvm_tsc();
  result = ckvm_guest_run(guest, 0, last);
  time->outside_cycles = ckvm_tsc() - before;
  if (result < 0) return result;
  struct kvm_regs end;
  result = ckvm_vcpu_get_registers(&guest->vcpus[0], &end);
  time->guest_cycles = end.r13;
  return result < 0 ? result : 0;
}
#else
typedef int ckvm_program_is_unsupported;
#endif
