/*
 * sink/sink_ordered.h - signals in the order of their causes, whatever the number of lanes: replay.
 *
 * A delivery's `owner_word` is the place of its cause in the input. Lanes run ahead of one another;
 * what they push is kept until `done` says that no delivery of a lower place can come any more, and
 * is written then, by a thread of its own: one line a delivery, its value. Deliveries of one place
 * stay in the order in which they were pushed. How much is kept is bounded by the lanes, which stop
 * at so many unconfirmed records ([take5] max_unconfirmed).
 *
 * A write that fails ends the sink's work: what comes is confirmed and dropped, and the status says
 * why. Nobody is served by a list with a hole in it.
 */
#ifndef TAKE5_SINK_SINK_ORDERED_H
#define TAKE5_SINK_SINK_ORDERED_H

#include "sink/sink.h"

#include <stdatomic.h>

struct sink_ordered_options {
    /* NULL: they are written to `file`. Else each is handed over instead, from the sink's thread,
     * and no text is made. False: memory ran out, which ends the sink's work. */
    bool (*take)(void *context, const struct delivery *delivery);
    int file;        /* written; the caller closes it after the sink */
    bool has_places; /* the place and a space stand before each line */
    /* What is in the file goes when the first line comes; or with sink_ordered_empty(). */
    bool does_replace;
    /* All deliveries of lower places were pushed before this returned. Any thread. */
    uint64_t (*done)(void *context);
    void *context;
    /* Set: a reader of the file that takes nothing is not waited for (log/output.h). May be NULL.
     */
    const atomic_bool *stop;
};

struct sink *sink_ordered_new(const struct sink_ordered_options *options, struct error *error);

/* Any thread: deliveries of `end` and above are dropped from now on. A second call may only lower
 * it. Called before a place is done, it is sure to hold. */
void sink_ordered_end(struct sink *sink, uint64_t end);

/* Any thread: what was in the file goes now, if no line has come yet. For who has an empty result.
 * Gives 0 or an errno. */
int sink_ordered_empty(struct sink *sink);

/* Any thread: lines that were written. */
uint64_t sink_ordered_lines(struct sink *sink);
/* Any thread: false, with an error, once a write has failed. `errnum` (may be NULL) is its errno.
 */
bool sink_ordered_is_ok(struct sink *sink, int *errnum, struct error *error);

#endif
