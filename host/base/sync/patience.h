/*
 * base/sync/patience.h - waiting for what the system may have again in a moment: memory,
 * descriptors.
 *
 *   struct patience patience = PATIENCE_INIT;
 *   while ((thing = make_thing()) == NULL && patience_wait(&patience)) {}
 *
 * Waits 1 ms at first, then twice as long each time up to 100 ms, and PATIENCE_NS in all. Costs
 * nothing as long as nothing fails.
 */
#ifndef TAKE5_BASE_SYNC_PATIENCE_H
#define TAKE5_BASE_SYNC_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_NS (2 * INT64_C(1000000000))

struct patience {
    int64_t since_ns; /* the first wait, monotonic; 0: there was none */
    int64_t next_ns;
};

#define PATIENCE_INIT                                                                              \
    { 0 }

/* Sleeps before another try. False: it was waited for long enough, and nothing is slept. */
bool patience_wait(struct patience *patience);

#endif
