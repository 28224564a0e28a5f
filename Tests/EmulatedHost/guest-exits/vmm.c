// A minimal VMM for /dev/kvm: boots a Linux bzImage with in-kernel interrupt controllers and no devices, and
// counts what happened between two markers that the guest writes to a port. The vCPU that marks is in user space
// while the counts are taken, so the counts are exact.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define die(...)                                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, __VA_ARGS__);                                                                                      \
    fprintf(stderr, ": %s\n", strerror(errno));                                                                        \
    exit(1);                                                                                                           \
  } while (0)
#define ZERO_PAGE 0x7000u
#define CMDLINE 0x20000u
#define GDT 0x500u
#define PML4 0x9000u
#define KERNEL 0x1000000u
#define RSDP 0xe0000u
#define TRACING "/sys/kernel/tracing/"

static uint8_t *ram;
static uint64_t ram_size = 768ull << 20;
static int kvm, vm, vcpus = 1, cpu_fd[8], stats_fd[9], la57 = 0, pcid = 0, trace_lines = 0;
static struct kvm_run *run[8];
static FILE *out;
static char text[4096];
static int text_length; // of the guest; its writer may move between vCPUs
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#include "counting.h"
#include "boot.h"

static void *vcpu_loop(void *argument) {
  int i = (int)(long)argument;
  for (;;) {
    if (ioctl(cpu_fd[i], KVM_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
      die("run");
    struct kvm_run *r = run[i];
    if (r->exit_reason == KVM_EXIT_IO) {
      uint8_t *data = (uint8_t *)r + r->io.data_offset;
      int n = r->io.count * r->io.size;
      if (r->io.direction == KVM_EXIT_IO_IN) {
        memset(data, r->io.port == 0x3fd ? 0x60 : 0xff, n);
        continue;
      }
      if (r->io.port == 0x5f4)
        command(*(uint32_t *)data);
      else if (r->io.port == 0xe9) {
        pthread_mutex_lock(&lock);
        for (int k = 0; k < n; k++) {
          text[text_length++] = data[k];
          if (data[k] == '\n' || text_length == sizeof text) {
            fwrite(text, 1, text_length, out);
            text_length = 0;
          }
        }
        pthread_mutex_unlock(&lock);
      } else if (r->io.port == 0x3f8) {
        fwrite(data, 1, n, stderr);
      }
    } else if (r->exit_reason == KVM_EXIT_MMIO) {
      if (!r->mmio.is_write)
        memset(r->mmio.data, 0xff, 8);
    } else if (r->exit_reason == KVM_EXIT_SHUTDOWN || r->exit_reason == KVM_EXIT_FAIL_ENTRY ||
               r->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
      struct kvm_regs g;
      ioctl(cpu_fd[i], KVM_GET_REGS, &g);
      fprintf(stderr, "vcpu %d exit %d suberror %d hw %llx rip %llx\n", i, r->exit_reason, r->internal.suberror,
              r->fail_entry.hardware_entry_failure_reason, g.rip);
      exit(2);
    }
  }
}

int main(int argc, char **argv) {
  const char *kernel = "/kernel", *initrd = "/guest.cpio", *cmdline = "";
  int o, huge = 1;
  out = stdout;
  while ((o = getopt(argc, argv, "k:i:c:v:5:p:h:o:t:m:")) > 0)
    switch (o) {
    case 'k':
      kernel = optarg;
      break;
    case 'i':
      initrd = optarg;
      break;
    case 'c':
      cmdline = optarg;
      break;
    case 'v':
      vcpus = atoi(optarg);
      break;
    case '5':
      la57 = atoi(optarg);
      break;
    case 'p':
      pcid = atoi(optarg);
      break;
    case 'h':
      huge = atoi(optarg);
      break;
    case 't':
      trace_lines = atoi(optarg);
      break;
    case 'm':
      ram_size = strtoull(optarg, 0, 0) << 20;
      break;
    case 'o':
      if (!(out = fopen(optarg, "w")))
        die("%s", optarg);
    }
  if ((kvm = open("/dev/kvm", O_RDWR)) < 0 || (vm = ioctl(kvm, KVM_CREATE_VM, 0)) < 0)
    die("/dev/kvm");
  ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
  if (ioctl(vm, KVM_CREATE_IRQCHIP, 0))
    die("irqchip");
  struct kvm_pit_config pit = {0};
  ioctl(vm, KVM_CREATE_PIT2, &pit);
  ram = mmap(0, ram_size + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ram = (uint8_t *)(((uintptr_t)ram + 0x1fffff) & ~0x1fffffull);
  madvise(ram, ram_size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  struct kvm_userspace_memory_region low = {.slot = 0, .memory_size = 0xa0000, .userspace_addr = (uint64_t)ram};
  struct kvm_userspace_memory_region bios = {
      .slot = 2, .guest_phys_addr = 0xe0000, .memory_size = 0x20000, .userspace_addr = (uint64_t)ram + 0xe0000};
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &low) || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &bios))
    die("memory");
  set_dirty_log(0);
  load(kernel, initrd, cmdline);
  acpi();
  struct kvm_cpuid2 *c = calloc(1, sizeof *c + 200 * sizeof *c->entries);
  c->nent = 200;
  if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c))
    die("cpuid");
  int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  open_stats(0, vm);
  for (int i = 0; i < vcpus; i++) {
    if ((cpu_fd[i] = ioctl(vm, KVM_CREATE_VCPU, i)) < 0)
      die("vcpu");
    run[i] = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu_fd[i], 0);
    open_stats(i + 1, cpu_fd[i]);
    for (unsigned j = 0; j < c->nent; j++) {
      struct kvm_cpuid_entry2 *e = &c->entries[j];
      if (e->function == 1) {
        e->ebx = (e->ebx & 0xff00ffff & 0x00ffffff) | i << 24 | 1 << 16;
        e->ecx |= 1u << 24 | 1u << 31;
        if (pcid)
          e->ecx |= 1 << 17;
        else
          e->ecx &= ~(1u << 17);
        e->edx &= ~(1u << 28);
      }
      if (e->function == 7 && e->index == 0 && !la57)
        e->ecx &= ~(1u << 16);
      if (e->function == 0xb)
        e->edx = i;
      if (e->function == 0x8000001e)
        e->eax = i;
    }
    if (ioctl(cpu_fd[i], KVM_SET_CPUID2, c))
      die("set cpuid");
  }
  struct kvm_sregs s;
  ioctl(cpu_fd[0], KVM_GET_SREGS, &s);
  struct kvm_segment code = {.limit = 0xffffffff, .selector = 0x10, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1},
                     data = {.limit = 0xffffffff, .selector = 0x18, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
  s.cs = code;
  s.ds = s.es = s.fs = s.gs = s.ss = data;
  s.gdt.base = GDT;
  s.gdt.limit = 31;
  s.cr3 = PML4;
  s.cr4 = 0x20;
  s.cr0 = 0x80050033;
  s.efer = 0x500;
  if (ioctl(cpu_fd[0], KVM_SET_SREGS, &s))
    die("sregs");
  struct kvm_regs g = {.rip = KERNEL + 0x200, .rsi = ZERO_PAGE, .rflags = 2, .rsp = 0x8000};
  if (ioctl(cpu_fd[0], KVM_SET_REGS, &g))
    die("regs");
  hists("");
  pthread_t t;
  for (int i = 1; i < vcpus; i++)
    pthread_create(&t, 0, vcpu_loop, (void *)(long)i);
  vcpu_loop(0);
}
