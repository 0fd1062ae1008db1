/*
 * checkpoint/order.h - the journal: in which order the records of one partition number were handed
 * to its instances, as runs of one stream's offsets. What a recovery follows, so that strategies
 * that relate topics come to the state that they had.
 *
 * A *stream* is one (topic, partition), by a small number that the owner gives it. The order is cut
 * into *segments*, one for each checkpoint: segment N holds what was handed over behind checkpoint
 * N, until the next one; segment 0 what came before there was any.
 *
 * One thread at a time.
 */
#ifndef TAKE5_CHECKPOINT_ORDER_H
#define TAKE5_CHECKPOINT_ORDER_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of no stream: at this place wall-clock timers fired, all that were due at `from` (wall-clock
 * time); `span` is 1. */
#define ORDER_CLOCK UINT32_MAX

/* Records of [from, from + span) of a stream were handed over one after the other, with none of
 * another stream between them. */
struct order_run {
    int64_t from;
    uint32_t span;
    uint32_t stream;
};

struct order {
    struct order_run *runs; /* the last one may still grow */
    size_t count, capacity;
    uint64_t dropped; /* runs that were before runs[0] */
    struct order_segment {
        uint64_t number;
        uint64_t begin; /* index of its first run, counted over the dropped ones too */
    } * segments;
    size_t segment_count, segment_capacity;
    uint64_t taken;   /* index: what lies before it was taken for the file */
    uint64_t closed;  /* index: what lies before it grows no more */
    struct text cuts; /* not taken yet */
    /* Records are missing: memory ran out, there were too many runs, or a file says so. Over when
     * the segment where it happened, and those before it, are dropped. */
    bool is_broken;
    bool keeps_clocks;  /* entries of wall-clock timers are wanted of what is read; the owner's */
    bool is_break_due;  /* and the file is still to be told */
    uint64_t broken_in; /* number of the newest segment where it happened */
};

/* More runs than that break the order: 64 MiB. */
#define ORDER_MOST_RUNS (4u << 20)

/* Holds segment `number` alone, empty. */
bool order_init(struct order *order, uint64_t number);
void order_release(struct order *order);
/* Likewise, of segment 0, with entries of wall-clock timers. NULL: out of memory. */
struct order *order_new(void);
/* NULL is allowed. */
void order_free(struct order *order);

/* A record of a run that does not go on where the one before ended. Without memory the order is
 * broken. */
void order_begin_run(struct order *order, uint32_t stream, int64_t offset);

/* Notes a record that is handed over now. Offsets may jump ahead over holes in the log. */
static inline void order_note(struct order *order, uint32_t stream, int64_t offset) {
    struct order_run *last = order->count > 0 ? &order->runs[order->count - 1] : NULL;
    if (__builtin_expect(last != NULL && last->stream == stream &&
                             order->dropped + order->count > order->closed &&
                             offset >= last->from + last->span && offset - last->from < UINT32_MAX,
                         1))
        last->span = (uint32_t)(offset - last->from) + 1;
    else
        order_begin_run(order, stream, offset);
}

/* Notes that wall-clock timers fire now. */
static inline void order_note_clock(struct order *order, int64_t wall_ns) {
    order_begin_run(order, ORDER_CLOCK, wall_ns);
}

/* Forgets what lies at `offset` and above in the stream: it will be handed over again. */
void order_cut(struct order *order, uint32_t stream, int64_t offset);

/* Records are missing from here on. Nothing more is noted in this segment. */
void order_break(struct order *order);

/* Begins the segment of that checkpoint; its number is above all before. */
bool order_begin_segment(struct order *order, uint64_t number);
/* Forgets the segments of lower numbers. */
void order_drop_before(struct order *order, uint64_t number);

/* The runs by their index, from order_begin() to below order_end(); an index stays that of its run
 * when older ones are dropped. order_cut() makes indices invalid. */
static inline uint64_t order_begin(const struct order *order) {
    return order->dropped;
}
static inline uint64_t order_end(const struct order *order) {
    return order->dropped + order->count;
}
static inline const struct order_run *order_at(const struct order *order, uint64_t index) {
    return &order->runs[index - order->dropped];
}

/* Appends to `out` what was noted of one segment since the last call, in the form of the file, and
 * gives the segment's number; false when there is nothing, or no memory: then `out` says so, and
 * another call gives it. To be called until it gives false. The open run ends. */
bool order_put_frames(struct order *order, uint64_t *number, struct text *out);

/* Appends a frame that says that records are missing here: for who could not write what he took. */
void order_put_break(struct text *out);

/* How many bytes from the first on are whole frames. `*is_torn` (NULL: not wanted): what follows
 * them may be the frame that was being written when the system went down, and not damage. */
size_t order_whole_size(const void *bytes, size_t size, bool *is_torn);

/* Adds to the last segment what its file holds behind the header: frames of order_put_frames(),
 * which then are taken. Stream S of the file is stream streams[S % stream_count] + S / stream_count
 * * `stride` here; UINT32_MAX in `streams`: none. Stops at the first frame that is not whole (a
 * crash cut it off): true all the same; false: out of memory. */
bool order_read(struct order *order, const void *bytes, size_t size, const uint32_t *streams,
                uint32_t stream_count, uint32_t stride);

#endif
