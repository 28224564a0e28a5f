// What the guest finds in memory: ACPI tables of the processors, the kernel with its parameters, first page tables.
#pragma once
static void checksum(uint8_t *t, int n, int at) {
  uint8_t s = 0;
  t[at] = 0;
  for (int i = 0; i < n; i++)
    s += t[i];
  t[at] = -s;
}

static uint32_t table(uint32_t at, const char *sig, int length, int revision) {
  uint8_t *t = ram + at;
  memcpy(t, sig, 4);
  *(uint32_t *)(t + 4) = length;
  t[8] = revision;
  memcpy(t + 10, "VDCSIMCOUNTER ", 14);
  memcpy(t + 28, "VDCS", 4);
  checksum(t, length, 9);
  return at;
}

static void acpi(void) {
  uint32_t dsdt = RSDP + 0x200, fadt = RSDP + 0x300, madt = RSDP + 0x500, xsdt = RSDP + 0x100;
  table(dsdt, "DSDT", 36, 2);
  uint8_t *f = ram + fadt;
  *(uint32_t *)(f + 112) = 1u << 20 | 1 << 4 | 1 << 5;
  *(uint16_t *)(f + 109) = 0x4 | 0x8;
  f[131] = 1;
  *(uint64_t *)(f + 140) = dsdt;
  *(uint32_t *)(f + 40) = dsdt;
  table(fadt, "FACP", 268, 5);
  uint8_t *m = ram + madt;
  *(uint32_t *)(m + 36) = 0xfee00000;
  uint8_t *p = m + 44;
  for (int i = 0; i < vcpus; i++) {
    p[0] = 0;
    p[1] = 8;
    p[2] = i;
    p[3] = i;
    p[4] = 1;
    p += 8;
  }
  p[0] = 1;
  p[1] = 12;
  p[2] = vcpus;
  *(uint32_t *)(p + 4) = 0xfec00000;
  p += 12;
  table(madt, "APIC", p - m, 3);
  *(uint64_t *)(ram + xsdt + 36) = fadt;
  *(uint64_t *)(ram + xsdt + 44) = madt;
  table(xsdt, "XSDT", 52, 1);
  uint8_t *r = ram + RSDP;
  memcpy(r, "RSD PTR ", 8);
  memcpy(r + 9, "VDCSIM", 6);
  r[15] = 2;
  *(uint32_t *)(r + 20) = 36;
  *(uint64_t *)(r + 24) = xsdt;
  checksum(r, 20, 8);
  checksum(r, 36, 32);
}

static uint8_t *slurp(const char *path, size_t *n) {
  int fd = open(path, O_RDONLY);
  struct stat s;
  if (fd < 0 || fstat(fd, &s))
    die("%s", path);
  uint8_t *p = malloc(s.st_size);
  size_t got = 0;
  while (got < (size_t)s.st_size) {
    ssize_t k = read(fd, p + got, s.st_size - got);
    if (k <= 0)
      die("%s", path);
    got += k;
  }
  close(fd);
  *n = got;
  return p;
}

static void load(const char *kernel, const char *initrd, const char *cmdline) {
  size_t n, m;
  uint8_t *k = slurp(kernel, &n), *z = ram + ZERO_PAGE;
  memcpy(z + 0x1f1, k + 0x1f1, 0x202 + k[0x201] - 0x1f1);
  int setup = k[0x1f1] ? k[0x1f1] : 4;
  size_t start = (setup + 1) * 512;
  memcpy(ram + KERNEL, k + start, n - start);
  free(k);
  uint8_t *d = slurp(initrd, &m);
  uint64_t at = (ram_size - m) & ~0xfffull;
  at -= 0x100000;
  memcpy(ram + at, d, m);
  free(d);
  z[0x210] = 0xff;
  z[0x211] |= 1;
  *(uint32_t *)(z + 0x218) = at;
  *(uint32_t *)(z + 0x21c) = m;
  *(uint32_t *)(z + 0x228) = CMDLINE;
  *(uint64_t *)(z + 0x70) = RSDP;
  strcpy((char *)ram + CMDLINE, cmdline);
  struct {
    uint64_t a, n;
    uint32_t t;
  } __attribute__((packed)) e[] = {
      {0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0xe0000, 0x20000, 2}, {0x100000, ram_size - 0x100000, 1}};
  z[0x1e8] = 4;
  memcpy(z + 0x2d0, e, sizeof e);
  uint64_t *g = (uint64_t *)(ram + GDT);
  g[2] = 0x00af9b000000ffffull;
  g[3] = 0x00cf93000000ffffull;
  uint64_t *t = (uint64_t *)(ram + PML4);
  t[0] = (PML4 + 0x1000) | 3;
  t[512] = (PML4 + 0x2000) | 3;
  for (int i = 0; i < 512; i++)
    t[1024 + i] = (uint64_t)i << 21 | 0x83;
}
