/*
 * synth/to_lines.h - a synthetic market onto stdout, as lines.
 */
#ifndef TAKE5_SYNTH_TO_LINES_H
#define TAKE5_SYNTH_TO_LINES_H

#include "base/error.h"
#include "synth/feeder.h"
#include "synth/market.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum feed_form {
    FEED_RECORDED = 1, /* as `take5 record` writes: topic, partition, offset, time, key, payload */
    FEED_PLAIN         /* the values themselves */
};

struct feed_lines_options {
    struct market_options market;
    struct feeder_pace pace;
    enum feed_form form;
    const char *topics[MARKET_ROLES]; /* NULL: named as the role */
    int32_t partitions;
    int file; /* written */
    const atomic_bool *stop;
    /* Now and then, in the thread that feeds. */
    void (*progress)(void *context, uint64_t given);
    void *context;
};

struct feed_lines_stats {
    uint64_t given, bytes;
    bool has_reader_gone; /* the pipe's other end was closed: no fault */
};

/* Feeds until the limit, the stop, or the reader's end. False when it cannot be written. */
bool feed_lines_run(const struct feed_lines_options *options, struct feed_lines_stats *stats,
                    struct error *error);

#endif
