// What all measurements of one process share.
#ifndef PROBE_SESSION_H
#define PROBE_SESSION_H

#include <sys/types.h>

#include "ckvm_program.h"
#include "machine.h"

struct session {
  /// Path of the KVM device.
  const char *device;
  /// Open when `has_kvm`.
  struct ckvm_system system;
  bool has_kvm;
  enum variant variant;
  enum ckvm_mode mode;
  /// CPU that measurements are pinned to, and another one; -1 when there is no other.
  int cpu, other_cpu;
  /// Wanted samples, time goal of a sample, warm-ups.
  int samples;
  int64_t goal_nanoseconds;
  int warmups;
  /// Number of this process, from 0.
  int process;
  /// The interleaved control probe: a guest whose port writes userspace serves.
  struct ckvm_guest control;
  struct ckvm_program control_program;
  bool has_control;
  /// The fewest cycles of a control operation so far.
  double control_minimum;
};

/// Set by SIGINT, SIGTERM and SIGHUP.
extern volatile int is_interrupted;

/// A process that such a signal is passed on to; 0 for none.
extern volatile pid_t measuring_child;

/// Lets signals end KVM_RUN and set `is_interrupted`.
void session_catch_signals(void);
/// The vCPU that a signal must stop; NULL for none.
void session_watch(struct ckvm_guest *guest, int vcpu);
/// Pins the calling thread; false when the kernel refuses.
bool session_pin(int cpu);
/// Chooses CPUs of the affinity mask: `wanted`, or the last one, and one other.
void session_choose_cpus(struct session *session, int wanted);
/// Opens the device and the control probe. 0, or a negated errno.
int session_open(struct session *session);
void session_close(struct session *session);
/// Runs the control probe once and returns its cycles per operation; 0 without one, negative when interrupted.
double session_control(struct session *session);

#endif
