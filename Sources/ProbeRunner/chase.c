#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "chase.h"
#include "clock.h"
#include "session.h"

enum { HUGE = 2 << 20 };

/// Numerical Recipes' 64-bit linear congruential generator: any order without structure will do.
static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

bool chase_open(struct chase *chase, size_t size, size_t distance, bool is_huge) {
  chase->mapping_size = size + HUGE;
  chase->mapping = mmap(NULL, chase->mapping_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (chase->mapping == MAP_FAILED) return false;
  chase->start = (uint8_t *)(((uintptr_t)chase->mapping + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
  madvise(chase->start, size, is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  const size_t slots = size / distance;
  uint32_t *order = malloc(slots * sizeof *order);
  if (!order) {
    munmap(chase->mapping, chase->mapping_size);
    return false;
  }
  for (size_t slot = 0; slot < slots; slot++) order[slot] = (uint32_t)slot;
  uint64_t state = 1;
  for (size_t slot = slots - 1; slot > 0; slot--) {
    const size_t other = next_random(&state) % (slot + 1);
    const uint32_t kept = order[slot];
    order[slot] = order[other];
    order[other] = kept;
  }
  for (size_t slot = 0; slot < slots; slot++) {
    void *next = chase->start + order[(slot + 1) % slots] * distance;
    memcpy(chase->start + order[slot] * distance, &next, sizeof next);
  }
  chase->position = chase->start + order[0] * distance;
  free(order);
  return true;
}

void chase_close(struct chase *chase) { munmap(chase->mapping, chase->mapping_size); }

int chase_run(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)guest_cycles;
  struct chase *chase = context;
  void *position = chase->position;
  const uint64_t start = clock_cycles();
  for (uint64_t turn = 0; turn < turns; turn++) position = *(void *volatile *)position;
  *outside_cycles = (int64_t)(clock_cycles() - start);
  chase->position = position;
  return is_interrupted ? -EINTR : 0;
}
#endif
