#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "measure.h"
#include "records.h"

/// A control operation this much above the fewest cycles seen marks a slow phase.
static const double SLOW = 1.10;

static int64_t involuntary_switches(void) {
  struct rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

struct sample {
  int64_t guest_cycles, outside_cycles, outside_nanoseconds, switches;
  double control;
};

static int take(struct session *session, const struct subject *subject, uint64_t turns, struct sample *sample) {
  sample->control = session_control(session);
  if (sample->control < 0) return -EINTR;
  const int prepared = subject->prepare ? subject->prepare(subject->context, turns) : 0;
  if (prepared < 0) return prepared;
  sample->guest_cycles = -1;
  sample->outside_cycles = 0;
  const int64_t switches = involuntary_switches();
  const int64_t start = clock_nanoseconds();
  const int result = subject->run(subject->context, turns, &sample->guest_cycles, &sample->outside_cycles);
  sample->outside_nanoseconds = clock_nanoseconds() - start;
  sample->switches = involuntary_switches() - switches;
  if (is_interrupted) return -EINTR;
  return result;
}

static bool is_kept(const struct subject *subject, const struct sample *sample) {
  return subject->switches || sample->switches == 0;
}

static void write_sample(
    const struct session *session, const struct subject *subject, const char *kind, int index, uint64_t operations,
    const struct sample *sample) {
  record_begin(kind);
  record_text(strcmp(kind, "program") == 0 ? "name" : "probe", subject->name);
  record_integer("process", session->process);
  record_integer("index", index);
  record_integer("iterations", (int64_t)operations);
  if (sample->guest_cycles >= 0) {
    record_integer("guest_cycles", sample->guest_cycles);
  } else {
    record_null("guest_cycles");
  }
  record_integer("outside_cycles", sample->outside_cycles);
  record_integer("outside_ns", sample->outside_nanoseconds);
  record_integer("involuntary_switches", sample->switches);
  record_boolean("kept", is_kept(subject, sample));
  if (!is_kept(subject, sample)) record_text("reason", "preempted");
  record_integer("control_cycles", (int64_t)sample->control);
  record_boolean("slow_phase", sample->control > session->control_minimum * SLOW);
  record_end();
}

static enum outcome fail(int result, int *error) {
  *error = result;
  return result == -EINTR || is_interrupted ? INTERRUPTED : FAILED;
}

/// Samples until `wanted` are kept. `*operations` grows by what was done.
static enum outcome sample_until(
    struct session *session, const struct subject *subject, const char *kind, uint64_t turns, int wanted, int *error) {
  int kept = 0;
  for (int index = 0; kept < wanted && index < 3 * wanted; index++) {
    struct sample sample;
    const int result = take(session, subject, turns, &sample);
    if (result < 0) return fail(result, error);
    if (is_kept(subject, &sample)) kept++;
    write_sample(session, subject, kind, index, turns * subject->operations, &sample);
  }
  return MEASURED;
}

/// One sample between two readings of the counters. The samples proper are not counted: resetting pages between them
/// and the control probe would have to be told apart.
static int prove(struct session *session, const struct subject *subject, uint64_t turns) {
  uint64_t before[CKVM_STATISTICS_MAX], after[CKVM_STATISTICS_MAX];
  int64_t guest = -1, outside;
  int result = subject->prepare ? subject->prepare(subject->context, turns) : 0;
  if (result < 0) return result;
  if ((result = ckvm_statistics_read(subject->statistics, before)) < 0) return result;
  if ((result = subject->run(subject->context, turns, &guest, &outside)) < 0) return result;
  if ((result = ckvm_statistics_read(subject->statistics, after)) < 0) return result;
  write_counters(session, subject, turns * subject->operations, before, after);
  return 0;
}

enum outcome measure_turns(
    struct session *session, const struct subject *subject, const char *kind, uint64_t turns, int samples, int *error) {
  struct sample sample;
  for (int warmup = 0; warmup < session->warmups; warmup++) {
    const int result = take(session, subject, turns, &sample);
    if (result < 0) return fail(result, error);
  }
  const enum outcome outcome = sample_until(session, subject, kind, turns, samples, error);
  if (outcome != MEASURED || !subject->statistics) return outcome;
  const int result = prove(session, subject, turns);
  return result < 0 ? fail(result, error) : MEASURED;
}

enum outcome measure(struct session *session, const struct subject *subject, int *error) {
  uint64_t turns = 1;
  for (;;) {
    struct sample sample;
    const int result = take(session, subject, turns, &sample);
    if (result < 0) return fail(result, error);
    if (sample.outside_nanoseconds >= session->goal_nanoseconds || turns >= (uint64_t)1 << 40) break;
    if (subject->most_turns > 0 && turns * 2 > subject->most_turns) break;
    turns *= 2;
  }
  return measure_turns(session, subject, "sample", turns, session->samples, error);
}

bool write_counters(
    const struct session *session, const struct subject *subject, uint64_t operations, const uint64_t *before,
    const uint64_t *after) {
  const struct ckvm_statistics *statistics = subject->statistics;
  record_begin("counters");
  record_text("probe", subject->name);
  record_integer("process", session->process);
  record_integer("iterations", (int64_t)operations);
  record_open("delta", '{');
  for (int index = 0; index < statistics->count; index++) {
    const int64_t delta = (int64_t)(after[index] - before[index]);
    if (delta != 0) record_integer(statistics->names[index], delta);
  }
  record_close('}');
  bool passed = true;
  record_open("checks", '[');
  for (int index = 0; index < subject->expectations && session->variant < VARIANTS; index++) {
    const struct expectation *expected = &subject->expected[index];
    if (!expected->counter || expected->per_operation[session->variant] < 0) continue;
    const int counter = ckvm_statistics_index(statistics, expected->counter);
    if (counter < 0) continue;
    const double seen = (double)(after[counter] - before[counter]) / (double)operations;
    const double wanted = expected->per_operation[session->variant];
    // The run's own end is one exit, and the host's interrupts add some that no operation causes: a counter may exceed
    // its row by a tenth or by 16 in all, and must not fall short by more than 2 %.
    const double least = 16.0 / (double)operations;
    const double slack = wanted * 0.1 > least ? wanted * 0.1 : least;
    const bool is_right = seen >= wanted * 0.98 && seen <= wanted + slack;
    passed &= is_right;
    record_open(NULL, '{');
    record_text("counter", expected->counter);
    record_real("expected", wanted);
    record_real("seen", seen);
    record_boolean("passed", is_right);
    record_close('}');
  }
  record_close(']');
  record_text("verdict", passed ? "passed" : "failed");
  record_end();
  return passed;
}

void write_skipped(const char *probe, const char *reason) {
  record_begin("skipped");
  record_text("probe", probe);
  record_text("reason", reason);
  record_end();
}
#endif
