// Probes and programs that run in a guest.
#ifndef PROBE_GUESTS_H
#define PROBE_GUESTS_H

#include "measure.h"

/// Measures a probe of the kinds program and entry, or writes why it did not run.
enum outcome measure_guest_probe(struct session *session, const struct probe *probe);
/// Counts one probe's exits over a fixed number of operations. Writes its `counters` record; false when a check failed.
bool count_guest_probe(struct session *session, const struct probe *probe, bool *was_run);
/// Measures a guest program of blocks `NAME*COUNT`. Returns an exit code.
int measure_program(struct session *session, const char *name, char **blocks, int count, uint64_t iterations);

#endif
