#include "ckvm.h"

#if CKVM_SUPPORTED
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

int ckvm_system_open(struct ckvm_system *system, const char *path) {
  system->fd = open(path, O_RDWR | O_CLOEXEC);
  if (system->fd < 0) return -errno;
  const int version = ckvm_system_api_version(system);
  if (version < 0) {
    ckvm_system_close(system);
    return version;
  }
  return 0;
}

void ckvm_system_close(struct ckvm_system *system) {
  if (system->fd >= 0) close(system->fd);
  system->fd = -1;
}

int ckvm_system_api_version(const struct ckvm_system *system) {
  const int version = ioctl(system->fd, KVM_GET_API_VERSION, 0);
  return version < 0 ? -errno : version;
}

int ckvm_system_check_extension(const struct ckvm_system *system, unsigned long capability) {
  const int value = ioctl(system->fd, KVM_CHECK_EXTENSION, capability);
  return value < 0 ? -errno : value;
}
#else
// An empty translation unit is no C.
typedef int ckvm_system_is_unsupported;
#endif
