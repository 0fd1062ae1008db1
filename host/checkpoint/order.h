/*
 * checkpoint/order.h - the journal: in which order the records of one partition number were handed
 * to its instances, as runs of one stream's offsets. A recovery follows it, so that strategies that
 * relate topics reach the state that they had.
 *
 * A *stream* is one (topic, partition), identified by a small number from the owner. The order is
 * divided into *segments*, one for each checkpoint: segment N holds what was handed over after
 * checkpoint N, until the next one; segment 0 what came before the first.
 *
 * One thread at a time.
 */
#ifndef TAKE5_CHECKPOINT_ORDER_H
#define TAKE5_CHECKPOINT_ORDER_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Not a stream: at this place wall-clock timers fired, all that were due at `from` (wall-clock
 * time); `span` is 1. */
#define ORDER_CLOCK UINT32_MAX

/* Records of [from, from + span) of a stream were handed over one after the other, with none of
 * another stream in between. */
struct order_run {
    int64_t from;
    uint32_t span;
    uint32_t stream;
};

struct order {
    struct order_run *runs; /* the last one may still grow */
    size_t count, capacity;
    uint64_t dropped; /* runs that preceded runs[0] */
    struct order_segment {
        uint64_t number;
        uint64_t begin; /* index of its first run, including dropped ones */
    } * segments;
    size_t segment_count, segment_capacity;
    uint64_t taken;   /* index: runs before it were taken for the file */
    uint64_t closed;  /* index: runs before it no longer grow */
    struct text cuts; /* not taken yet */
    /* Records are missing: memory ran out, there were too many runs, or a file says so. Ends when
     * the segment where it happened, and those before it, are dropped. */
    bool is_broken;
    bool keeps_clocks;  /* entries of wall-clock timers are wanted when reading; set by the owner */
    bool is_break_due;  /* and that is not in the file yet */
    uint64_t broken_in; /* number of the newest segment where it happened */
};

/* More runs break the order: 64 MiB. */
#define ORDER_MOST_RUNS (4u << 20)

/* Holds only segment `number`, empty. */
bool order_init(struct order *order, uint64_t number);
void order_release(struct order *order);
/* Likewise, with segment 0 and entries of wall-clock timers. NULL: out of memory. */
struct order *order_new(void);
/* Takes NULL. */
void order_free(struct order *order);

/* A record of a run that does not continue the previous one. Without memory the order is broken. */
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

/* Forgets records from `offset` on in the stream: they will be handed over again. */
void order_cut(struct order *order, uint32_t stream, int64_t offset);

/* Records are missing from here on. Nothing more is noted in this segment. */
void order_break(struct order *order);

/* Begins the segment of that checkpoint; its number is above all previous ones. */
bool order_begin_segment(struct order *order, uint64_t number);
/* Forgets the segments with lower numbers. */
void order_drop_before(struct order *order, uint64_t number);

/* The runs by index, from order_begin() to below order_end(); a run keeps its index when older ones
 * are dropped. order_cut() invalidates indices. */
static inline uint64_t order_begin(const struct order *order) {
    return order->dropped;
}
static inline uint64_t order_end(const struct order *order) {
    return order->dropped + order->count;
}
static inline const struct order_run *order_at(const struct order *order, uint64_t index) {
    return &order->runs[index - order->dropped];
}

/* Appends to `out` what was noted in one segment since the last call, in the file's format, and
 * returns the segment's number in `number`; false: nothing, or out of memory, in which case `out`
 * is text_is_oom() and another call returns it. To be called until it returns false. The open run
 * ends. */
bool order_put_frames(struct order *order, uint64_t *number, struct text *out);

/* Appends a frame that says that records are missing here: for a caller that could not write what
 * it took. */
void order_put_break(struct text *out);

/* How many bytes from the beginning are whole frames. `*is_torn` (NULL: not wanted): what follows
 * may be the frame that was being written when the system went down, not damage. */
size_t order_whole_size(const void *bytes, size_t size, bool *is_torn);

/* Adds to the last segment what its file has after the header: frames of order_put_frames(), which
 * then count as taken. Stream S of the file is stream streams[S % stream_count] + S / stream_count
 * * `stride` here; UINT32_MAX in `streams`: none. Stops at the first incomplete frame (cut off by a
 * crash), and returns true; false: out of memory. */
bool order_read(struct order *order, const void *bytes, size_t size, const uint32_t *streams,
                uint32_t stream_count, uint32_t stride);

#endif
