/*
 * feedstats/feed_stats.h - what the old service's HTTP interface showed of the feed: how many
 * points of each symbol and time frame lie within the window, and the latest signals.
 *
 * There is one feed_stats a host, or none (http is off), and in it a part for each lane. Points are
 * counted as the window of host/doc/messages.md does: by topic, symbol and time frame, a point
 * older than the newest less FEED_STATS_WINDOW_NS is dropped, a late one inside takes its place.
 * Messages without a time frame, and those whose time is suspect, enter no window.
 *
 * All is bounded: FEED_STATS_MAX_SERIES (topic, symbol, time frame)s in all, of which one that has
 * been silent for FEED_STATS_SILENT_TICKS makes room; FEED_STATS_MAX_POINTS points in all, and
 * FEED_STATS_MAX_RING of one series, above which its oldest are forgotten early;
 * FEED_STATS_MAX_SIGNALS and FEED_STATS_MAX_SIGNAL_BYTES of signals, of which the oldest goes.
 *
 * Threads: a lane's part is written by the lane alone. It takes the part's lock only for a series
 * that is new and for signals, many at once; a point is two relaxed stores to what others see.
 */
#ifndef TAKE5_FEEDSTATS_FEED_STATS_H
#define TAKE5_FEEDSTATS_FEED_STATS_H

#include "base/error.h"
#include "sink/sink.h"

#include <take5/message.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_STATS_WINDOW_NS        (INT64_C(120) * 60 * 1000000000)
#define FEED_STATS_MAX_SERIES       131072
#define FEED_STATS_SILENT_TICKS     300
#define FEED_STATS_MAX_POINTS       (4 * 1024 * 1024)
#define FEED_STATS_MAX_RING         4096
#define FEED_STATS_MAX_SIGNALS      16384
#define FEED_STATS_MAX_SIGNAL_BYTES (32 * 1024 * 1024)
#define FEED_STATS_SYMBOL_SIZE      64 /* a longer symbol is not observed */

struct feed_stats;
struct feed_lane;

struct feed_stats *feed_stats_new(size_t lanes, struct error *error);
/* After the lanes. NULL is allowed. */
void feed_stats_free(struct feed_stats *feed_stats);
struct feed_lane *feed_stats_lane(struct feed_stats *feed_stats, size_t index);

/* The lane: a message that was decoded. `topic` is the configuration's index; `symbol` the
 * message's, which is kept until the flush; `tick` a clock of about a second that does not go back.
 * Others see it after feed_lane_flush() at the latest, which comes with the batch's end, or when 64
 * came: so with slow strategies it is late by as many messages. */
void feed_lane_message(struct feed_lane *lane, uint32_t topic, int32_t partition,
                       uint32_t symbol_id, t5_str symbol, const t5_message *message, uint32_t tick);
/* The lane: enters what it has gathered, in its order: many at once, so that the memory of one is
 * fetched while another is entered. To be called before the lane waits. NULL is allowed. */
void feed_lane_flush(struct feed_lane *lane);
/* The lane: a signal that was sent, made of `struct signal`, of the instance on that partition
 * number. It is the latest of its deployment, partition, symbol and name. Others see it when they
 * would see a message. */
void feed_lane_signal(struct feed_lane *lane, int32_t partition, const char *name, size_t name_size,
                      struct delivery *delivery);

/* ---- any thread ---- */

/* One symbol and time frame, over all topics and partitions. */
struct observed {
    char symbol[FEED_STATS_SYMBOL_SIZE + 1];
    size_t size; /* of the symbol, which may hold NUL */
    uint32_t time_frame_s;
    int64_t newest_ms; /* event time */
    uint64_t points;
    float price; /* of the newest, or of one that came while it was read; NAN: none. Seven digits
                  * are enough to look at, and lie in the cache line that a point touches anyway */
};

struct observed_page {
    struct observed *items; /* free() it */
    size_t count;
    size_t total; /* on all pages */
};

/* All (`symbol` is NULL), or those of a symbol in any case, in order of symbols and time frames; of
 * these no more than `most`, from the one of number `first` on. False when memory runs out. */
bool feed_stats_series(struct feed_stats *feed_stats, const t5_str *symbol, size_t first,
                       size_t most, struct observed_page *page);

/* The signals' deliveries, of all symbols or of one in any case, in order of symbol, deployment and
 * cause; each is a reference of the caller's. Give them back with feed_stats_release_signals().
 * NULL when memory runs out. */
struct delivery **feed_stats_signals(struct feed_stats *feed_stats, const t5_str *symbol,
                                     size_t *count);
void feed_stats_release_signals(struct delivery **signals, size_t count);
/* Those that came in [since, until), monotonic: the newest `most` of each lane, in their order. As
 * above. */
struct delivery **feed_stats_new_signals(struct feed_stats *feed_stats, int64_t since_ns,
                                         int64_t until_ns, size_t most, size_t *count);

/* Messages that could not be counted: too many series at once, or no memory. */
uint64_t feed_stats_missed(const struct feed_stats *feed_stats);

#endif
