// Primitives of the host.
#ifndef PROBE_HOST_H
#define PROBE_HOST_H

#include "measure.h"

/// Measures a probe of the kind host.
enum outcome measure_host_probe(struct session *session, const struct probe *probe);

#endif
