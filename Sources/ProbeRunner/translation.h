// What binary translation makes of code: the same loops natively and under QEMU's translator.
#ifndef PROBE_TRANSLATION_H
#define PROBE_TRANSLATION_H

#include "measure.h"

/// Measures a probe of the kind translation, `translation_CLASS_native` or `translation_CLASS_tcg`.
enum outcome measure_translation_probe(struct session *session, const struct probe *probe);

#endif
