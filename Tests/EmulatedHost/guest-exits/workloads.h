// The workloads, each called once in a process of its own: name and parameters as they stand in the table, then two
// numbers (pages, operations, a variant) that main gives it. Each does its window twice: cold, then warm.
#pragma once
#define TWICE for (int repetition = 1; repetition <= 2; repetition++)
static void run_empty(const char *name, const char *parameters, long a, long b) {
  TWICE {
    begin(name, parameters, repetition, 1);
    end();
  }
}

static void run_getpid(const char *name, const char *parameters, long ops, long b) {
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++)
      syscall(SYS_getpid);
    end();
  }
}

static void run_fork(const char *name, const char *parameters, long ops, long pages) {
  if (pages) {
    char *p = map_at(BASE, pages * PAGE, RW);
    write_pages(p, pages);
  }
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      pid_t p = fork();
      if (!p)
        _exit(0);
      waitpid(p, 0, 0);
    }
    end();
  }
}

static void exec_path(const char *name, const char *parameters, long ops, int v, char *path) {
  char *argv[] = {path, 0}, *env[] = {0};
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      pid_t p = v ? vfork() : fork();
      if (!p) {
        execve(path, argv, env);
        _exit(1);
      }
      waitpid(p, 0, 0);
    }
    end();
  }
}

static void run_exec(const char *name, const char *parameters, long ops, long kind) {
  exec_path(name, parameters, ops, kind & 1, kind & 2 ? "/exec_bare" : "/exec_glibc");
}

static void run_copies(const char *name, const char *parameters, char *p, long pages, long ops) {
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      pid_t c = fork();
      if (!c) {
        write_pages(p, pages);
        _exit(0);
      }
      waitpid(c, 0, 0);
    }
    end();
  }
}

static void run_cow(const char *name, const char *parameters, long pages, long both) {
  long ops = 20;
  char *p = map_at(BASE, pages * PAGE, RW);
  write_pages(p, pages);
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      pid_t c = fork();
      if (!c) {
        write_pages(p, pages);
        _exit(0);
      }
      waitpid(c, 0, 0);
      if (both)
        write_pages(p, pages);
    }
    end();
  }
}

// the grandchild of a child that forks: a chain of processes, each of which waits for the next
static void chain(long depth) {
  pid_t c = depth ? fork() : -1;
  if (!c) {
    chain(depth - 1);
    _exit(0);
  }
  if (depth)
    waitpid(c, 0, 0);
}

static void run_chain(const char *name, const char *parameters, long depth, long b) {
  long ops = 20;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++)
      chain(depth);
    end();
  }
}

// a child that makes inherited pages read-only and writable again and then writes them
static void run_protect_child(const char *name, const char *parameters, long pages, long b) {
  long ops = 20;
  char *p = map_at(BASE, pages * PAGE, RW);
  write_pages(p, pages);
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      pid_t c = fork();
      if (!c) {
        mprotect(p, pages * PAGE, PROT_READ);
        mprotect(p, pages * PAGE, RW);
        write_pages(p, pages);
        _exit(0);
      }
      waitpid(c, 0, 0);
    }
    end();
  }
}

static void run_dontneed(const char *name, const char *parameters, long pages, long reading) {
  long ops = pages > 64 ? 5 : 50;
  char *keep = map_at(BASE, (pages + 1) * PAGE, RW);
  write_pages(keep, pages + 1);
  char *p = keep + PAGE;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      madvise(p, pages * PAGE, MADV_DONTNEED);
      if (reading)
        read_pages(p, pages);
      else
        write_pages(p, pages);
    }
    end();
  }
}
// keep: 0 natural address, 1 a page in the same 2 MiB stays, 2 in the same 1 GiB, 3 in the same 512 GiB, 4 nothing
// stays
static void run_mtm(const char *name, const char *parameters, long pages, long keep) {
  long ops = pages > 64 ? 5 : pages > 1 ? 20 : 100;
  char *at = keep ? BASE + 512 * MIB : 0;
  char *k[] = {0, at + pages * PAGE, at + 100 * MIB, at + 2048 * MIB, 0};
  if (k[keep]) {
    map_at(k[keep], PAGE, RW)[0] = 1;
  }
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      char *p = map_at(at, pages * PAGE, RW);
      write_pages(p, pages);
      munmap(p, pages * PAGE);
    }
    end();
  }
}

// the middle of a mapping is taken away and mapped and written again
static void run_middle(const char *name, const char *parameters, long pages, long b) {
  long ops = pages > 64 ? 5 : 20;
  char *p = map_at(BASE, 3 * pages * PAGE, RW);
  write_pages(p, 3 * pages);
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      munmap(p + pages * PAGE, pages * PAGE);
      map_at(p + pages * PAGE, pages * PAGE, RW);
      write_pages(p + pages * PAGE, pages);
    }
    end();
  }
}

// pages below the present end of the stack are written and given back
static void run_stack(const char *name, const char *parameters, long pages, long b) {
  long ops = 20;
  char here, *p = (char *)(((unsigned long)&here - 64 * PAGE - pages * PAGE) & ~(PAGE - 1));
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      for (long k = pages - 1; k >= 0; k--)
        ((volatile char *)p)[k * PAGE] = 1;
      madvise(p, pages * PAGE, MADV_DONTNEED);
    }
    end();
  }
}

static void run_touch(const char *name, const char *parameters, long pages, long b) {
  TWICE {
    char *p = map_at(BASE, pages * PAGE, RW);
    begin("touch", parameters, repetition, pages);
    write_pages(p, pages);
    end();
    begin("munmap_touched", parameters, repetition, 1);
    munmap(p, pages * PAGE);
    end();
  }
}

static void run_mprotect(const char *name, const char *parameters, long pages, long touch) {
  long pairs = pages > 600 ? 5 : pages > 64 ? 10 : 25;
  char *p = map_at(BASE, pages * PAGE, RW);
  write_pages(p, pages);
  TWICE {
    begin(name, parameters, repetition, 2 * pairs);
    for (long i = 0; i < pairs; i++) {
      mprotect(p, pages * PAGE, PROT_READ);
      if (touch)
        read_pages(p, pages);
      mprotect(p, pages * PAGE, RW);
      if (touch)
        write_pages(p, pages);
    }
    end();
  }
}

static void run_huge(const char *name, const char *parameters, long count, long b) {
  thp("always");
  TWICE {
    char *p = map_at(BASE, count * 2 * MIB, RW);
    madvise(p, count * 2 * MIB, MADV_HUGEPAGE);
    begin("huge_touch", parameters, repetition, count);
    for (long i = 0; i < count; i++)
      p[i * 2 * MIB] = 1;
    end();
    begin("huge_retouch_4k", parameters, repetition, count * 512);
    write_pages(p, count * 512);
    end();
    begin("huge_mprotect_all", parameters, repetition, 2);
    mprotect(p, count * 2 * MIB, PROT_READ);
    mprotect(p, count * 2 * MIB, RW);
    end();
    begin("huge_split_mprotect1", parameters, repetition, count / 2);
    for (long i = 0; i < count / 2; i++)
      mprotect(p + i * 2 * MIB + 16 * PAGE, PAGE, PROT_READ);
    end();
    begin("huge_split_retouch", parameters, repetition, count / 2 * 512);
    for (long i = 0; i < count / 2; i++)
      read_pages(p + i * 2 * MIB, 512);
    end();
    begin("huge_fork", parameters, repetition, 5);
    for (long i = 0; i < 5; i++) {
      pid_t c = fork();
      if (!c)
        _exit(0);
      waitpid(c, 0, 0);
    }
    end();
    begin("huge_munmap", parameters, repetition, count);
    munmap(p, count * 2 * MIB);
    end();
  }
  thp("never");
}

// a child writes every small page of huge ones that it shares
static void run_huge_cow(const char *name, const char *parameters, long regions, long b) {
  thp("always");
  char *p = map_at(BASE, regions * 2 * MIB, RW);
  madvise(p, regions * 2 * MIB, MADV_HUGEPAGE);
  write_pages(p, regions * 512);
  run_copies(name, parameters, p, regions * 512, 5);
  thp("never");
}

static void run_file(const char *name, const char *parameters, long pages, long shared) {
  int fd = open("/file", O_RDONLY);
  long ops = 5;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      char *p = mmap(BASE, pages * PAGE, PROT_READ, MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE), fd, 0);
      read_pages(p, pages);
      munmap(p, pages * PAGE);
    }
    end();
  }
}

static void run_filewrite(const char *name, const char *parameters, long pages, long shared) {
  int fd = open("/file", O_RDWR);
  long ops = 5;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      char *p = mmap(BASE, pages * PAGE, RW, MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE), fd, 0);
      write_pages(p, pages);
      munmap(p, pages * PAGE);
    }
    end();
  }
}

static void run_brk(const char *name, const char *parameters, long pages, long b) {
  long ops = 50;
  char *start = (char *)(((unsigned long)sbrk(0) + PAGE - 1) & ~(PAGE - 1));
  brk(start);
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      brk(start + pages * PAGE);
      write_pages(start, pages);
      brk(start);
    }
    end();
  }
}

static void run_ring(const char *name, const char *parameters, long processes, long rounds) {
  int fd[16][2];
  pid_t pid[16];
  char c = 0;
  for (int i = 0; i < processes; i++)
    pipe(fd[i]);
  for (int i = 1; i < processes; i++)
    if (!(pid[i] = fork()))
      for (;;) {
        if (read(fd[i][0], &c, 1) != 1 || write(fd[(i + 1) % processes][1], &c, 1) != 1)
          _exit(0);
      }
  TWICE {
    begin(name, parameters, repetition, rounds * processes);
    for (long i = 0; i < rounds; i++) {
      write(fd[1][1], &c, 1);
      read(fd[0][0], &c, 1);
    }
    end();
  }
  for (int i = 1; i < processes; i++) {
    kill(pid[i], SIGKILL);
    waitpid(pid[i], 0, 0);
  }
}

// an operation, then a token to another process and back, which may do the same
enum { FAULT, PROTECT, MAP, DISCARD, FORK, BOTH_FAULT, BOTH_MAP };
static void between(int what, char *p, long pages, long i) {
  switch (what) {
  case FAULT:
  case BOTH_FAULT:
    p[i * PAGE] = 1;
    break;
  case PROTECT:
    mprotect(p, pages * PAGE, i & 1 ? RW : PROT_READ);
    break;
  case MAP:
  case BOTH_MAP:
    write_pages(map_at(p, pages * PAGE, RW), pages);
    munmap(p, pages * PAGE);
    break;
  case DISCARD:
    madvise(p, pages * PAGE, MADV_DONTNEED);
    write_pages(p, pages);
    break;
  case FORK: {
    pid_t c = fork();
    if (!c)
      _exit(0);
    waitpid(c, 0, 0);
  }
  }
}

static void run_switched(const char *name, const char *parameters, long pages, long what) {
  int there[2], back[2];
  long rounds = 50;
  char c = 0;
  pipe(there);
  pipe(back);
  char *p = map_at(BASE, (pages + 1024) * PAGE, RW);
  write_pages(p + pages * PAGE, 1);
  if (what == PROTECT || what == DISCARD)
    write_pages(p, pages);
  if (what == FAULT || what == BOTH_FAULT)
    p += (pages + 1) * PAGE;
  pid_t other = fork();
  if (!other)
    for (long i = 0;; i++) {
      if (read(there[0], &c, 1) != 1)
        _exit(0);
      if (what >= BOTH_FAULT)
        between(what, p, pages, i);
      write(back[1], &c, 1);
    }
  // pages of its own, no longer shared with the other process
  if (what == PROTECT || what == DISCARD)
    write_pages(p, pages);
  TWICE {
    begin(name, parameters, repetition, rounds);
    for (long i = 0; i < rounds; i++) {
      if (what == FAULT && pages)
        write_pages(p + ((repetition - 1) * rounds + i) * pages * PAGE, pages);
      else
        between(what, p, pages, what == FAULT || what == BOTH_FAULT ? (repetition - 1) * rounds + i : i);
      write(there[1], &c, 1);
      read(back[0], &c, 1);
    }
    end();
  }
  kill(other, SIGKILL);
  waitpid(other, 0, 0);
}

// a new page is written, and between each two of these other memory changes, whose flush is long, or a child is made
static void run_beside(const char *name, const char *parameters, long pages, long what) {
  long rounds = 50;
  char *p = map_at(BASE, 1024 * PAGE, RW), *other = map_at(BASE + 64 * MIB, (pages + 1) * PAGE, RW);
  p[0] = 1;
  write_pages(other, pages + 1);
  TWICE {
    begin(name, parameters, repetition, rounds);
    for (long i = 0; i < rounds; i++) {
      p[((repetition - 1) * rounds + i + 1) * PAGE] = 1;
      between(what, other, pages, i);
    }
    end();
  }
}

// so many children at a time
static void run_fork_many(const char *name, const char *parameters, long children, long b) {
  long ops = 20;
  TWICE {
    begin(name, parameters, repetition, ops * children);
    for (long i = 0; i < ops; i++) {
      for (long k = 0; k < children; k++)
        if (!fork())
          _exit(0);
      while (waitpid(-1, 0, 0) > 0)
        ;
    }
    end();
  }
}

static int tp[2][2];
static void *echo_thread(void *a) {
  char c;
  for (;;) {
    if (read(tp[0][0], &c, 1) != 1 || write(tp[1][1], &c, 1) != 1)
      return 0;
  }
}

static void run_threads(const char *name, const char *parameters, long rounds, long b) {
  pthread_t t;
  char c = 0;
  pipe(tp[0]);
  pipe(tp[1]);
  pthread_create(&t, 0, echo_thread, 0);
  TWICE {
    begin(name, parameters, repetition, rounds);
    for (long i = 0; i < rounds; i++) {
      write(tp[0][1], &c, 1);
      read(tp[1][0], &c, 1);
    }
    end();
  }
}

static void pin(int cpu) {
  cpu_set_t s;
  CPU_ZERO(&s);
  CPU_SET(cpu, &s);
  sched_setaffinity(0, sizeof s, &s);
}

static volatile int stop, ready;
static void *spin(void *a) {
  pin((int)(long)a);
  __sync_fetch_and_add(&ready, 1);
  while (!stop)
    ;
  return 0;
}

static void spinners(long cpus) {
  pthread_t t;
  pin(0);
  for (long i = 1; i < cpus; i++)
    pthread_create(&t, 0, spin, (void *)i);
  while (ready < cpus - 1)
    sched_yield();
}

static long cpus_online;
static void run_smp_mprotect(const char *name, const char *parameters, long pages, long b) {
  char *p = map_at(BASE, pages * PAGE, RW);
  write_pages(p, pages);
  spinners(cpus_online);
  long pairs = 25;
  TWICE {
    begin(name, parameters, repetition, 2 * pairs);
    for (long i = 0; i < pairs; i++) {
      mprotect(p, pages * PAGE, PROT_READ);
      mprotect(p, pages * PAGE, RW);
      write_pages(p, pages);
    }
    end();
  }
  stop = 1;
}

static void run_smp_munmap(const char *name, const char *parameters, long pages, long b) {
  spinners(cpus_online);
  long ops = 25;
  map_at(BASE + pages * PAGE, PAGE, RW)[0] = 1;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      char *p = map_at(BASE, pages * PAGE, RW);
      write_pages(p, pages);
      munmap(p, pages * PAGE);
    }
    end();
  }
  stop = 1;
}

static void run_smp_dontneed(const char *name, const char *parameters, long pages, long b) {
  spinners(cpus_online);
  long ops = 25;
  char *p = map_at(BASE, (pages + 1) * PAGE, RW);
  write_pages(p, pages + 1);
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      madvise(p, pages * PAGE, MADV_DONTNEED);
      write_pages(p, pages);
    }
    end();
  }
  stop = 1;
}

// a process whose threads run on the other vCPUs forks; the child may write pages
static void run_smp_fork(const char *name, const char *parameters, long pages, long written) {
  spinners(cpus_online);
  char *p = pages ? map_at(BASE, pages * PAGE, RW) : 0;
  write_pages(p, pages);
  run_copies(name, parameters, p, written ? pages : 0, 25);
  stop = 1;
}

static void run_smp_getpid(const char *name, const char *parameters, long ops, long b) {
  spinners(cpus_online);
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++)
      syscall(SYS_getpid);
    end();
  }
  stop = 1;
}

static void *child_thread(void *a) { return 0; }
static void run_clone(const char *name, const char *parameters, long ops, long b) {
  pthread_t t;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      pthread_create(&t, 0, child_thread, 0);
      pthread_join(t, 0);
    }
    end();
  }
}

static long handled;
static char *fault_page;
static void handler(int s) { handled++; }
static void fault_handler(int s, siginfo_t *i, void *c) {
  handled++;
  mprotect(fault_page, PAGE, RW);
}

static void run_sigaction(const char *name, const char *parameters, long ops, long b) {
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      signal(SIGUSR1, i & 1 ? handler : SIG_DFL);
    }
    end();
  }
}

static void run_signal(const char *name, const char *parameters, long ops, long b) {
  signal(SIGUSR1, handler);
  pid_t me = getpid();
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++)
      kill(me, SIGUSR1);
    end();
  }
}

static void run_protfault(const char *name, const char *parameters, long ops, long b) {
  struct sigaction a = {.sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &a, 0);
  fault_page = map_at(BASE, PAGE, RW);
  fault_page[0] = 1;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      mprotect(fault_page, PAGE, PROT_READ);
      *(volatile char *)fault_page = 2;
    }
    end();
  }
}

static void run_mremap_move(const char *name, const char *parameters, long pages, long b) {
  char *x = map_at(BASE, pages * PAGE, RW), *y = BASE + 64 * MIB;
  write_pages(x, pages);
  map_at(BASE + pages * PAGE, PAGE, RW)[0] = 1;
  map_at(y + pages * PAGE, PAGE, RW)[0] = 1;
  long ops = 20;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      mremap(x, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, y);
      write_pages(y, pages);
      char *t = x;
      x = y;
      y = t;
    }
    end();
  }
}

static void run_mremap_grow(const char *name, const char *parameters, long pages, long b) {
  char *x = map_at(BASE, pages * PAGE, RW);
  write_pages(x, pages);
  long ops = 20;
  TWICE {
    begin(name, parameters, repetition, ops);
    for (long i = 0; i < ops; i++) {
      mremap(x, pages * PAGE, 2 * pages * PAGE, 0);
      write_pages(x + pages * PAGE, pages);
      mremap(x, 2 * pages * PAGE, pages * PAGE, 0);
    }
    end();
  }
}

static void run_dirty(const char *name, const char *parameters, long pages, long b) {
  char *p = map_at(BASE, pages * PAGE, RW);
  write_pages(p, pages);
  write_pages(p, pages);
  begin("dirty_log_off_write", parameters, 1, pages);
  write_pages(p, pages);
  end();
  outl(5, 0x5f4);
  begin("dirty_log_enabled_write", parameters, 1, pages);
  write_pages(p, pages);
  end();
  begin("dirty_log_rewrite", parameters, 1, pages);
  write_pages(p, pages);
  end();
  outl(7, 0x5f4);
  begin("dirty_log_after_get_write", parameters, 1, pages);
  write_pages(p, pages);
  end();
  outl(7, 0x5f4);
  begin("dirty_log_after_get_read", parameters, 1, pages);
  read_pages(p, pages);
  end();
  outl(6, 0x5f4);
  begin("dirty_log_disabled_write", parameters, 1, pages);
  write_pages(p, pages);
  end();
}
