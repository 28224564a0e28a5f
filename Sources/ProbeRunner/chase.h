// Dependent loads along a random cycle.
#ifndef PROBE_CHASE_H
#define PROBE_CHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A mapping whose slots, one every `distance` bytes, are linked to one random cycle.
struct chase {
  uint8_t *mapping;
  size_t mapping_size;
  uint8_t *start;
  void *position;
};

/// False when there is not enough memory.
bool chase_open(struct chase *chase, size_t size, size_t distance, bool is_huge);
void chase_close(struct chase *chase);
/// One load a turn; the shape that `struct subject` wants.
int chase_run(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles);

#endif
