// Windows of counting: the guest's markers, its own counts around them, and helpers of the workloads.
#pragma once
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define PAGE 4096ul
#define MIB (1ul << 20)
#define BASE ((char *)0x100000000000ul) // own top-level entry: every table page below the root belongs to the region
static int vmstat_fd, stat_fd, trace, traced;
static char buffer[16384], only[1600];
static struct counts {
  long pgfault, ctxt, processes, ptpages, minflt;
} before;
static void say(const char *s) {
  size_t n = strlen(s);
  asm volatile("rep outsb" : "+S"(s), "+c"(n) : "d"(0xe9) : "memory");
}

static long field(const char *s, const char *name) {
  char *p = strstr(s, name);
  return p ? atol(p + strlen(name)) : 0;
}

static void take(struct counts *c) {
  struct rusage u;
  ssize_t n = pread(vmstat_fd, buffer, sizeof buffer - 1, 0);
  buffer[n > 0 ? n : 0] = 0;
  c->pgfault = field(buffer, "pgfault ");
  c->ptpages = field(buffer, "nr_page_table_pages ");
  n = pread(stat_fd, buffer, sizeof buffer - 1, 0);
  buffer[n > 0 ? n : 0] = 0;
  c->ctxt = field(buffer, "ctxt ");
  c->processes = field(buffer, "processes ");
  getrusage(RUSAGE_SELF, &u);
  c->minflt = u.ru_minflt;
}

static void begin(const char *name, const char *parameters, int repetition, long operations) {
  char line[300];
  snprintf(line, sizeof line, "W|%s|%s|%d|%ld\n", name, parameters, repetition, operations);
  say(line);
  take(&before);
  take(&before);
  traced = trace && repetition == 2;
  outl(traced ? 3 : 1, 0x5f4);
}

static void end(void) {
  struct counts c;
  char line[300];
  outl(traced ? 4 : 2, 0x5f4);
  take(&c);
  snprintf(line, sizeof line, "E|pgfault=%ld;ctxt=%ld;processes=%ld;ptpages=%ld;minflt=%ld\n",
           c.pgfault - before.pgfault, c.ctxt - before.ctxt, c.processes - before.processes, c.ptpages - before.ptpages,
           c.minflt - before.minflt);
  say(line);
}

static char *map_at(char *at, size_t n, int protection) {
  char *p = mmap(at, n, protection, MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
  if (p == MAP_FAILED) {
    say("X|mmap failed\n");
    _exit(1);
  }
  return p;
}
#define RW (PROT_READ | PROT_WRITE)
static void write_pages(char *p, long n) {
  for (long i = 0; i < n; i++)
    ((volatile char *)p)[i * PAGE] = 1;
}

static long read_pages(char *p, long n) {
  long s = 0;
  for (long i = 0; i < n; i++)
    s += ((volatile char *)p)[i * PAGE];
  return s;
}

static void thp(const char *mode) {
  int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY);
  write(fd, mode, strlen(mode));
  close(fd);
}

static void work(const char *name, const char *parameters, void (*f)(const char *, const char *, long, long), long a,
                 long b) {
  if (only[0]) {
    char pattern[300], one[300], list[1700];
    snprintf(pattern, sizeof pattern, ",%s,", name);
    snprintf(one, sizeof one, ",%s:%s,", name, parameters);
    snprintf(list, sizeof list, ",%s,", only);
    if (!strstr(list, pattern) && !strstr(list, one))
      return;
  }
  pid_t p = fork();
  if (!p) {
    f(name, parameters, a, b);
    _exit(0);
  }
  waitpid(p, 0, 0);
}
