// The command line.
#ifndef PROBE_OPTIONS_H
#define PROBE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { OPTION_NAMES = 64 };

struct options {
  const char *command;
  const char *device;
  /// Probes and groups asked for; none means all.
  const char *probes[OPTION_NAMES], *groups[OPTION_NAMES];
  int probe_count, group_count;
  int samples, warmups, processes, cpu;
  int64_t goal_microseconds;
  /// Of `program`.
  const char *name;
  int64_t iterations;
  char **blocks;
  int block_count;
};

/// Reads the command line. 0, or an exit code after a message; -1 after the help text.
int options_read(struct options *options, int count, char **arguments);

#endif
