// Samples of something that can be repeated.
#ifndef PROBE_MEASURE_H
#define PROBE_MEASURE_H

#include "probes.h"
#include "session.h"

/// Something to measure.
struct subject {
  const char *name;
  void *context;
  /// Makes the next `turns` turns possible; NULL when nothing is to be done. 0 or a negated errno.
  int (*prepare)(void *context, uint64_t turns);
  /// Does so many turns. `guest_cycles` stays -1 where nothing is timed inside. 0 or a negated errno.
  int (*run)(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles);
  /// Turns that one sample can have at most; 0 for no bound.
  uint64_t most_turns;
  /// Operations of one turn.
  uint64_t operations;
  /// Giving up the CPU is what is measured: samples with context switches are kept.
  bool switches;
  /// Counters that prove the exits; NULL for none.
  const struct ckvm_statistics *statistics;
  const struct expectation *expected;
  int expectations;
};

/// Why a measurement ended.
enum outcome { MEASURED, FAILED, INTERRUPTED };

/// Doubles the turns until a sample takes the session's time goal, warms up, then takes samples until enough are kept,
/// at most three times as many; writes `sample` records, and a `counters` record where there are counters.
enum outcome measure(struct session *session, const struct subject *subject, int *error);
/// Takes `samples` samples of exactly `turns` turns, written as records of the given kind.
enum outcome measure_turns(
    struct session *session, const struct subject *subject, const char *kind, uint64_t turns, int samples, int *error);
/// Compares changes of counters with what the table expects and writes the `counters` record. Returns whether all
/// passed.
bool write_counters(
    const struct session *session, const struct subject *subject, uint64_t operations, const uint64_t *before,
    const uint64_t *after);
/// Writes that a probe did not run, and why.
void write_skipped(const char *probe, const char *reason);

#endif
