#define _GNU_SOURCE
#include "ckvm.h"

#if CKVM_SUPPORTED
#include "machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "records.h"

/// The first line of a file without its newline, or "".
static void read_line(const char *path, char *line, size_t size) {
  line[0] = 0;
  FILE *file = fopen(path, "re");
  if (!file) return;
  if (fgets(line, (int)size, file)) line[strcspn(line, "\n")] = 0;
  fclose(file);
}

static bool is_on(const char *path) {
  char line[32];
  read_line(path, line, sizeof line);
  return line[0] == 'Y' || line[0] == '1';
}

enum variant machine_variant(void) {
  if (access("/sys/module/kvm_pvm", F_OK) == 0) return PVM;
  if (access("/sys/module/kvm_amd", F_OK) == 0) {
    return is_on("/sys/module/kvm_amd/parameters/npt") ? AMD_NESTED : AMD_SHADOW;
  }
  if (access("/sys/module/kvm_intel", F_OK) == 0) {
    return is_on("/sys/module/kvm_intel/parameters/ept") ? INTEL_NESTED : INTEL_SHADOW;
  }
  return NO_KVM;
}

const char *machine_backend(enum variant variant) {
  static const char *const names[] = {"pvm", "amd-v", "amd-v", "vt-x", "vt-x", "none"};
  return names[variant];
}

const char *machine_variant_name(enum variant variant) {
  static const char *const names[] = {"pvm", "amd-v/nested", "amd-v/shadow", "vt-x/nested", "vt-x/shadow", "none"};
  return names[variant];
}

int64_t machine_tsc_kilohertz(void) {
  int64_t best = 0;
  int64_t shortest = INT64_MAX;
  // The pair of readings with the shortest detour is the least disturbed.
  for (int attempt = 0; attempt < 3; attempt++) {
    const int64_t start = clock_nanoseconds();
    const uint64_t first = clock_cycles();
    while (clock_nanoseconds() - start < 20 * 1000 * 1000) continue;
    const uint64_t second = clock_cycles();
    const int64_t elapsed = clock_nanoseconds() - start;
    if (elapsed < shortest && elapsed > 0) {
      shortest = elapsed;
      best = (int64_t)((double)(second - first) * 1e6 / (double)elapsed + 0.5);
    }
  }
  return best;
}

int64_t machine_steal_milliseconds(void) {
  char line[512];
  read_line("/proc/stat", line, sizeof line);
  unsigned long long user, nice, system, idle, wait, interrupt, soft, steal;
  const int found = sscanf(
      line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &interrupt, &soft, &steal);
  return found == 8 ? (int64_t)(steal * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK)) : 0;
}

void machine_load(void) {
  double averages[3] = {0, 0, 0};
  if (getloadavg(averages, 3) < 0) averages[0] = averages[1] = averages[2] = 0;
  record_open("load", '{');
  record_real("one", averages[0]);
  record_real("five", averages[1]);
  record_real("fifteen", averages[2]);
  record_close('}');
}

/// The value of a key in /proc/cpuinfo.
static void cpu_field(const char *key, char *value, size_t size) {
  value[0] = 0;
  FILE *file = fopen("/proc/cpuinfo", "re");
  if (!file) return;
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, file) > 0) {
    const size_t length = strlen(key);
    if (strncmp(line, key, length) != 0 || (line[length] != '\t' && line[length] != ' ' && line[length] != ':')) continue;
    const char *text = strchr(line, ':');
    if (!text) continue;
    text += text[1] == ' ' ? 2 : 1;
    snprintf(value, size, "%s", text);
    value[strcspn(value, "\n")] = 0;
    break;
  }
  free(line);
  fclose(file);
}

static int compare_names(const void *first, const void *second) {
  return strcmp(*(const char *const *)first, *(const char *const *)second);
}

/// The files of a folder with their first lines as fields, in the order of their names; keys get a prefix.
static void folder_fields(const char *folder, const char *prefix) {
  DIR *directory = opendir(folder);
  if (!directory) return;
  char *names[256];
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) && count < 256;) {
    if (entry->d_name[0] != '.') names[count++] = strdup(entry->d_name);
  }
  closedir(directory);
  qsort(names, count, sizeof names[0], compare_names);
  for (size_t index = 0; index < count; index++) {
    char path[512], key[300], line[256];
    snprintf(path, sizeof path, "%s/%s", folder, names[index]);
    snprintf(key, sizeof key, "%s%s", prefix, names[index]);
    read_line(path, line, sizeof line);
    record_text(key, line);
    free(names[index]);
  }
}

static void describe_processor(void) {
  char value[4096];
  static const struct {
    const char *field, *key;
  } fields[] = {{"vendor_id", "vendor"}, {"model name", "cpu_model"}, {"cpu family", "family"}, {"model", "model"},
                {"stepping", "stepping"}, {"microcode", "microcode"}};
  for (size_t index = 0; index < sizeof fields / sizeof fields[0]; index++) {
    cpu_field(fields[index].field, value, sizeof value);
    record_text(fields[index].key, value);
  }
  cpu_field("flags", value, sizeof value);
  record_boolean("is_guest", strstr(value, " hypervisor") != NULL);
  read_line("/sys/devices/system/cpu/smt/active", value, sizeof value);
  record_text("smt", value[0] == 0 ? "unknown" : value[0] == '1' ? "on" : "off");
  read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", value, sizeof value);
  record_text("governor", value[0] ? value : "unknown");
}

void machine_describe(const char *device, enum variant variant, const char *control) {
  record_begin("machine");
  record_text("backend", machine_backend(variant));
  record_text("variant", machine_variant_name(variant));
  record_boolean("nested_paging", variant == AMD_NESTED || variant == INTEL_NESTED);
  record_text("control", control);
  record_open("kvm_parameters", '{');
  folder_fields("/sys/module/kvm/parameters", "kvm.");
  folder_fields("/sys/module/kvm_pvm/parameters", "kvm_pvm.");
  folder_fields("/sys/module/kvm_amd/parameters", "kvm_amd.");
  folder_fields("/sys/module/kvm_intel/parameters", "kvm_intel.");
  record_close('}');
  struct ckvm_system system;
  if (ckvm_system_open(&system, device) == 0) {
    record_integer("kvm_api", ckvm_system_api_version(&system));
    ckvm_system_close(&system);
  }
  describe_processor();
  struct utsname names;
  record_text("kernel", uname(&names) == 0 ? names.release : "unknown");
  record_open("mitigations", '{');
  folder_fields("/sys/devices/system/cpu/vulnerabilities", "");
  record_close('}');
  record_integer("tsc_khz", machine_tsc_kilohertz());
  record_integer("cpus", sysconf(_SC_NPROCESSORS_ONLN));
  char date[32];
  const time_t now = time(NULL);
  struct tm broken;
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &broken));
  record_text("date", date);
  machine_load();
  record_end();
}
#endif
