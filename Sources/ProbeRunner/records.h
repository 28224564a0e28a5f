// Output as JSON Lines: one record a line on standard output.
#ifndef PROBE_RECORDS_H
#define PROBE_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

/// Begins a record of that kind. Fields follow; `record_end` ends the line and flushes it, so that a reader sees whole
/// lines only.
void record_begin(const char *kind);
void record_text(const char *key, const char *value);
void record_integer(const char *key, int64_t value);
void record_real(const char *key, double value);
void record_boolean(const char *key, bool value);
void record_null(const char *key);
/// Nested objects and arrays; elements of arrays are fields with a NULL key.
void record_open(const char *key, char bracket);
void record_close(char bracket);
void record_end(void);

#endif
