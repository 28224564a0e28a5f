// The table of probes: what is measured, how, and how it is proved.
#ifndef PROBE_PROBES_H
#define PROBE_PROBES_H

#include "ckvm_program.h"
#include "machine.h"

enum probe_kind {
  /// A guest loop of blocks.
  PROBE_PROGRAM,
  /// KVM_RUN that returns at once.
  PROBE_ENTRY,
  /// Single interrupts or timers, each with its latency.
  PROBE_INTERRUPT,
  /// A primitive of the host; no KVM.
  PROBE_HOST,
  /// A loop that runs natively or under QEMU's translator; no KVM.
  PROBE_TRANSLATION,
};

/// What has to be done before each sample.
enum preparation {
  PREPARE_NOTHING,
  /// The loop runs once, then the dirty log is fetched, which write-protects what the loop wrote.
  PREPARE_DIRTY_LOG,
};

enum interrupt_test {
  INTERRUPT_RUNNING,
  INTERRUPT_HALTED,
  INTERRUPT_HALTED_NO_POLLING,
  INTERRUPT_IPI,
  INTERRUPT_TIMER,
};

/// The change of a counter per operation on each variant; UNKNOWN is not checked.
#define UNKNOWN (-1.0)

struct expectation {
  const char *counter;
  double per_operation[VARIANTS];
};

struct probe {
  const char *name, *group, *operation, *meaning;
  enum probe_kind kind;
  /// The loop. Samples count operations: the first block's count in each turn.
  struct {
    const char *block;
    uint32_t count;
  } blocks[4];
  /// Bytes between touches; 0 for 4 KiB.
  uint32_t stride;
  struct ckvm_data_pages pages;
  enum preparation preparation;
  bool needs_irqchip;
  enum interrupt_test interrupt;
  /// Instructions at CPL 0 per operation, beside the one measured, that a software backend emulates.
  int emulated_instructions;
  struct expectation expected[3];
  /// Why a backend can't run the probe; NULL where it can.
  const char *impossible[VARIANTS];
};

const struct probe *probe_table(int *count);
const struct probe *probe_named(const char *name);
/// Writes the probe's own record.
void probe_describe(const struct probe *probe);
/// What the machine must have for the probe.
const char *probe_requirement(const struct probe *probe);

#endif
