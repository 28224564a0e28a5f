// Guest programs: a loop of blocks in a given order, timed inside the guest by its TSC.
#ifndef CKVM_PROGRAM_H
#define CKVM_PROGRAM_H

#include "ckvm_guest.h"

#if CKVM_SUPPORTED

/// A piece of guest code that a program is made of. Which registers it uses is told in payloads.S.
struct ckvm_block {
  const char *name;
  /// One sentence on what the guest does.
  const char *meaning;
  /// Unprivileged code before the operation (arguments in registers), the operation, and unprivileged code after it.
  const uint8_t *before, *before_end, *body, *body_end, *after, *after_end;
  /// The body may only run at CPL 0: in user mode it moves into the handler of an int3.
  bool is_privileged;
  /// The body raises an exception whose handler is `handler`.
  const uint8_t *handler, *handler_end;
  /// The count of the block is a number of loop turns, not of copies.
  bool is_loop;
  /// Touches of the cold and of the refill area by one pass.
  uint8_t cold_touches, refill_touches;
};

/// All blocks; `*count` is set to their number.
const struct ckvm_block *ckvm_blocks(int *count);
/// The block of that name, or NULL.
const struct ckvm_block *ckvm_block_named(const char *name);

/// A block with how often it stands in the loop.
struct ckvm_program_item {
  const struct ckvm_block *block;
  uint32_t count;
};

enum { CKVM_PROGRAM_ITEMS = 32 };

/// A loop of blocks.
struct ckvm_program {
  struct ckvm_program_item items[CKVM_PROGRAM_ITEMS];
  int count;
  /// Bytes between touches of the cold and refill areas.
  uint32_t stride;
  /// Touches of each by one iteration.
  uint32_t cold_touches, refill_touches;
};

/// Adds a block; -E2BIG when there are too many, -EINVAL for a count of 0.
int ckvm_program_add(struct ckvm_program *program, const struct ckvm_block *block, uint32_t count);
/// Writes the program's code and handlers into the guest; -E2BIG when it is too long.
int ckvm_program_load(const struct ckvm_program *program, struct ckvm_guest *guest);
/// Lets exceptions go where R11 points.
void ckvm_guest_install_dispatch(struct ckvm_guest *guest);
/// Iterations after which a cursor has used up its area; UINT64_MAX when the program touches neither.
uint64_t ckvm_program_max_iterations(const struct ckvm_program *program);
/// Makes the pages that so many iterations touch look untouched.
int ckvm_program_reset(const struct ckvm_program *program, struct ckvm_guest *guest, uint64_t iterations);

/// What one run took.
struct ckvm_program_time {
  /// TSC cycles from the first to the last instruction of the loop, read by the guest.
  uint64_t guest_cycles;
  /// TSC cycles around KVM_RUN, with the exit that ends the run.
  uint64_t outside_cycles;
};

/// Runs a loaded program, with the cursors at the start of their areas. Errors as of ckvm_guest_run.
int ckvm_program_run(
    const struct ckvm_program *program, struct ckvm_guest *guest, uint64_t iterations, struct ckvm_program_time *time,
    struct ckvm_exit *last);

/// The register values with which a program starts.
struct kvm_regs ckvm_program_registers(const struct ckvm_program *program, uint64_t iterations);

// ---- interrupts ----

/// What the interrupt payloads leave in the shared page.
struct ckvm_shared {
  /// Interrupts that each vCPU has taken.
  volatile uint64_t taken[2];
  /// TSC at the last timer interrupt, and the deadline that was set.
  volatile uint64_t timer_tsc;
  volatile uint64_t deadline;
  /// The guest has begun to wait.
  volatile uint64_t is_ready;
};

enum ckvm_wait { CKVM_WAIT_SPINNING, CKVM_WAIT_HALTED };

/// The shared page of a guest.
struct ckvm_shared *ckvm_guest_shared(const struct ckvm_guest *guest);
/// Loads code at which a vCPU waits for a number of interrupts and then ends its run. With `sets_deadline` it first
/// programs its timer; R9 has the cycles ahead. Returns the address of the code.
uint64_t ckvm_interrupt_load_wait(struct ckvm_guest *guest, enum ckvm_wait wait, bool sets_deadline);
/// Loads the program of a vCPU that sends interrupts to its sibling and waits for each to be taken.
int ckvm_interrupt_load_sender(struct ckvm_guest *guest);
/// Registers for either; `interrupts` is the number to take or send, `ahead` the deadline in cycles.
struct kvm_regs ckvm_interrupt_registers(uint64_t code, int vcpu, uint64_t interrupts, uint64_t ahead);

/// The host's time-stamp counter, ordered.
static inline uint64_t ckvm_tsc(void) {
  uint32_t low, high;
  __asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
  return (uint64_t)high << 32 | low;
}

#endif
#endif
