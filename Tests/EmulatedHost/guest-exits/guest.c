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
    sscanf(o + 11, "%255s", only);
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
    work("smp_munmap", "pages=1", run_smp_munmap, 1, 0);
    work("smp_munmap", "pages=16", run_smp_munmap, 16, 0);
    work("smp_munmap", "pages=64", run_smp_munmap, 64, 0);
    work("smp_dontneed", "pages=1", run_smp_dontneed, 1, 0);
    work("smp_dontneed", "pages=64", run_smp_dontneed, 64, 0);
    work("fork", "touched=0", run_fork, 40, 0);
    work("clone_thread", "-", run_clone, 40, 0);
    work("pipe_ring", "processes=2", run_ring, 2, 50);
    outl(9, 0x5f4);
  }
  int k = trace ? 2 : 1;
  work("touch", "pages=16384", run_touch, small ? 1024 : 16384, 0);
  work("touch", "pages=512", run_touch, 512, 0);
  work("fork", "touched=0", run_fork, 100 / (trace ? 25 : 1), 0);
  work("fork", "touched_pages=2048", run_fork, 20 / k, 2048);
  if (!small)
    work("fork", "touched_pages=16384", run_fork, 5, 16384);
  work("exec", "fork;binary=glibc_static", run_exec, trace ? 3 : 40, 0);
  work("exec", "vfork;binary=glibc_static", run_exec, trace ? 3 : 40, 1);
  work("exec", "fork;binary=no_libc", run_exec, trace ? 3 : 40, 2);
  work("exec", "vfork;binary=no_libc", run_exec, trace ? 3 : 40, 3);
  work("cow_child", "pages=16", run_cow, 16, 0);
  work("cow_child", "pages=256", run_cow, 256, 0);
  work("cow_both", "pages=16", run_cow, 16, 1);
  work("cow_both", "pages=256", run_cow, 256, 1);
  work("dontneed_touch", "pages=1", run_dontneed, 1, 0);
  work("dontneed_touch", "pages=16", run_dontneed, 16, 0);
  work("dontneed_touch", "pages=511", run_dontneed, 511, 0);
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
  long sizes[] = {1, 16, 33, 34, 64, 512, 4096};
  char parameters[100];
  for (int i = 0; i < 7; i++)
    for (int t = 0; t < 2; t++) {
      if (small && sizes[i] > 600)
        continue;
      snprintf(parameters, sizeof parameters, "pages=%ld;touch=%s", sizes[i], t ? "yes" : "no");
      work("mprotect", parameters, run_mprotect, sizes[i], t);
    }
  work("huge", "regions=8", run_huge, 8, 0);
  work("file_read", "pages=16;private", run_file, 16, 0);
  work("file_read", "pages=256;private", run_file, 256, 0);
  work("file_read", "pages=256;shared", run_file, 256, 1);
  work("file_write", "pages=64;private", run_filewrite, 64, 0);
  work("file_write", "pages=64;shared", run_filewrite, 64, 1);
  work("brk_touch_shrink", "pages=1", run_brk, 1, 0);
  work("brk_touch_shrink", "pages=16", run_brk, 16, 0);
  for (long p = 2; p <= 8; p++) {
    if (p == 7)
      continue;
    snprintf(parameters, sizeof parameters, "processes=%ld", p);
    work("pipe_ring", parameters, run_ring, p, trace ? 3 : 50);
  }
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
