// What is counted: histograms of KVM's tracepoints, its binary statistics, and the commands of the guest's markers.
#pragma once
struct event {
  const char *name, *keys;
} events[] = {
    {"kvm/kvm_exit", "exit_reason,guest_rip.hex,info1.hex:size=16384"},
    {"kvm/kvm_inj_exception", "exception"},
    {"kvm/kvm_msr", "ecx.hex,write"},
    {"kvmmmu/kvm_mmu_get_page", "role.hex,created"},
    {"kvmmmu/kvm_mmu_prepare_zap_page", "role.hex"},
    {"kvmmmu/kvm_mmu_sync_page", "role.hex"},
    {"kvmmmu/kvm_mmu_unsync_page", "role.hex"},
    {"kvmmmu/kvm_mmu_set_spte", "level"},
};
enum { EVENTS = sizeof events / sizeof *events };

static void put_file(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_APPEND);
  if (fd < 0 || write(fd, value, strlen(value)) < 0)
    fprintf(stderr, "%s <- %s: %s\n", path, value, strerror(errno));
  if (fd >= 0)
    close(fd);
}

static void hists(const char *suffix) {
  char path[200], value[200], keys[100];
  for (int i = 0; i < EVENTS; i++) {
    snprintf(path, sizeof path, TRACING "events/%s/trigger", events[i].name);
    strcpy(keys, events[i].keys);
    snprintf(value, sizeof value, "hist:keys=%s%s\n", keys, suffix);
    put_file(path, value);
  }
}

static void print_hists(void) {
  char path[200], line[400];
  for (int i = 0; i < EVENTS; i++) {
    snprintf(path, sizeof path, TRACING "events/%s/hist", events[i].name);
    FILE *f = fopen(path, "r");
    if (!f)
      continue;
    while (fgets(line, sizeof line, f))
      if (line[0] == '{' || strstr(line, "Dropped:"))
        fprintf(out, "H|%s|%s", events[i].name, line);
    fclose(f);
  }
}

// KVM's binary statistics of the VM and of every vCPU
struct stats {
  struct kvm_stats_header header;
  uint8_t *descriptors;
  int stride;
  uint64_t start[128];
} stats[9];
static void open_stats(int i, int fd) {
  if ((stats_fd[i] = ioctl(fd, KVM_GET_STATS_FD, 0)) < 0)
    die("stats");
  struct stats *s = &stats[i];
  pread(stats_fd[i], &s->header, sizeof s->header, 0);
  s->stride = sizeof(struct kvm_stats_desc) + s->header.name_size;
  s->descriptors = malloc(s->stride * s->header.num_desc);
  pread(stats_fd[i], s->descriptors, s->stride * s->header.num_desc, s->header.desc_offset);
}

static void stats_of(int i, int print) {
  struct stats *s = &stats[i];
  for (unsigned j = 0; j < s->header.num_desc; j++) {
    struct kvm_stats_desc *d = (void *)(s->descriptors + j * s->stride);
    if (d->size != 1)
      continue;
    uint64_t value = 0;
    pread(stats_fd[i], &value, 8, s->header.data_offset + d->offset);
    if (print && value != s->start[j])
      fprintf(out, "S|%d|%s|%lld\n", i - 1, d->name, (long long)(value - s->start[j]));
    s->start[j] = value;
  }
}

static void all_stats(int print) {
  for (int i = 0; i <= vcpus; i++)
    stats_of(i, print);
}

static void dump_trace(void) {
  char line[500];
  int n = 0;
  FILE *f = fopen(TRACING "trace", "r");
  while (f && fgets(line, sizeof line, f) && n < trace_lines)
    if (line[0] != '#') {
      char *p = strstr(line, ": ");
      fprintf(out, "T|%s", p ? p + 2 : line);
      n++;
    }
  if (f)
    fclose(f);
}

static void set_dirty_log(int on) {
  struct kvm_userspace_memory_region m = {.slot = 1,
                                          .guest_phys_addr = 0x100000,
                                          .memory_size = ram_size - 0x100000,
                                          .userspace_addr = (uint64_t)ram + 0x100000,
                                          .flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0};
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &m))
    die("dirty log");
}

static void get_dirty_log(void) {
  static uint8_t bitmap[1 << 20];
  struct kvm_dirty_log d = {.slot = 1, .dirty_bitmap = bitmap};
  if (ioctl(vm, KVM_GET_DIRTY_LOG, &d))
    die("get dirty log");
  long n = 0;
  for (uint64_t i = 0; i < ram_size >> 15; i++)
    n += __builtin_popcount(bitmap[i]);
  fprintf(out, "D|%ld\n", n);
}

static void command(int value) {
  pthread_mutex_lock(&lock);
  switch (value) {
  case 1:
  case 3:
    hists(":clear");
    all_stats(0);
    if (value == 3) {
      put_file(TRACING "trace", "");
      int fd = open(TRACING "trace", O_WRONLY | O_TRUNC);
      close(fd);
      put_file(TRACING "tracing_on", "1");
    }
    hists(":clear");
    all_stats(0);
    break;
  case 2:
    all_stats(1);
    print_hists();
    fprintf(out, "Z\n");
    fflush(out);
    break;
  case 4:
    put_file(TRACING "tracing_on", "0");
    all_stats(1);
    print_hists();
    dump_trace();
    fprintf(out, "Z\n");
    fflush(out);
    break;
  case 5:
    set_dirty_log(1);
    break;
  case 6:
    set_dirty_log(0);
    break;
  case 7:
    get_dirty_log();
    break;
  case 8:
    madvise(ram + 0x100000, ram_size - 0x100000, MADV_NOHUGEPAGE);
    break;
  case 9:
    fprintf(out, "Q\n");
    fflush(out);
    sync();
    exit(0);
  }
  pthread_mutex_unlock(&lock);
}
