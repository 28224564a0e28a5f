#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int ckvm_statistics_open(int descriptor, struct ckvm_statistics *statistics) {
  memset(statistics, 0, sizeof *statistics);
  statistics->fd = ioctl(descriptor, KVM_GET_STATS_FD, NULL);
  if (statistics->fd < 0) return -errno;
  struct kvm_stats_header header;
  if (pread(statistics->fd, &header, sizeof header, 0) != (ssize_t)sizeof header) goto malformed;
  const size_t size = sizeof(struct kvm_stats_desc) + header.name_size;
  if (header.num_desc > 4096 || header.name_size > 4096) goto malformed;
  char *descriptors = malloc(size * header.num_desc + 1);
  if (!descriptors) goto malformed;
  const ssize_t wanted = (ssize_t)(size * header.num_desc);
  if (pread(statistics->fd, descriptors, (size_t)wanted, header.desc_offset) != wanted) {
    free(descriptors);
    goto malformed;
  }
  for (uint32_t index = 0; index < header.num_desc; index++) {
    const struct kvm_stats_desc *entry = (const void *)(descriptors + index * size);
    const uint32_t end = entry->offset + (uint32_t)entry->size * 8;
    if (end > statistics->data_size) statistics->data_size = end;
    // Histograms have many values; only plain counters are of use here.
    if (entry->size != 1 || statistics->count == CKVM_STATISTICS_MAX) continue;
    snprintf(statistics->names[statistics->count], CKVM_STATISTIC_NAME, "%s", entry->name);
    statistics->offsets[statistics->count++] = entry->offset;
  }
  free(descriptors);
  statistics->data_offset = header.data_offset;
  return 0;
malformed:
  ckvm_statistics_close(statistics);
  return -EIO;
}

void ckvm_statistics_close(struct ckvm_statistics *statistics) {
  if (statistics->fd >= 0) close(statistics->fd);
  statistics->fd = -1;
}

int ckvm_statistics_read(const struct ckvm_statistics *statistics, uint64_t *values) {
  enum { ROOM = 64 * 1024 };
  static _Thread_local char data[ROOM];
  if (statistics->data_size > ROOM) return -E2BIG;
  const ssize_t got = pread(statistics->fd, data, statistics->data_size, statistics->data_offset);
  if (got != (ssize_t)statistics->data_size) return got < 0 ? -errno : -EIO;
  for (int index = 0; index < statistics->count; index++) {
    memcpy(values + index, data + statistics->offsets[index], sizeof *values);
  }
  return 0;
}

int ckvm_statistics_index(const struct ckvm_statistics *statistics, const char *name) {
  for (int index = 0; index < statistics->count; index++) {
    if (strcmp(statistics->names[index], name) == 0) return index;
  }
  return -1;
}
#else
typedef int ckvm_statistics_is_unsupported;
#endif
