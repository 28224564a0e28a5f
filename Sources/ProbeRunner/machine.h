// What the measurements were made on.
#ifndef PROBE_MACHINE_H
#define PROBE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/// The kinds of KVM whose exits differ.
enum variant { PVM, AMD_NESTED, AMD_SHADOW, INTEL_NESTED, INTEL_SHADOW, VARIANTS, NO_KVM = VARIANTS };

/// Which kind of KVM this host runs, from its modules and their parameters.
enum variant machine_variant(void);
/// `pvm`, `amd-v`, `vt-x`, or `none`.
const char *machine_backend(enum variant variant);
/// A key for a variant in records: `pvm`, `amd-v/nested`, ...
const char *machine_variant_name(enum variant variant);
/// The frequency of the time-stamp counter in kilohertz, measured against the monotonic clock over 20 ms.
int64_t machine_tsc_kilohertz(void);
/// CPU time that the hypervisor took from this machine since boot, in milliseconds.
int64_t machine_steal_milliseconds(void);

/// Writes the `machine` record. `device` is the path of the KVM device.
void machine_describe(const char *device, enum variant variant, const char *control);
/// Writes the load averages as a field of the current record.
void machine_load(void);

#endif
