#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chase.h"
#include "clock.h"
#include "host.h"
#include "records.h"

static int finish(uint64_t start, int64_t *outside_cycles) {
  *outside_cycles = (int64_t)(clock_cycles() - start);
  return is_interrupted ? -EINTR : 0;
}

static int run_syscall(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)context, (void)guest_cycles;
  const uint64_t start = clock_cycles();
  for (uint64_t turn = 0; turn < turns; turn++) syscall(SYS_getppid);
  return finish(start, outside_cycles);
}

static int run_signal(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)guest_cycles;
  const int event = *(const int *)context;
  const uint64_t one = 1;
  const uint64_t start = clock_cycles();
  for (uint64_t turn = 0; turn < turns; turn++) {
    if (write(event, &one, sizeof one) != (ssize_t)sizeof one) return -errno;
  }
  return finish(start, outside_cycles);
}

// ---- ping-pong between two threads or processes ----

/// Descriptors of a ping-pong; eventfds or pipes. An eventfd's value of two or more, or an end of file, ends the peer.
struct ping_pong {
  int to_peer[2], to_me[2];
  int cpu;
};

static bool open_channels(struct ping_pong *channels, bool by_pipe) {
  channels->to_peer[0] = channels->to_peer[1] = channels->to_me[0] = channels->to_me[1] = -1;
  if (by_pipe) return pipe2(channels->to_peer, O_CLOEXEC) == 0 && pipe2(channels->to_me, O_CLOEXEC) == 0;
  channels->to_peer[0] = channels->to_peer[1] = eventfd(0, EFD_CLOEXEC);
  channels->to_me[0] = channels->to_me[1] = eventfd(0, EFD_CLOEXEC);
  return channels->to_peer[0] >= 0 && channels->to_me[0] >= 0;
}

static void close_channels(struct ping_pong *channels) {
  for (int end = 0; end < 2; end++) {
    if (end == 1 && channels->to_peer[1] == channels->to_peer[0]) break;
    if (channels->to_peer[end] >= 0) close(channels->to_peer[end]);
    if (channels->to_me[end] >= 0) close(channels->to_me[end]);
  }
}

static void *serve(void *context) {
  const struct ping_pong *channels = context;
  session_pin(channels->cpu);
  for (;;) {
    uint64_t value;
    const ssize_t got = read(channels->to_peer[0], &value, sizeof value);
    if (got < 0 && errno == EINTR && !is_interrupted) continue;
    if (got != (ssize_t)sizeof value || value != 1) return NULL;
    if (write(channels->to_me[1], &value, sizeof value) != (ssize_t)sizeof value) return NULL;
  }
}

static void dismiss(const struct ping_pong *channels) {
  const uint64_t end = 2;
  if (write(channels->to_peer[1], &end, sizeof end) < 0) return;
}

/// Each turn is a round trip, two operations.
static int run_ping_pong(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)guest_cycles;
  const struct ping_pong *channels = context;
  const uint64_t start = clock_cycles();
  for (uint64_t turn = 0; turn < turns; turn++) {
    uint64_t value = 1;
    if (write(channels->to_peer[1], &value, sizeof value) != (ssize_t)sizeof value) return -errno;
    if (read(channels->to_me[0], &value, sizeof value) != (ssize_t)sizeof value) return -errno;
  }
  return finish(start, outside_cycles);
}

static enum outcome measure_threads(
    struct session *session, struct subject *subject, bool by_pipe, int peer_cpu, int *error) {
  struct ping_pong channels = {.cpu = peer_cpu};
  if (!open_channels(&channels, by_pipe)) {
    *error = -errno;
    close_channels(&channels);
    return FAILED;
  }
  pthread_t peer;
  pthread_create(&peer, NULL, serve, &channels);
  subject->context = &channels;
  subject->run = run_ping_pong;
  subject->operations = 2;
  subject->switches = true;
  const enum outcome outcome = measure(session, subject, error);
  dismiss(&channels);
  pthread_join(peer, NULL);
  close_channels(&channels);
  return outcome;
}

static enum outcome measure_processes(struct session *session, struct subject *subject, int *error) {
  struct ping_pong channels = {.cpu = session->cpu};
  if (!open_channels(&channels, true)) {
    *error = -errno;
    close_channels(&channels);
    return FAILED;
  }
  fflush(NULL);
  const pid_t peer = fork();
  if (peer == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(&channels);
    _exit(0);
  }
  if (peer < 0) {
    *error = -errno;
    close_channels(&channels);
    return FAILED;
  }
  subject->context = &channels;
  subject->run = run_ping_pong;
  subject->operations = 2;
  subject->switches = true;
  const enum outcome outcome = measure(session, subject, error);
  dismiss(&channels);
  kill(peer, SIGKILL);
  while (waitpid(peer, NULL, 0) < 0 && errno == EINTR) continue;
  close_channels(&channels);
  return outcome;
}

// ---- memory ----

enum { FAULT_PAGES = 4096, COPY_BYTES = 1 << 20, COPY_ROOM = 64 << 20 };

static int drop_pages(void *context, uint64_t turns) {
  return madvise(*(void **)context, turns * 0x1000, MADV_DONTNEED) == 0 ? 0 : -errno;
}

static int run_faults(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)guest_cycles;
  volatile uint8_t *pages = *(uint8_t **)context;
  const uint64_t start = clock_cycles();
  for (uint64_t turn = 0; turn < turns; turn++) pages[turn * 0x1000] = 1;
  return finish(start, outside_cycles);
}

static int run_copy(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)guest_cycles;
  uint8_t *room = *(uint8_t **)context;
  const uint64_t start = clock_cycles();
  for (uint64_t turn = 0; turn < turns; turn++) {
    const uint64_t offset = turn * COPY_BYTES % (COPY_ROOM / 2);
    memcpy(room + COPY_ROOM / 2 + offset, room + offset, COPY_BYTES);
  }
  return finish(start, outside_cycles);
}

static enum outcome measure_mapping(
    struct session *session, struct subject *subject, size_t size, bool touch, int *error) {
  void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    *error = -errno;
    return FAILED;
  }
  madvise(mapping, size, MADV_NOHUGEPAGE);
  if (touch) memset(mapping, 1, size);
  subject->context = &mapping;
  const enum outcome outcome = measure(session, subject, error);
  munmap(mapping, size);
  return outcome;
}

static const struct {
  const char *name;
  size_t size, distance;
  bool is_huge;
} chases[] = {
  {"memory_l1", 16 << 10, 64, false},       {"memory_l2", 256 << 10, 64, false},
  {"memory_l3", 4 << 20, 64, true},         {"memory_dram", 256 << 20, 64, true},
  {"walk_4k", 256 << 20, 4096 + 64, false}, {"walk_2m", 256 << 20, 4096 + 64, true},
};

static enum outcome measure_chase(struct session *session, struct subject *subject, int index, int *error) {
  struct chase chase;
  if (!chase_open(&chase, chases[index].size, chases[index].distance, chases[index].is_huge)) {
    *error = -ENOMEM;
    return FAILED;
  }
  subject->context = &chase;
  subject->run = chase_run;
  const enum outcome outcome = measure(session, subject, error);
  chase_close(&chase);
  return outcome;
}

static enum outcome measure_named(struct session *session, struct subject *subject, int *error) {
  const char *name = subject->name;
  if (strcmp(name, "syscall") == 0) {
    subject->run = run_syscall;
    return measure(session, subject, error);
  }
  if (strcmp(name, "eventfd_signal") == 0) {
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    subject->context = &event;
    subject->run = run_signal;
    const enum outcome outcome = measure(session, subject, error);
    close(event);
    return outcome;
  }
  if (strcmp(name, "process_switch") == 0) return measure_processes(session, subject, error);
  if (strcmp(name, "thread_switch") == 0) return measure_threads(session, subject, true, session->cpu, error);
  if (strcmp(name, "wakeup_same_core") == 0) return measure_threads(session, subject, false, session->cpu, error);
  if (strcmp(name, "wakeup_other_core") == 0) return measure_threads(session, subject, false, session->other_cpu, error);
  if (strcmp(name, "minor_fault") == 0) {
    subject->prepare = drop_pages;
    subject->run = run_faults;
    subject->most_turns = FAULT_PAGES;
    return measure_mapping(session, subject, (size_t)FAULT_PAGES * 0x1000, false, error);
  }
  if (strcmp(name, "copy_bandwidth") == 0) {
    subject->run = run_copy;
    return measure_mapping(session, subject, COPY_ROOM, true, error);
  }
  for (int index = 0; index < (int)(sizeof chases / sizeof chases[0]); index++) {
    if (strcmp(name, chases[index].name) == 0) return measure_chase(session, subject, index, error);
  }
  *error = -ENOSYS;
  return FAILED;
}

enum outcome measure_host_probe(struct session *session, const struct probe *probe) {
  if (strcmp(probe->name, "wakeup_other_core") == 0 && session->other_cpu < 0) {
    write_skipped(probe->name, "only one CPU may be used; the probe needs two");
    return MEASURED;
  }
  struct subject subject = {.name = probe->name, .operations = 1};
  int error = 0;
  const enum outcome outcome = measure_named(session, &subject, &error);
  if (outcome == FAILED) write_skipped(probe->name, strerror(-error));
  return outcome;
}
#endif
