// Writes guest code.
#ifndef CKVM_WRITER_H
#define CKVM_WRITER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Writes code into guest memory between two addresses.
struct writer {
  uint8_t *low;
  uint64_t next;
  uint64_t end;
  bool is_full;
};

static inline void put(struct writer *writer, const void *bytes, size_t size) {
  if (size > writer->end - writer->next) {
    writer->is_full = true;
    return;
  }
  memcpy(writer->low + writer->next, bytes, size);
  writer->next += size;
}

static inline void put_code(struct writer *writer, const uint8_t *start, const uint8_t *end) {
  if (start) put(writer, start, (size_t)(end - start));
}

/// `mov $value` into a 32-bit register with the given opcode bytes.
static inline void put_immediate(struct writer *writer, const char *opcode, size_t size, uint32_t value) {
  put(writer, opcode, size);
  put(writer, &value, sizeof value);
}

static inline void put_handler_register(struct writer *writer, uint64_t handler) {
  put_immediate(writer, "\x41\xbb", 2, (uint32_t)handler); // mov $handler,%r11d
}

#endif
