#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

volatile int is_interrupted;
volatile pid_t measuring_child;
static struct kvm_run *volatile watched;

/// A vCPU that is about to enter its guest must not miss the signal: `immediate_exit` catches it at the door.
static void interrupt(int number) {
  if (number != SIGUSR1) {
    is_interrupted = 1;
    const pid_t child = measuring_child;
    if (child > 0) kill(child, SIGTERM);
  }
  struct kvm_run *run = watched;
  if (run) run->immediate_exit = 1;
}

void session_catch_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = interrupt;
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  for (size_t index = 0; index < sizeof numbers / sizeof numbers[0]; index++) sigaction(numbers[index], &action, NULL);
  signal(SIGPIPE, SIG_DFL);
  // Whoever started this process may have blocked signals.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

void session_watch(struct ckvm_guest *guest, int vcpu) { watched = guest ? guest->vcpus[vcpu].run : NULL; }

bool session_pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

void session_choose_cpus(struct session *session, int wanted) {
  cpu_set_t set;
  session->cpu = session->other_cpu = -1;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return;
  // The last CPU: the first one takes most of the machine's interrupts.
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &set)) continue;
    session->other_cpu = session->cpu;
    session->cpu = cpu;
  }
  if (wanted >= 0 && wanted < CPU_SETSIZE && CPU_ISSET(wanted, &set)) {
    if (session->cpu != wanted) session->other_cpu = session->cpu;
    session->cpu = wanted;
  }
}

enum { CONTROL_OPERATIONS = 16 };

int session_open(struct session *session) {
  int result = ckvm_system_open(&session->system, session->device);
  if (result < 0) return result;
  session->has_kvm = true;
  session->mode = session->variant == PVM ? CKVM_MODE_CPL3 : CKVM_MODE_CPL0;
  const struct ckvm_guest_options options = {.mode = session->mode, .vcpus = 1};
  const char *step;
  result = ckvm_guest_create(&session->system, &options, &session->control, &step);
  if (result < 0) {
    fprintf(stderr, "vdcsim-probe: error: %s failed for the control probe: %s\n", step, strerror(-result));
    return result;
  }
  session->has_control = true;
  session->control_program = (struct ckvm_program){.stride = 0x1000};
  ckvm_program_add(&session->control_program, ckvm_block_named("port_io"), 1);
  return ckvm_program_load(&session->control_program, &session->control);
}

void session_close(struct session *session) {
  session_watch(NULL, 0);
  if (session->has_control) ckvm_guest_destroy(&session->control);
  if (session->has_kvm) ckvm_system_close(&session->system);
  session->has_control = session->has_kvm = false;
}

double session_control(struct session *session) {
  if (!session->has_control) return 0;
  struct ckvm_program_time time;
  struct ckvm_exit last;
  session_watch(&session->control, 0);
  const int result = ckvm_program_run(&session->control_program, &session->control, CONTROL_OPERATIONS, &time, &last);
  session_watch(NULL, 0);
  if (result < 0) return -1;
  const double cycles = (double)time.guest_cycles / CONTROL_OPERATIONS;
  if (session->control_minimum == 0 || cycles < session->control_minimum) session->control_minimum = cycles;
  return cycles;
}
#endif
