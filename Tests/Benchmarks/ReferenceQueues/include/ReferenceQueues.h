#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A model run by std::priority_queue with 16-byte entries: what the pending-event set is measured against.
typedef struct ReferenceModel ReferenceModel;

/// The hold model: the first event is taken out and put back later. `quantiles`: 1024 increments.
ReferenceModel *referenceHold(int64_t pending, const int64_t *quantiles);
/// PHOLD: an event changes its entity and plans one for any entity. `memory`: 64 zeroed bytes an entity.
ReferenceModel *referencePhold(int64_t entities, void *memory, const int64_t *quantiles);
/// The M/M/1 queue at 90 % utilization.
ReferenceModel *referenceSingleServer(void);

/// Runs the model for so many more events (customers of the M/M/1 queue). Returns a digest of all times so far.
uint64_t referenceRun(ReferenceModel *model, int64_t events);
void referenceDelete(ReferenceModel *model);

/// Fetches the cache line of an address. A priority queue does not know which event comes after the next; the
/// pending-event set does, and its handlers can use that.
static inline void referencePrefetch(const void *address) { __builtin_prefetch(address, 1); }

#ifdef __cplusplus
}
#endif
