/*
 * synth/feeder.h - gives a market's messages to somebody at a chosen rate.
 *
 * Runs in the thread that calls it, until a limit is reached, the receiver refuses, or it is told
 * to stop. When the receiver is slower than the rate, what is behind by more than a second is not
 * made up for, so that no burst follows a pause.
 */
#ifndef TAKE5_SYNTH_FEEDER_H
#define TAKE5_SYNTH_FEEDER_H

#include "base/error.h"
#include "synth/market.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct feeder_pace {
    double rate_per_s;   /* 0: as fast as the receiver takes them */
    int64_t duration_ns; /* 0: no limit */
    uint64_t count;      /* messages; 0: no limit */
};

/* Takes one message. False ends the feed; `error` says why, with ERROR_NONE for a wish. */
typedef bool feeder_take(void *context, const struct market_message *message, struct error *error);
/* Called when there is nothing to do for up to `wait_ns` (0: now and then while there is), so that
 * the receiver can serve its own; it may return early and may not wait longer. NULL: sleeps. */
typedef void feeder_idle(void *context, int64_t wait_ns);

struct feeder {
    struct market *market;
    struct feeder_pace pace;
    feeder_take *take;
    feeder_idle *idle;
    void *context;
    const atomic_bool *stop; /* may be NULL; may be set by a signal handler or another thread */
    uint64_t given;          /* messages taken; counted up over runs */
};

/* False when the receiver refused with an error. */
bool feeder_run(struct feeder *feeder, struct error *error);

#endif
