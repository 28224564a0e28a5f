// The guest's init: mounts what it reads, then runs every workload in a process of its own.
#include "window.h"
#include "workloads.h"

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/sys", 0755);
  mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, 0);
  mount("sysfs", "/sys", "sysfs", 0, 0);
  if (iopl(3))
    return 1;
  vmstat_fd = open("/proc/vmstat", O_RDONLY);
  stat_fd = open("/proc/stat", O_RDONLY);
  int fd = open("/proc/cmdline", O_RDONLY);
  ssize_t n = read(fd, buffer, sizeof buffer - 1);
  buffer[n] = 0;
  close(fd);
  char *o = strstr(buffer, "count_only=");
  if (o) {
    sscanf(o + 11, "%1599s", only);
  }
  trace = strstr(buffer, "count_trace=1") != 0;
  int smp = strstr(buffer, "count_smp=1") != 0, small = strstr(buffer, "count_small=1") != 0;
  cpus_online = sysconf(_SC_NPROCESSORS_ONLN);
  char line[200];
  snprintf(line, sizeof line, "B|cpus=%ld\n", cpus_online);
  say(line);
  fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
  n = read(fd, buffer, 100);
  buffer[n > 0 ? n : 0] = 0;
  say("B|thp=");
  say(buffer);
  close(fd);
  thp("never");
  fd = open("/file", O_CREAT | O_RDWR, 0644);
  memset(buffer, 1, PAGE);
  for (int i = 0; i < 1024; i++)
    write(fd, buffer, PAGE);
  close(fd);
  int fd2 = open("/proc/sys/kernel/numa_balancing", O_WRONLY);
  if (fd2 >= 0) {
    write(fd2, "0", 1);
    close(fd2);
  }
  work("empty", "-", run_empty, 0, 0);
  work("getpid", "-", run_getpid, 1000, 0);
  if (smp) {
    work("smp_getpid", "spinners=others", run_smp_getpid, 200, 0);
    work("smp_mprotect", "pages=1", run_smp_mprotect, 1, 0);
    work("smp_mprotect", "pages=16", run_smp_mprotect, 16, 0);
    work("smp_mprotect", "pages=64", run_smp_mprotect, 64, 0);
    work("smp_mprotect", "pages=5", run_smp_mprotect, 5, 0);
    work("smp_mprotect", "pages=1000", run_smp_mprotect, 1000, 0);
    work("smp_munmap", "pages=1", run_smp_munmap, 1, 0);
    work("smp_munmap", "pages=16", run_smp_munmap, 16, 0);
    work("smp_munmap", "pages=64", run_smp_munmap, 64, 0);
    work("smp_munmap", "pages=5", run_smp_munmap, 5, 0);
    work("smp_munmap", "pages=600", run_smp_munmap, 600, 0);
    work("smp_fork", "touched_pages=0", run_smp_fork, 0, 0);
    work("smp_fork", "touched_pages=2048", run_smp_fork, 2048, 0);
    work("smp_cow_child", "pages=100", run_smp_fork, 100, 1);
    work("smp_dontneed", "pages=1", run_smp_dontneed, 1, 0);
    work("smp_dontneed", "pages=64", run_smp_dontneed, 64, 0);
    work("fork", "touched=0", run_fork, 40, 0);
    work("clone_thread", "-", run_clone, 40, 0);
    work("pipe_ring", "processes=2", run_ring, 2, 50);
    outl(9, 0x5f4);
  }
  int k = trace ? 2 : 1;
  char parameters[100];
  work("touch", "pages=16384", run_touch, small ? 1024 : 16384, 0);
  work("touch", "pages=512", run_touch, 512, 0);
  work("fork", "touched=0", run_fork, 100 / (trace ? 25 : 1), 0);
  work("fork", "touched_pages=2048", run_fork, 20 / k, 2048);
  work("fork", "touched_pages=8192", run_fork, 10, 8192);
  if (!small) {
    work("fork", "touched_pages=16384", run_fork, 5, 16384);
    work("fork", "touched_pages=131072", run_fork, 3, 131072);
  }
  work("fork_chain", "depth=3", run_chain, 3, 0);
  work("fork_many", "children=4", run_fork_many, 4, 0);
  work("exec", "fork;binary=glibc_static", run_exec, trace ? 3 : 40, 0);
  work("exec", "vfork;binary=glibc_static", run_exec, trace ? 3 : 40, 1);
  work("exec", "fork;binary=no_libc", run_exec, trace ? 3 : 40, 2);
  work("exec", "vfork;binary=no_libc", run_exec, trace ? 3 : 40, 3);
  work("cow_child", "pages=16", run_cow, 16, 0);
  work("cow_child", "pages=256", run_cow, 256, 0);
  work("cow_child", "pages=100", run_cow, 100, 0);
  work("cow_child", "pages=3000", run_cow, 3000, 0);
  work("cow_both", "pages=16", run_cow, 16, 1);
  work("cow_both", "pages=100", run_cow, 100, 1);
  work("protect_child", "pages=100", run_protect_child, 100, 0);
  work("cow_both", "pages=256", run_cow, 256, 1);
  work("dontneed_touch", "pages=1", run_dontneed, 1, 0);
  work("dontneed_touch", "pages=16", run_dontneed, 16, 0);
  work("dontneed_touch", "pages=511", run_dontneed, 511, 0);
  work("dontneed_touch", "pages=100", run_dontneed, 100, 0);
  work("dontneed_touch", "pages=1500", run_dontneed, 1500, 0);
  work("dontneed_read", "pages=16", run_dontneed, 16, 1);
  work("mmap_touch_munmap", "pages=1;address=kernel", run_mtm, 1, 0);
  work("mmap_touch_munmap", "pages=16;address=kernel", run_mtm, 16, 0);
  work("mmap_touch_munmap", "pages=512;address=kernel", run_mtm, 512, 0);
  work("mmap_touch_munmap", "pages=1;stays=leaf_table", run_mtm, 1, 1);
  work("mmap_touch_munmap", "pages=1;stays=level2_table", run_mtm, 1, 2);
  work("mmap_touch_munmap", "pages=1;stays=level3_table", run_mtm, 1, 3);
  work("mmap_touch_munmap", "pages=1;stays=nothing", run_mtm, 1, 4);
  work("mmap_touch_munmap", "pages=16;stays=leaf_table", run_mtm, 16, 1);
  work("mmap_touch_munmap", "pages=16;stays=level2_table", run_mtm, 16, 2);
  work("mmap_touch_munmap", "pages=16;stays=nothing", run_mtm, 16, 4);
  work("mmap_touch_munmap", "pages=512;stays=level2_table", run_mtm, 512, 2);
  long mapped[] = {3, 40, 600, 1500};
  for (int i = 0; i < 4; i++) {
    snprintf(parameters, sizeof parameters, "pages=%ld;stays=leaf_table", mapped[i]);
    work("mmap_touch_munmap", parameters, run_mtm, mapped[i], 1);
    snprintf(parameters, sizeof parameters, "pages=%ld;stays=level2_table", mapped[i]);
    work("mmap_touch_munmap", parameters, run_mtm, mapped[i], 2);
    snprintf(parameters, sizeof parameters, "pages=%ld;stays=nothing", mapped[i]);
    work("mmap_touch_munmap", parameters, run_mtm, mapped[i], 4);
  }
  work("munmap_middle", "pages=16", run_middle, 16, 0);
  work("munmap_middle", "pages=700", run_middle, 700, 0);
  long sizes[] = {1, 16, 33, 34, 64, 512, 4096, 100, 1000, 2048};
  for (int i = 0; i < 10; i++)
    for (int t = 0; t < 2; t++) {
      if (small && sizes[i] == 4096)
        continue;
      snprintf(parameters, sizeof parameters, "pages=%ld;touch=%s", sizes[i], t ? "yes" : "no");
      work("mprotect", parameters, run_mprotect, sizes[i], t);
    }
  work("huge", "regions=8", run_huge, 8, 0);
  work("huge_cow_child", "regions=3", run_huge_cow, 3, 0);
  work("file_read", "pages=16;private", run_file, 16, 0);
  work("file_read", "pages=256;private", run_file, 256, 0);
  work("file_read", "pages=256;shared", run_file, 256, 1);
  work("file_read", "pages=100;private", run_file, 100, 0);
  work("file_read", "pages=900;private", run_file, 900, 0);
  work("file_write", "pages=64;private", run_filewrite, 64, 0);
  work("file_write", "pages=64;shared", run_filewrite, 64, 1);
  work("brk_touch_shrink", "pages=1", run_brk, 1, 0);
  work("brk_touch_shrink", "pages=16", run_brk, 16, 0);
  work("brk_touch_shrink", "pages=300", run_brk, 300, 0);
  work("stack", "pages=20", run_stack, 20, 0);
  for (long p = 2; p <= 8; p++) {
    if (p == 7)
      continue;
    snprintf(parameters, sizeof parameters, "processes=%ld", p);
    work("pipe_ring", parameters, run_ring, p, trace ? 3 : 50);
  }
  work("switched", "operation=fault", run_switched, 0, FAULT);
  work("switched", "operation=fault;pages=4", run_switched, 4, FAULT);
  work("beside", "operation=fault;mprotect=64", run_beside, 64, PROTECT);
  work("beside", "operation=fault;mmap=64", run_beside, 64, MAP);
  work("beside", "operation=fault;mprotect=8", run_beside, 8, PROTECT);
  work("beside", "operation=fault;fork=1", run_beside, 0, FORK);
  work("switched", "operation=mprotect;pages=1", run_switched, 1, PROTECT);
  work("switched", "operation=mprotect;pages=64", run_switched, 64, PROTECT);
  work("switched", "operation=mmap;pages=16", run_switched, 16, MAP);
  work("switched", "operation=dontneed;pages=16", run_switched, 16, DISCARD);
  work("switched", "operation=fork", run_switched, 0, FORK);
  work("switched", "operation=fault;by=both", run_switched, 0, BOTH_FAULT);
  work("switched", "operation=mmap;pages=16;by=both", run_switched, 16, BOTH_MAP);
  work("pipe_threads", "-", run_threads, 100, 0);
  work("clone_thread", "-", run_clone, 50, 0);
  work("sigaction", "-", run_sigaction, 200, 0);
  work("signal_delivery", "-", run_signal, 200, 0);
  work("protection_fault_handler", "-", run_protfault, 100, 0);
  work("mremap_move", "pages=16", run_mremap_move, 16, 0);
  work("mremap_move", "pages=64", run_mremap_move, 64, 0);
  work("mremap_grow", "pages=16", run_mremap_grow, 16, 0);
  work("dirty_log", "pages=512", run_dirty, 512, 0);
  outl(9, 0x5f4);
}
