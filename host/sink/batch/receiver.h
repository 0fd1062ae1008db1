/*
 * sink/batch/receiver.h - what stands behind a batching sink: a database, an HTTP server.
 *
 * It writes batches, and knows nothing of queues, retries or offsets: those are the batching sink's
 * (batch_sink.h), whose thread makes every call. A batch comes again as long as the answer is
 * RECEIVER_BUSY, whatever happened to it before, and a host that was killed sends again what was
 * not confirmed: a receiver has to make repeats harmless.
 */
#ifndef TAKE5_SINK_BATCH_RECEIVER_H
#define TAKE5_SINK_BATCH_RECEIVER_H

#include "base/error.h"
#include "sink/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum receiver_answer {
    RECEIVER_SAFE = 1, /* all of it is where a crash of the receiver does not lose it */
    RECEIVER_BUSY,     /* not now; it is unknown whether it is there */
    RECEIVER_REFUSED   /* never, in this form; nothing of it is there */
};

struct receiver_batch {
    struct delivery *const *deliveries;
    size_t count; /* not 0 */
    /* To be called at least every RECEIVER_LOOK_MS while waiting: if true, the call returns
     * RECEIVER_BUSY. */
    bool (*is_over)(void *context);
    void *context;
    struct error *error; /* filled unless RECEIVER_SAFE */
    int64_t wait_ns;     /* RECEIVER_BUSY: how long it asked to wait; 0: it did not */
};

#define RECEIVER_LOOK_MS 200

struct receiver;
struct receiver_ops {
    const char *name; /* of the sink, as [signals] sinks has it */
    /* Connects, if it is not connected; with an empty batch. NULL: there is nothing to connect. */
    enum receiver_answer (*open)(struct receiver *receiver, struct receiver_batch *batch);
    enum receiver_answer (*send)(struct receiver *receiver, struct receiver_batch *batch);
    /* The last answer was RECEIVER_BUSY: the connection is unusable. */
    void (*hang_up)(struct receiver *receiver);
    void (*free)(struct receiver *receiver);
};

struct receiver {
    const struct receiver_ops *ops;
};

#endif
