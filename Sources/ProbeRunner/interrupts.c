#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "interrupts.h"
#include "records.h"

enum {
  GSI = 5,
  /// Latencies of one probe in one process.
  EVENTS = 200,
  /// Pause between interrupts, longer than the usual halt polling, so that the vCPU is asleep.
  PAUSE_NANOSECONDS = 400 * 1000,
  /// After this long an interrupt counts as lost; the vCPU was preempted meanwhile, or never took it.
  TIMEOUT_NANOSECONDS = 50 * 1000 * 1000,
  DEADLINE_NANOSECONDS = 200 * 1000,
};

/// A vCPU that runs on a thread of its own.
struct vcpu_thread {
  pthread_t thread;
  struct ckvm_guest *guest;
  int vcpu;
  int cpu;
  struct kvm_regs registers;
  volatile int is_done;
  int result;
};

static void *run_vcpu(void *context) {
  struct vcpu_thread *thread = context;
  session_pin(thread->cpu);
  struct ckvm_exit last;
  thread->result = ckvm_guest_set_start(thread->guest, thread->vcpu, &thread->registers);
  if (thread->result >= 0) thread->result = ckvm_guest_run(thread->guest, thread->vcpu, &last);
  thread->is_done = 1;
  return NULL;
}

/// Ends a vCPU that may wait for ever, and its thread.
static void stop_vcpu(struct vcpu_thread *thread) {
  while (!thread->is_done) {
    thread->guest->vcpus[thread->vcpu].run->immediate_exit = 1;
    pthread_kill(thread->thread, SIGUSR1);
    const struct timespec pause = {.tv_nsec = 200 * 1000};
    nanosleep(&pause, NULL);
  }
  pthread_join(thread->thread, NULL);
  thread->guest->vcpus[thread->vcpu].run->immediate_exit = 0;
}

static void spin_nanoseconds(int64_t duration) {
  const int64_t end = clock_nanoseconds() + duration;
  while (clock_nanoseconds() < end && !is_interrupted) continue;
}

/// Waits until a value reaches `least`. False after the time-out.
static bool wait_for(const volatile uint64_t *value, uint64_t least) {
  const int64_t end = clock_nanoseconds() + TIMEOUT_NANOSECONDS;
  while (*value < least) {
    if (is_interrupted || clock_nanoseconds() > end) return false;
  }
  return true;
}

static void write_latencies(
    const struct session *session, const char *probe, const int64_t *values, int count, int lost) {
  record_begin("latency");
  record_text("probe", probe);
  record_integer("process", session->process);
  record_integer("lost", lost);
  record_open("values_ns", '[');
  for (int index = 0; index < count; index++) record_integer(NULL, values[index]);
  record_close(']');
  record_end();
}

static void prove_latencies(
    const struct session *session, const struct probe *probe, const struct ckvm_guest *guest, int events,
    const uint64_t *before) {
  uint64_t after[CKVM_STATISTICS_MAX];
  if (events == 0 || ckvm_statistics_read(&guest->statistics, after) < 0) return;
  const struct subject subject = {
    .name = probe->name, .statistics = &guest->statistics, .expected = probe->expected, .expectations = 3};
  write_counters(session, &subject, (uint64_t)events, before, after);
}

/// An irqfd is signalled from another CPU while the vCPU spins or is halted.
static enum outcome measure_irqfd(struct session *session, const struct probe *probe, struct ckvm_guest *guest) {
  const enum ckvm_wait wait = probe->interrupt == INTERRUPT_RUNNING ? CKVM_WAIT_SPINNING : CKVM_WAIT_HALTED;
  struct ckvm_shared *shared = ckvm_guest_shared(guest);
  const uint64_t code = ckvm_interrupt_load_wait(guest, wait, false);
  const int event = eventfd(0, EFD_CLOEXEC);
  if (event < 0 || ckvm_vm_set_msi_route(&guest->vm, GSI, CKVM_DEVICE_VECTOR, 0) < 0 ||
      ckvm_vm_irqfd(&guest->vm, event, GSI) < 0) {
    write_skipped(probe->name, "the kernel has no irqfd with MSI routes");
    if (event >= 0) close(event);
    return MEASURED;
  }
  uint64_t before[CKVM_STATISTICS_MAX] = {0};
  ckvm_statistics_read(&guest->statistics, before);
  struct vcpu_thread thread = {
    .guest = guest, .cpu = session->cpu, .registers = ckvm_interrupt_registers(code, 0, EVENTS + 1, 0)};
  session_pin(session->other_cpu);
  pthread_create(&thread.thread, NULL, run_vcpu, &thread);
  static int64_t values[EVENTS];
  int count = 0, lost = 0;
  uint64_t taken = 0;
  if (wait_for(&shared->is_ready, 1)) {
    while (count + lost < EVENTS && !is_interrupted && !thread.is_done) {
      spin_nanoseconds(wait == CKVM_WAIT_HALTED ? PAUSE_NANOSECONDS : PAUSE_NANOSECONDS / 8);
      const uint64_t one = 1;
      const int64_t start = clock_nanoseconds();
      if (write(event, &one, sizeof one) != (ssize_t)sizeof one) break;
      if (wait_for(&shared->taken[0], taken + 1)) {
        values[count++] = clock_nanoseconds() - start;
      } else {
        // Wait once more, lest the late interrupt be counted for the next signal.
        lost++;
        if (!wait_for(&shared->taken[0], taken + 1)) break;
      }
      taken++;
    }
  }
  prove_latencies(session, probe, guest, (int)taken, before);
  stop_vcpu(&thread);
  session_pin(session->cpu);
  close(event);
  write_latencies(session, probe->name, values, count, lost);
  return is_interrupted ? INTERRUPTED : MEASURED;
}

/// A halted vCPU's own timer.
static enum outcome measure_timer(struct session *session, const struct probe *probe, struct ckvm_guest *guest) {
  struct ckvm_shared *shared = ckvm_guest_shared(guest);
  const uint64_t code = ckvm_interrupt_load_wait(guest, CKVM_WAIT_HALTED, true);
  const int64_t kilohertz = machine_tsc_kilohertz();
  const uint64_t ahead = (uint64_t)((int64_t)DEADLINE_NANOSECONDS * kilohertz / 1000000);
  static int64_t values[EVENTS];
  int count = 0, lost = 0;
  uint64_t before[CKVM_STATISTICS_MAX] = {0};
  ckvm_statistics_read(&guest->statistics, before);
  for (int event = 0; event < EVENTS && !is_interrupted; event++) {
    memset(shared, 0, sizeof *shared);
    const struct kvm_regs registers = ckvm_interrupt_registers(code, 0, 1, ahead);
    struct ckvm_exit last;
    session_watch(guest, 0);
    int result = ckvm_guest_set_start(guest, 0, &registers);
    if (result >= 0) result = ckvm_guest_run(guest, 0, &last);
    session_watch(NULL, 0);
    if (result < 0) {
      lost++;
      break;
    }
    values[count++] = (int64_t)((double)(int64_t)(shared->timer_tsc - shared->deadline) * 1e6 / (double)kilohertz);
  }
  prove_latencies(session, probe, guest, count, before);
  write_latencies(session, probe->name, values, count, lost);
  return is_interrupted ? INTERRUPTED : MEASURED;
}

struct sender {
  struct ckvm_guest *guest;
};

/// So many interrupts to the sibling, each waited for; the guest times them.
static int run_sender(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  struct ckvm_guest *guest = ((struct sender *)context)->guest;
  ckvm_guest_shared(guest)->taken[1] = 0;
  const struct kvm_regs registers = ckvm_interrupt_registers(CKVM_CODE, 0, turns, 0);
  int result = ckvm_guest_set_start(guest, 0, &registers);
  if (result < 0) return result;
  struct ckvm_exit last;
  session_watch(guest, 0);
  const uint64_t start = clock_cycles();
  result = ckvm_guest_run(guest, 0, &last);
  *outside_cycles = (int64_t)(clock_cycles() - start);
  session_watch(NULL, 0);
  if (result < 0) return result;
  struct kvm_regs end;
  result = ckvm_vcpu_get_registers(&guest->vcpus[0], &end);
  *guest_cycles = (int64_t)end.r13;
  return result < 0 ? result : 0;
}

static enum outcome measure_ipi(struct session *session, const struct probe *probe, struct ckvm_guest *guest) {
  const uint64_t code = ckvm_interrupt_load_wait(guest, CKVM_WAIT_SPINNING, false);
  ckvm_interrupt_load_sender(guest);
  struct vcpu_thread receiver = {
    .guest = guest, .vcpu = 1, .cpu = session->other_cpu,
    .registers = ckvm_interrupt_registers(code, 1, UINT64_MAX, 0)};
  pthread_create(&receiver.thread, NULL, run_vcpu, &receiver);
  enum outcome outcome = MEASURED;
  if (wait_for(&ckvm_guest_shared(guest)->is_ready, 1)) {
    struct sender sender = {.guest = guest};
    const struct subject subject = {
      .name = probe->name, .context = &sender, .run = run_sender, .operations = 1, .statistics = &guest->statistics};
    int error = 0;
    outcome = measure_turns(session, &subject, "sample", 32, session->samples, &error);
    if (outcome == FAILED) write_skipped(probe->name, strerror(-error));
  } else {
    write_skipped(probe->name, "the receiving vCPU did not start");
  }
  stop_vcpu(&receiver);
  return is_interrupted ? INTERRUPTED : outcome;
}

enum outcome measure_interrupt_probe(struct session *session, const struct probe *probe) {
  const bool needs_two = probe->interrupt != INTERRUPT_TIMER;
  const char *reason = !session->has_kvm                   ? "no usable KVM device"
                       : session->variant == NO_KVM        ? "unknown KVM backend"
                       : needs_two && session->other_cpu < 0 ? "only one CPU may be used; the probe needs two"
                                                             : NULL;
  if (reason) {
    write_skipped(probe->name, reason);
    return MEASURED;
  }
  struct ckvm_guest guest;
  const struct ckvm_guest_options options = {
    .mode = session->mode, .vcpus = probe->interrupt == INTERRUPT_IPI ? 2 : 1, .irqchip = true};
  const char *step = "";
  int result = ckvm_guest_create(&session->system, &options, &guest, &step);
  if (result < 0) {
    char text[160];
    snprintf(text, sizeof text, "%s failed: %s", step, strerror(-result));
    write_skipped(probe->name, text);
    return MEASURED;
  }
  enum outcome outcome = MEASURED;
  if (probe->interrupt == INTERRUPT_HALTED_NO_POLLING && ckvm_vm_set_halt_polling(&guest.vm, 0) < 0) {
    write_skipped(probe->name, "the kernel can't set halt polling of a VM (KVM_CAP_HALT_POLL)");
  } else if (probe->interrupt == INTERRUPT_IPI) {
    outcome = measure_ipi(session, probe, &guest);
  } else if (probe->interrupt == INTERRUPT_TIMER) {
    outcome = measure_timer(session, probe, &guest);
  } else {
    outcome = measure_irqfd(session, probe, &guest);
  }
  ckvm_guest_destroy(&guest);
  return outcome;
}
#endif
