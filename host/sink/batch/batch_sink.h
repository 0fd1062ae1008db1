/*
 * sink/batch/batch_sink.h - a sink that writes batches to a receiver elsewhere, and outlasts it.
 *
 * One thread takes what waits, up to a batch, and hands it to the receiver: with few signals a
 * batch is one of them, at once; with many it is full. While the receiver takes nothing the batch
 * is kept and is sent again, at growing intervals; what comes meanwhile waits in the queue,
 * which is as long as lanes let it be ([take5] max_unconfirmed). Nothing is confirmed before the
 * receiver has it safe, so that no offset moves.
 *
 * A batch that is refused for good is halved until the culprit is alone. That one goes to the dead
 * letters with the receiver's reason and is confirmed when it is safe there; the others are not
 * held up by it.
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
    size_t bytes;          /* about; one delivery may be larger */
    int64_t retry_most_ns; /* the longest interval between two tries */
    /* Where refused signals go; outlives this sink. NULL: they are counted, said and dropped. */
    struct sink *letters;
    struct log *log;
};

/* Takes the receiver, also when it fails. */
struct sink *batch_sink_new(struct receiver *receiver, const struct batch_sink_options *options,
                            struct error *error);

#endif
