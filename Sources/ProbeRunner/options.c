#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char help[] =
    "vdcsim-probe: measures what KVM's exits cost on this machine; output as JSON Lines.\n"
    "\n"
    "  vdcsim-probe machine            what it would measure on\n"
    "  vdcsim-probe list               the probes and the blocks of programs\n"
    "  vdcsim-probe run [OPTIONS]      measures probes\n"
    "  vdcsim-probe counts [OPTIONS]   checks the exits of one operation of each probe; no times\n"
    "  vdcsim-probe program --iterations N [OPTIONS] BLOCK*COUNT ...\n"
    "                                  measures a guest loop made of blocks\n"
    "\n"
    "  --probe NAME      only this probe (again for more)\n"
    "  --group NAME      only this group: entry, port, memory_mapped, instruction,\n"
    "                    paging, interrupt, host, translation\n"
    "  --samples N       samples to keep (61)\n"
    "  --goal-us N       least time of a sample (1000)\n"
    "  --warmups N       samples to throw away first (3)\n"
    "  --processes N     fresh processes that each measure everything (1)\n"
    "  --cpu N           CPU to pin to (the last one)\n"
    "  --name NAME       name of the program in its records\n"
    "  --device PATH     KVM device (/dev/kvm)\n"
    "\n"
    "Exit codes: 0; 64 usage; 69 no usable KVM device; 70 internal; 74 output failed;\n"
    "1 a count was wrong; 130 interrupted.\n";

static int usage(const char *message, const char *argument) {
  fprintf(stderr, "vdcsim-probe: error: %s '%s'; see 'vdcsim-probe --help'\n", message, argument);
  return EX_USAGE;
}

static bool read_number(const char *text, int64_t least, int64_t most, int64_t *value) {
  char *end;
  errno = 0;
  *value = strtoll(text, &end, 10);
  return !errno && end != text && !*end && *value >= least && *value <= most;
}

/// Options with a whole number: where it goes and its range.
static int read_numeric(struct options *options, const char *option, const char *text) {
  const struct {
    const char *option;
    int *value;
    int64_t least, most;
  } known[] = {
    {"--samples", &options->samples, 1, 100000},
    {"--warmups", &options->warmups, 0, 1000},
    {"--processes", &options->processes, 1, 1000},
    {"--cpu", &options->cpu, 0, 1023},
  };
  int64_t number;
  if (strcmp(option, "--goal-us") == 0) {
    return read_number(text, 1, 1000000, &options->goal_microseconds) ? 0 : usage("expected 1 to 1000000, found", text);
  }
  if (strcmp(option, "--iterations") == 0) {
    return read_number(text, 1, INT64_MAX, &options->iterations) ? 0 : usage("expected a number from 1, found", text);
  }
  for (size_t index = 0; index < sizeof known / sizeof known[0]; index++) {
    if (strcmp(option, known[index].option) != 0) continue;
    if (!read_number(text, known[index].least, known[index].most, &number)) {
      fprintf(
          stderr, "vdcsim-probe: error: %s: expected %lld to %lld, found '%s'\n", option,
          (long long)known[index].least, (long long)known[index].most, text);
      return EX_USAGE;
    }
    *known[index].value = (int)number;
    return 0;
  }
  return usage("unknown option", option);
}

static int read_option(struct options *options, const char *option, const char *text) {
  if (strcmp(option, "--device") == 0) {
    options->device = text;
  } else if (strcmp(option, "--name") == 0) {
    options->name = text;
  } else if (strcmp(option, "--probe") == 0 || strcmp(option, "--group") == 0) {
    const bool is_probe = option[2] == 'p';
    int *count = is_probe ? &options->probe_count : &options->group_count;
    if (*count == OPTION_NAMES) return usage("too many of", option);
    (is_probe ? options->probes : options->groups)[(*count)++] = text;
  } else {
    return read_numeric(options, option, text);
  }
  return 0;
}

int options_read(struct options *options, int count, char **arguments) {
  static const char *const commands[] = {"machine", "list", "run", "counts", "program"};
  *options = (struct options){
    .device = "/dev/kvm", .samples = 61, .warmups = 3, .processes = 1, .cpu = -1, .goal_microseconds = 1000,
    .name = "program"};
  if (count < 2) {
    fputs(help, stderr);
    return EX_USAGE;
  }
  if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0 || strcmp(arguments[1], "help") == 0) {
    fputs(help, stdout);
    return -1;
  }
  for (size_t index = 0; index < sizeof commands / sizeof commands[0]; index++) {
    if (strcmp(arguments[1], commands[index]) == 0) options->command = commands[index];
  }
  if (!options->command) return usage("unknown command", arguments[1]);
  const bool is_program = strcmp(options->command, "program") == 0;
  for (int index = 2; index < count; index++) {
    const char *argument = arguments[index];
    if (argument[0] != '-') {
      if (!is_program) return usage("unexpected argument", argument);
      options->blocks = arguments + index;
      options->block_count = count - index;
      break;
    }
    if (index + 1 == count) return usage("no value for", argument);
    const int code = read_option(options, argument, arguments[++index]);
    if (code) return code;
  }
  if (is_program && (options->block_count == 0 || options->iterations == 0)) {
    fputs("vdcsim-probe: error: a program needs --iterations and at least one block, such as compute*100\n", stderr);
    return EX_USAGE;
  }
  return 0;
}
