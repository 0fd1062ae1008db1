/*
 * sink/sink_ordered.h - signals in the order of their causes, whatever the number of lanes: replay.
 *
 * A delivery's `owner_word` is the place of its cause in the input. Lanes run ahead of one another;
 * what they push is kept until `done` says that no delivery of a lower place can come any more, and
 * is then written by a thread of its own: one line per delivery, its value. Deliveries of one place
 * stay in the order in which they were pushed. The lanes limit how much is kept: they stop at
 * [take5] max_unconfirmed records.
 *
 * A failed write ends the sink's work: what comes later is confirmed and dropped, and the status
 * says why. A list with a hole in it is useless.
 */
#ifndef TAKE5_SINK_SINK_ORDERED_H
#define TAKE5_SINK_SINK_ORDERED_H

#include "sink/sink.h"

#include <stdatomic.h>

struct sink_ordered_options {
    /* NULL: they are written to `file`. Otherwise each is handed over instead, by the sink's
     * thread, and no text is made. False: out of memory, which ends the sink's work. */
    bool (*take)(void *context, const struct delivery *delivery);
    int file;        /* the caller closes it after the sink */
    bool has_places; /* the place and a space precede each line */
    /* The file's content is discarded when the first line comes; or with sink_ordered_empty(). */
    bool does_replace;
    /* All deliveries of lower places were pushed before this returned. Any thread. */
    uint64_t (*done)(void *context);
    void *context;
    /* If set, a reader of the file that takes nothing is not waited for (log/output.h). May be
     * NULL. */
    const atomic_bool *stop;
};

struct sink *sink_ordered_new(const struct sink_ordered_options *options, struct error *error);

/* Any thread: deliveries of `end` and above are dropped from now on. A second call may only lower
 * it. It holds reliably if called before a place is done. */
void sink_ordered_end(struct sink *sink, uint64_t end);

/* Any thread: discards the file's content now, if no line has come yet. For an empty result.
 * Returns 0 or an errno. */
int sink_ordered_empty(struct sink *sink);

/* Any thread: lines that were written. */
uint64_t sink_ordered_lines(struct sink *sink);
/* Any thread: false, with an error, once a write has failed. `errnum` (may be NULL) gets its
 * errno. */
bool sink_ordered_is_ok(struct sink *sink, int *errnum, struct error *error);

#endif
