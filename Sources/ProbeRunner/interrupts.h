// Probes of single interrupts and timers.
#ifndef PROBE_INTERRUPTS_H
#define PROBE_INTERRUPTS_H

#include "measure.h"

/// Measures a probe of the kind interrupt: `latency` records in nanoseconds, or `sample` records where the guest times a
/// round trip itself.
enum outcome measure_interrupt_probe(struct session *session, const struct probe *probe);

#endif
