/*
 * source/history.h - records from before the lanes' positions, read beside the stream: for
 * instances that are behind it.
 *
 * One reading covers some partitions and hands out the records of each in the order of its offsets;
 * the reader decides which partition comes next. It continues to the end of the log, and beyond as
 * the log grows, until it is closed. It joins no group, commits nothing, and does not disturb the
 * source's own reading.
 *
 * Threads: open and close by control; next by the lane that the reading is for.
 */
#ifndef TAKE5_SOURCE_HISTORY_H
#define TAKE5_SOURCE_HISTORY_H

#include "base/error.h"
#include "message/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;
struct source_history;

struct history_part {
    uint32_t topic; /* index into the configuration's topics */
    int32_t partition;
    /* Where to begin. SOURCE_NO_OFFSET: at the first record of `from_ms` or later, which open then
     * puts here (the end of the log if there is none). An offset that the log no longer has is
     * moved up to `low`: the caller compares. */
    int64_t from;
    int64_t from_ms;   /* Kafka time */
    int64_t low, high; /* set by open: the first offset that the log has, and one above the last */
};

enum history_result {
    HISTORY_RECORD = 1, /* `record` is the next one; valid until the next call for this part */
    HISTORY_WAIT,       /* nothing yet: the lane is woken when there may be something */
    HISTORY_FAILED      /* `error` says why; the reading is useless */
};

struct source_history_ops {
    /*
     * Asks the brokers about all parts and begins to read; waits for their answers up to the time,
     * in all. `lane` is woken (source_ops.wake) when there is something after a HISTORY_WAIT. NULL
     * with an error: brokers unreachable, a partition that does not exist, or one that another
     * reading has.
     */
    struct source_history *(*open)(struct source *source, uint32_t lane, struct history_part *parts,
                                   size_t count, int timeout_ms, struct error *error);
    /* `part` is its index at open. `*passed`: no record below it comes any more; it is above the
     * last record if the log has holes (compaction, transaction markers) up to its end. */
    enum history_result (*next)(struct source_history *history, size_t part, struct record *record,
                                int64_t *passed, struct error *error);
    /* No `next` is in progress or comes any more; records returned are invalid. Takes NULL. */
    void (*close)(struct source_history *history);
};

#endif
