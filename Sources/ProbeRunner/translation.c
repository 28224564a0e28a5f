#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "records.h"
#include "translation.h"

typedef void translated_loop(uint64_t turns, void *buffer);
extern translated_loop translation_integer, translation_floating, translation_memory, translation_branches;
extern const uint8_t translation_image[], translation_image_end[];
extern const uint64_t translation_image_turns, translation_image_rounds;

enum {
  CLASSES = 4,
  BUFFER = 16 << 10,
  /// Turns of a sample under the translator: some milliseconds, long against the translation itself.
  TURNS = 200 * 1000,
  /// QEMU has this long to boot and run the image.
  LIMIT_SECONDS = 60,
};

static const struct {
  const char *name;
  translated_loop *loop;
} classes[CLASSES] = {
  {"integer", translation_integer},
  {"floating", translation_floating},
  {"memory", translation_memory},
  {"branches", translation_branches},
};

static int run_native(void *context, uint64_t turns, int64_t *guest_cycles, int64_t *outside_cycles) {
  (void)guest_cycles;
  static _Alignas(4096) uint8_t buffer[BUFFER + 64];
  translated_loop *loop = *(translated_loop *const *)context;
  const uint64_t start = clock_cycles();
  loop(turns, buffer);
  *outside_cycles = (int64_t)(clock_cycles() - start);
  return is_interrupted ? -EINTR : 0;
}

// ---- under QEMU ----

/// The image with its numbers filled in, in memory only.
static int make_image(uint64_t rounds) {
  const size_t size = (size_t)(translation_image_end - translation_image);
  const int image = memfd_create("vdcsim-translation", 0);
  if (image < 0) return -errno;
  const uint64_t turns = TURNS;
  const off_t turns_at = (const uint8_t *)&translation_image_turns - translation_image;
  const off_t rounds_at = (const uint8_t *)&translation_image_rounds - translation_image;
  if (write(image, translation_image, size) != (ssize_t)size ||
      pwrite(image, &turns, sizeof turns, turns_at) != (ssize_t)sizeof turns ||
      pwrite(image, &rounds, sizeof rounds, rounds_at) != (ssize_t)sizeof rounds) {
    close(image);
    return -EIO;
  }
  return image;
}

static pid_t start_translator(int image, int console) {
  fflush(NULL);
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, 0);
  dup2(nothing, 1);
  dup2(nothing, 2);
  char kernel[64], output[64];
  snprintf(kernel, sizeof kernel, "/dev/fd/%d", image);
  snprintf(output, sizeof output, "file:/dev/fd/%d", console);
  execlp(
      "qemu-system-x86_64", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "64", "-nodefaults", "-display",
      "none", "-no-reboot", "-kernel", kernel, "-debugcon", output, "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
      (char *)NULL);
  _exit(127);
}

/// Waits for the translator. 0 when it ended by itself.
static int await_translator(pid_t child) {
  const int64_t end = clock_nanoseconds() + (int64_t)LIMIT_SECONDS * 1000000000;
  int status;
  for (;;) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) break;
    if (is_interrupted || clock_nanoseconds() > end) {
      kill(child, SIGKILL);
      while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
      return is_interrupted ? -EINTR : -ETIMEDOUT;
    }
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    nanosleep(&pause, NULL);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return -ENOENT;
  // The device ends QEMU with (0 << 1) | 1.
  return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? 0 : -EPROTO;
}

/// Times of all classes, round by round, from one run of QEMU. The number of rounds, or a negated errno.
static int run_translator(uint64_t rounds, int64_t *times) {
  const int image = make_image(rounds);
  if (image < 0) return image;
  const int console = memfd_create("vdcsim-console", 0);
  int result = console < 0 ? -errno : 0;
  if (result == 0) {
    const pid_t child = start_translator(image, console);
    result = child < 0 ? -errno : await_translator(child);
  }
  if (result == 0) {
    const ssize_t wanted = (ssize_t)(rounds * CLASSES * sizeof *times);
    const ssize_t got = pread(console, times, (size_t)wanted, 0);
    result = got == wanted ? (int)rounds : -EPROTO;
  }
  if (console >= 0) close(console);
  close(image);
  return result;
}

enum { ROUNDS = 1024 };

/// All classes are measured in one run, which the first probe starts and the others read.
static int translated_times(struct session *session, const int64_t **times, double *control) {
  static int64_t cached[ROUNDS * CLASSES];
  static double cached_control;
  static int rounds, process = -1;
  if (process != session->process) {
    process = session->process;
    const int wanted = session->warmups + session->samples;
    cached_control = session_control(session);
    rounds = run_translator((uint64_t)(wanted < ROUNDS ? wanted : ROUNDS), cached);
  }
  *times = cached;
  *control = cached_control;
  return rounds;
}

static enum outcome measure_translated(struct session *session, const struct probe *probe, int class) {
  const int64_t *times;
  double control;
  const int rounds = translated_times(session, &times, &control);
  if (rounds == -EINTR || is_interrupted) return INTERRUPTED;
  if (rounds < 0) {
    write_skipped(
        probe->name, rounds == -ENOENT ? "qemu-system-x86_64 is not installed" : "QEMU could not run the image");
    return MEASURED;
  }
  for (int round = session->warmups; round < rounds; round++) {
    record_begin("sample");
    record_text("probe", probe->name);
    record_integer("process", session->process);
    record_integer("index", round - session->warmups);
    record_integer("iterations", TURNS);
    record_integer("guest_cycles", times[round * CLASSES + class]);
    record_integer("outside_cycles", times[round * CLASSES + class]);
    record_integer("involuntary_switches", 0);
    record_boolean("kept", true);
    record_integer("control_cycles", (int64_t)control);
    record_boolean("slow_phase", false);
    record_end();
  }
  return MEASURED;
}

enum outcome measure_translation_probe(struct session *session, const struct probe *probe) {
  for (int class = 0; class < CLASSES; class++) {
    char native[64], translated[64];
    snprintf(native, sizeof native, "translation_%s_native", classes[class].name);
    snprintf(translated, sizeof translated, "translation_%s_tcg", classes[class].name);
    if (strcmp(probe->name, translated) == 0) return measure_translated(session, probe, class);
    if (strcmp(probe->name, native) != 0) continue;
    translated_loop *loop = classes[class].loop;
    const struct subject subject = {.name = probe->name, .context = &loop, .run = run_native, .operations = 1};
    int error = 0;
    const enum outcome outcome = measure(session, &subject, &error);
    if (outcome == FAILED) write_skipped(probe->name, strerror(-error));
    return outcome;
  }
  write_skipped(probe->name, "no such loop");
  return MEASURED;
}
#endif
