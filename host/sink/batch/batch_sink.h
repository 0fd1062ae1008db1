/*
 * sink/batch/batch_sink.h - a sink that writes batches to a receiver elsewhere, and survives its
 * outages.
 *
 * One thread takes what waits, up to a batch, and hands it to the receiver: with few signals a
 * batch is one of them, at once; with many it is full. While the receiver takes nothing the batch
 * is kept and retried, at growing intervals; what comes meanwhile waits in the queue, whose length
 * the lanes limit ([take5] max_unconfirmed). Nothing is confirmed, and no offset moves, before the
 * receiver has it safe.
 *
 * A permanently refused batch is halved until the culprit is alone. That one goes to the dead
 * letters with the receiver's reason and is confirmed when it is safe there; it does not hold up
 * the others.
 */
#ifndef TAKE5_SINK_BATCH_BATCH_SINK_H
#define TAKE5_SINK_BATCH_BATCH_SINK_H

#include "base/error.h"
#include "log/log.h"
#include "sink/batch/receiver.h"
#include "sink/sink.h"

#include <stddef.h>
#include <stdint.h>

struct batch_sink_options {
    const char *target;    /* for people: "table take5_signals"; copied */
    size_t most;           /* deliveries in a batch */
    size_t bytes;          /* about; a single delivery may be larger */
    int64_t retry_most_ns; /* the longest interval between two attempts */
    /* Where refused signals go; outlives this sink. NULL: they are counted, logged and dropped. */
    struct sink *dead_letters;
    struct log *log;
};

/* Takes over the receiver, even if it fails. */
struct sink *batch_sink_new(struct receiver *receiver, const struct batch_sink_options *options,
                            struct error *error);

#endif
