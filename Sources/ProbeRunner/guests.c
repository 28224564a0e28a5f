#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clock.h"
#include "guests.h"
#include "records.h"

struct guest_run {
  struct ckvm_guest guest;
  struct ckvm_program program;
  enum preparation preparation;
};

static int prepare(void *context, uint64_t turns) {
  struct guest_run *run = context;
  int result = ckvm_program_reset(&run->program, &run->guest, turns);
  if (result < 0 || run->preparation != PREPARE_DIRTY_LOG) return result;
  struct ckvm_program_time time;
  struct ckvm_exit last;
  session_watch(&run->guest, 0);
  result = ckvm_program_run(&run->program, &run->guest, turns, &time, &last);
  session_watch(NULL, 0);
  if (result < 0) return result;
  static uint8_t bitmap[CKVM_DATA_SIZE / 0x1000 / 8];
  return ckvm_vm_get_dirty_log(&run->guest.vm, 1, bitmap);
}

static int run_program(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  struct guest_run *run = context;
  struct ckvm_program_time time = {0};
  struct ckvm_exit last = {0};
  session_watch(&run->guest, 0);
  const int result = ckvm_program_run(&run->program, &run->guest, turns, &time, &last);
  session_watch(NULL, 0);
  if (result < 0) {
    if (result != -EINTR) {
      fprintf(
          stderr, "vdcsim-probe: warning: the guest stopped at an unexpected exit: %s (KVM exit %u, 0x%llx)\n",
          ckvm_exit_name(last.kind), last.reason, (unsigned long long)last.address);
    }
    return result;
  }
  *guest_cycles = (int64_t)time.guest_cycles;
  *outside_cycles = (int64_t)time.outside_cycles;
  return 0;
}

/// KVM_RUN that returns at once; every call is a turn.
static int run_entry(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)guest_cycles;
  struct guest_run *run = context;
  struct ckvm_vcpu *vcpu = &run->guest.vcpus[0];
  const uint64_t start = clock_cycles();
  for (uint64_t turn = 0; turn < turns; turn++) {
    vcpu->run->immediate_exit = 1;
    const int result = ckvm_vcpu_run(vcpu);
    if (result != -EINTR) return result < 0 ? result : -EPROTO;
  }
  *outside_cycles = (int64_t)(clock_cycles() - start);
  vcpu->run->immediate_exit = 0;
  return 0;
}

/// A block by the name of the table; `hypercall` stands for the instruction of the processor's vendor.
static const struct ckvm_block *find_block(const char *name, enum variant variant) {
  if (strcmp(name, "hypercall") != 0) return ckvm_block_named(name);
  const bool is_intel = variant == INTEL_NESTED || variant == INTEL_SHADOW;
  return ckvm_block_named(is_intel ? "hypercall_intel" : "hypercall_amd");
}

static const char *impossible(const struct session *session, const struct probe *probe) {
  if (!session->has_kvm) return "no usable KVM device";
  if (session->variant == NO_KVM) return "unknown KVM backend: none of kvm_pvm, kvm_amd, kvm_intel is loaded";
  return probe->impossible[session->variant];
}

/// Builds the guest of a probe. Writes why it can't.
static bool open_probe(struct session *session, const struct probe *probe, struct guest_run *run) {
  const char *reason = impossible(session, probe);
  if (reason) {
    write_skipped(probe->name, reason);
    return false;
  }
  const struct ckvm_guest_options options = {
    .mode = session->mode, .vcpus = 1, .irqchip = probe->needs_irqchip, .pages = probe->pages};
  const char *step = "";
  const int result = ckvm_guest_create(&session->system, &options, &run->guest, &step);
  if (result < 0) {
    char text[160];
    snprintf(text, sizeof text, "%s failed: %s", step, strerror(-result));
    write_skipped(probe->name, text);
    return false;
  }
  run->preparation = probe->preparation;
  run->program = (struct ckvm_program){.stride = probe->stride ? probe->stride : 0x1000};
  for (int index = 0; index < 4 && probe->blocks[index].block; index++) {
    ckvm_program_add(
        &run->program, find_block(probe->blocks[index].block, session->variant), probe->blocks[index].count);
  }
  ckvm_program_load(&run->program, &run->guest);
  return true;
}

static struct subject subject_of(const struct probe *probe, struct guest_run *run) {
  const bool is_entry = probe->kind == PROBE_ENTRY;
  const uint64_t most = ckvm_program_max_iterations(&run->program);
  return (struct subject){
    .name = probe->name,
    .context = run,
    .prepare = is_entry ? NULL : prepare,
    .run = is_entry ? run_entry : run_program,
    .most_turns = most == UINT64_MAX ? 0 : most,
    .operations = probe->blocks[0].block ? probe->blocks[0].count : 1,
    .statistics = &run->guest.statistics,
    .expected = probe->expected,
    .expectations = 3,
  };
}

enum outcome measure_guest_probe(struct session *session, const struct probe *probe) {
  struct guest_run run;
  if (!open_probe(session, probe, &run)) return MEASURED;
  const struct subject subject = subject_of(probe, &run);
  int error = 0;
  const enum outcome outcome = measure(session, &subject, &error);
  if (outcome == FAILED) {
    char text[160];
    snprintf(text, sizeof text, "the guest could not run it: %s", strerror(-error));
    write_skipped(probe->name, text);
  }
  ckvm_guest_destroy(&run.guest);
  return outcome;
}

bool count_guest_probe(struct session *session, const struct probe *probe, bool *was_run) {
  enum { TURNS = 256 };
  struct guest_run run;
  *was_run = open_probe(session, probe, &run);
  if (!*was_run) return true;
  const struct subject subject = subject_of(probe, &run);
  const uint64_t turns = subject.most_turns > 0 && subject.most_turns < TURNS ? subject.most_turns : TURNS;
  uint64_t before[CKVM_STATISTICS_MAX], after[CKVM_STATISTICS_MAX];
  int64_t guest = -1, outside;
  bool passed = false;
  // The first run is warm-up: it maps the code, the stacks and the device window.
  int result = 0;
  for (int round = 0; round < 2 && result == 0; round++) {
    result = subject.prepare ? subject.prepare(&run, turns) : 0;
    if (result == 0) result = ckvm_statistics_read(subject.statistics, before);
    if (result == 0) result = subject.run(&run, turns, &guest, &outside);
    if (result == 0) result = ckvm_statistics_read(subject.statistics, after);
  }
  if (result == 0) {
    passed = write_counters(session, &subject, turns * subject.operations, before, after);
  } else {
    fprintf(stderr, "vdcsim-probe: error: probe '%s' could not run: %s\n", probe->name, strerror(-result));
  }
  ckvm_guest_destroy(&run.guest);
  return passed;
}

/// Reads `NAME*COUNT`. 0, or an exit code after a message.
static int add_block(struct ckvm_program *program, const char *text, enum variant variant) {
  char name[64];
  const char *star = strchr(text, '*');
  const size_t length = star ? (size_t)(star - text) : strlen(text);
  snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), text);
  const struct ckvm_block *block = find_block(name, variant);
  if (!block) {
    fprintf(stderr, "vdcsim-probe: error: unknown block '%s'; expected one of", name);
    int count;
    const struct ckvm_block *blocks = ckvm_blocks(&count);
    for (int index = 0; index < count; index++) fprintf(stderr, " %s", blocks[index].name);
    fputc('\n', stderr);
    return EX_USAGE;
  }
  char *end = NULL;
  errno = 0;
  const unsigned long count = star ? strtoul(star + 1, &end, 10) : 1;
  if (star && (errno || *end || end == star + 1 || count == 0 || count > UINT32_MAX)) {
    fprintf(stderr, "vdcsim-probe: error: '%s': expected a whole number from 1 after '*'\n", text);
    return EX_USAGE;
  }
  if (ckvm_program_add(program, block, (uint32_t)count) < 0) {
    fprintf(stderr, "vdcsim-probe: error: too many blocks; expected at most %d\n", CKVM_PROGRAM_ITEMS);
    return EX_USAGE;
  }
  return 0;
}

int measure_program(struct session *session, const char *name, char **blocks, int count, uint64_t iterations) {
  struct guest_run run = {.preparation = PREPARE_NOTHING, .program = {.stride = 0x1000}};
  for (int index = 0; index < count; index++) {
    const int code = add_block(&run.program, blocks[index], session->variant);
    if (code) return code;
  }
  const uint64_t most = ckvm_program_max_iterations(&run.program);
  if (iterations > most) {
    fprintf(
        stderr, "vdcsim-probe: error: %llu iterations touch more pages than the guest has; expected at most %llu\n",
        (unsigned long long)iterations, (unsigned long long)most);
    return EX_USAGE;
  }
  const struct ckvm_guest_options options = {.mode = session->mode, .vcpus = 1};
  const char *step = "";
  int result = ckvm_guest_create(&session->system, &options, &run.guest, &step);
  if (result < 0) {
    fprintf(stderr, "vdcsim-probe: error: %s failed: %s\n", step, strerror(-result));
    return EX_SOFTWARE;
  }
  if (ckvm_program_load(&run.program, &run.guest) < 0) {
    fprintf(stderr, "vdcsim-probe: error: the program's code is too long for the guest\n");
    ckvm_guest_destroy(&run.guest);
    return EX_USAGE;
  }
  const struct subject subject = {
    .name = name, .context = &run, .prepare = prepare, .run = run_program, .most_turns = iterations, .operations = 1,
    .statistics = &run.guest.statistics};
  int error = 0;
  const enum outcome outcome = measure_turns(session, &subject, "program", iterations, session->samples, &error);
  ckvm_guest_destroy(&run.guest);
  if (outcome == FAILED) {
    fprintf(stderr, "vdcsim-probe: error: the guest could not run the program: %s\n", strerror(-error));
    return EX_SOFTWARE;
  }
  return outcome == INTERRUPTED ? 130 : 0;
}
#endif
