#define _GNU_SOURCE
#include "ckvm.h"

#include <stdio.h>
#include <sysexits.h>

#if CKVM_SUPPORTED
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "guests.h"
#include "host.h"
#include "interrupts.h"
#include "options.h"
#include "records.h"
#include "translation.h"

static const char CONTROL[] = "port_write_user";

static int tell_no_device(const char *device, int error) {
  const char *remedy = "load the module of your processor: modprobe kvm_intel or modprobe kvm_amd";
  if (error == -EACCES || error == -EPERM) remedy = "join the group that owns it (often kvm), or run as root";
  if (error == -EBUSY) remedy = "another hypervisor holds the processor's virtualization; stop it";
  fprintf(stderr, "vdcsim-probe: error: can't use %s: %s; %s\n", device, strerror(-error), remedy);
  return EX_UNAVAILABLE;
}

static bool is_wanted(const struct options *options, const struct probe *probe) {
  if (options->probe_count == 0 && options->group_count == 0) return true;
  for (int index = 0; index < options->probe_count; index++) {
    if (strcmp(options->probes[index], probe->name) == 0) return true;
  }
  for (int index = 0; index < options->group_count; index++) {
    if (strcmp(options->groups[index], probe->group) == 0) return true;
  }
  return false;
}

/// Unknown names are usage errors, before anything is measured.
static int check_names(const struct options *options) {
  int count, code = 0;
  const struct probe *probes = probe_table(&count);
  for (int index = 0; index < options->probe_count; index++) {
    if (probe_named(options->probes[index])) continue;
    fprintf(stderr, "vdcsim-probe: error: unknown probe '%s'; 'vdcsim-probe list' has them\n", options->probes[index]);
    code = EX_USAGE;
  }
  for (int index = 0; index < options->group_count; index++) {
    bool is_known = false;
    for (int probe = 0; probe < count; probe++) is_known |= strcmp(probes[probe].group, options->groups[index]) == 0;
    if (is_known) continue;
    fprintf(stderr, "vdcsim-probe: error: unknown group '%s'; 'vdcsim-probe list' has them\n", options->groups[index]);
    code = EX_USAGE;
  }
  return code;
}

static bool needs_kvm(const struct options *options) {
  int count;
  const struct probe *probes = probe_table(&count);
  for (int index = 0; index < count; index++) {
    if (is_wanted(options, &probes[index]) && probes[index].kind < PROBE_HOST) return true;
  }
  return false;
}

static struct session make_session(const struct options *options) {
  struct session session = {
    .device = options->device, .variant = machine_variant(), .samples = options->samples,
    .goal_nanoseconds = options->goal_microseconds * 1000, .warmups = options->warmups};
  session_choose_cpus(&session, options->cpu);
  return session;
}

static int list(void) {
  int count;
  const struct probe *probes = probe_table(&count);
  for (int index = 0; index < count; index++) probe_describe(&probes[index]);
  const struct ckvm_block *blocks = ckvm_blocks(&count);
  for (int index = 0; index < count; index++) {
    record_begin("block");
    record_text("name", blocks[index].name);
    record_boolean("privileged", blocks[index].is_privileged);
    record_integer("cold_touches", blocks[index].cold_touches);
    record_integer("refill_touches", blocks[index].refill_touches);
    record_text("meaning", blocks[index].meaning);
    record_end();
  }
  return 0;
}

/// Everything that one process measures.
static int measure_all(struct session *session, const struct options *options) {
  session_pin(session->cpu);
  if (needs_kvm(options) && session_open(session) < 0) return EX_SOFTWARE;
  int count;
  const struct probe *probes = probe_table(&count);
  enum outcome outcome = MEASURED;
  for (int index = 0; index < count && outcome != INTERRUPTED && !is_interrupted; index++) {
    if (!is_wanted(options, &probes[index])) continue;
    switch (probes[index].kind) {
    case PROBE_HOST: outcome = measure_host_probe(session, &probes[index]); break;
    case PROBE_TRANSLATION: outcome = measure_translation_probe(session, &probes[index]); break;
    case PROBE_INTERRUPT: outcome = measure_interrupt_probe(session, &probes[index]); break;
    default: outcome = measure_guest_probe(session, &probes[index]); break;
    }
  }
  session_close(session);
  return is_interrupted || outcome == INTERRUPTED ? 130 : 0;
}

/// The program of the command line, in one process.
static int measure_one_program(struct session *session, const struct options *options) {
  session_pin(session->cpu);
  if (session_open(session) < 0) return EX_SOFTWARE;
  const int code = measure_program(
      session, options->name, options->blocks, options->block_count, (uint64_t)options->iterations);
  session_close(session);
  return code;
}

typedef int measurement(struct session *session, const struct options *options);

/// Runs a measurement in a fresh process, which ends with this one.
static int measure_in_child(measurement *measurement, struct session *session, const struct options *options) {
  fflush(NULL);
  // No signal may fall between the fork and the note of whom to pass it on to.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const bool is_late = is_interrupted;
  const pid_t child = is_late ? -1 : fork();
  if (child > 0) measuring_child = child;
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (is_late) return 130;
  if (child < 0) {
    fprintf(stderr, "vdcsim-probe: error: can't start a process: %s\n", strerror(errno));
    return EX_SOFTWARE;
  }
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int code = measurement(session, options);
    fflush(NULL);
    _exit(code);
  }
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  measuring_child = 0;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fprintf(stderr, "vdcsim-probe: error: a measuring process ended by signal %d\n", WTERMSIG(status));
  return EX_SOFTWARE;
}

static void write_end(int64_t start, int64_t steal, bool interrupted) {
  record_begin("end");
  record_integer("steal_ms", machine_steal_milliseconds() - steal);
  machine_load();
  record_real("seconds", (double)(clock_nanoseconds() - start) * 1e-9);
  record_boolean("interrupted", interrupted);
  record_end();
}

/// The records of the probes that are about to be measured.
static void describe_wanted(const struct options *options) {
  int count;
  const struct probe *probes = probe_table(&count);
  for (int index = 0; index < count; index++) {
    if (is_wanted(options, &probes[index])) probe_describe(&probes[index]);
  }
}

/// Measures in as many processes as asked for, between the records of machine and end.
static int run(measurement *measurement, const struct options *options) {
  const int64_t start = clock_nanoseconds();
  const int64_t steal = machine_steal_milliseconds();
  struct session session = make_session(options);
  machine_describe(options->device, session.variant, CONTROL);
  if (measurement == measure_all) describe_wanted(options);
  int code = 0;
  for (session.process = 0; session.process < options->processes && code == 0; session.process++) {
    code = measure_in_child(measurement, &session, options);
  }
  write_end(start, steal, code == 130);
  return code;
}

/// Exact exits of one operation of each guest probe.
static int count(const struct options *options) {
  struct session session = make_session(options);
  machine_describe(options->device, session.variant, CONTROL);
  if (session_open(&session) < 0) return EX_SOFTWARE;
  int probe_count, passed = 0, failed = 0;
  const struct probe *probes = probe_table(&probe_count);
  for (int index = 0; index < probe_count && !is_interrupted; index++) {
    if (!is_wanted(options, &probes[index]) || probes[index].kind > PROBE_ENTRY) continue;
    bool was_run;
    const bool is_right = count_guest_probe(&session, &probes[index], &was_run);
    passed += was_run && is_right;
    failed += !is_right;
  }
  session_close(&session);
  fprintf(stderr, "vdcsim-probe: %d passed, %d failed\n", passed, failed);
  return is_interrupted ? 130 : failed > 0 ? 1 : 0;
}

static int dispatch(const struct options *options) {
  if (strcmp(options->command, "list") == 0) return list();
  const int code = check_names(options);
  if (code) return code;
  const bool is_machine = strcmp(options->command, "machine") == 0;
  if (!is_machine && needs_kvm(options)) {
    struct ckvm_system system;
    const int result = ckvm_system_open(&system, options->device);
    if (result < 0) return tell_no_device(options->device, result);
    ckvm_system_close(&system);
  }
  session_catch_signals();
  if (is_machine) {
    machine_describe(options->device, machine_variant(), CONTROL);
    return 0;
  }
  if (strcmp(options->command, "run") == 0) return run(measure_all, options);
  return strcmp(options->command, "program") == 0 ? run(measure_one_program, options) : count(options);
}

int main(int argument_count, char **arguments) {
  struct options options;
  int code = options_read(&options, argument_count, arguments);
  if (code == 0) code = dispatch(&options);
  if (code < 0) code = 0;
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "vdcsim-probe: error: output failed\n");
    return code ? code : EX_IOERR;
  }
  return code;
}
#else
int main(void) {
  fputs("vdcsim-probe: error: KVM is measured on Linux on x86-64 only\n", stderr);
  return EX_UNAVAILABLE;
}
#endif
