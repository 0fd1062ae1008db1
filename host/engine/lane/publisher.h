/*
 * engine/lane/publisher.h - makes deliveries of signals and dead letters, and gives them to the
 * sinks. Exactly once, those for Kafka go through the lane's transactor instead of a sink: the lane
 * puts them into its epoch (engine/lane/epochs.h).
 *
 * Made before the lanes start, and read-only from then on except for its counters: any lane may use
 * it.
 */
#ifndef TAKE5_ENGINE_LANE_PUBLISHER_H
#define TAKE5_ENGINE_LANE_PUBLISHER_H

#include "engine/core/breakdown.h"
#include "engine/core/offset_tracker.h"
#include "engine/core/partition.h"
#include "message/record.h"
#include "sink/sink.h"
#include "source/source.h"
#include "strategy/instance/instance.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUBLISHER_MAX_SINKS  6
#define PUBLISHER_MAX_ALERTS 2
#define PUBLISHER_MAX_POINTS 100000

struct blocks;
struct transactor;

struct publisher {
    struct log *log;
    struct sink *signal_sinks[PUBLISHER_MAX_SINKS];
    size_t signal_sink_count;
    struct sink *dead_letter_sink; /* NULL: there is none */
    /* For refused signals (sink/batch/), when dead letters go through the transactors; NULL: not
     * needed. */
    struct sink *refusal_sink;
    /* Of the host itself: no lane pushes to them; they are here for the status. */
    struct sink *alert_sinks[PUBLISHER_MAX_ALERTS];
    size_t alert_sink_count;
    /* One per lane, for signals; NULL: at least once. */
    struct transactor **transactors;
    size_t transactor_count;
    bool has_transactional_dead_letters; /* dead letters go through them too */
    /* Where points of published series go; NULL: nowhere. No offset waits for them, and beyond
     * PUBLISHER_MAX_POINTS that it has not taken they are dropped; unless `holds_points`: then they
     * hold back their cause, as signals do. */
    struct sink *point_sink;
    bool holds_points;
    _Atomic uint64_t points, dropped_points;
    _Atomic uint64_t open_points; /* not taken yet */
    const struct topics *topics;  /* set by the engine, like the members below */
    struct breakdown *breakdown;
    _Atomic uint64_t signals, dead_letters;
};

/*
 * Makes a signal of the task, under the id of its cause, and moves the cause's ordinal. `in_flight`
 * is held until all sinks have confirmed; NULL: nothing is. `sequence` becomes the delivery's
 * owner_word; its memory comes from `blocks`, the calling thread's. NULL: out of memory; it may be
 * called again.
 */
struct delivery *publisher_signal(const struct publisher *publisher, struct task *task,
                                  const struct emitted_signal *emitted, struct in_flight *in_flight,
                                  uint64_t sequence, struct blocks *blocks);
/* Whether any sink confirms signals, and so holds back what caused them. */
bool publisher_holds_signals(const struct publisher *publisher);

/* Whether the point sink takes one more point; else it is counted as dropped. */
bool publisher_takes_point(struct publisher *publisher);
/* Makes a point of the task, as publisher_signal() does. */
struct delivery *publisher_point(struct publisher *publisher, const struct task *task,
                                 const struct published_point *point, struct in_flight *in_flight,
                                 uint64_t sequence, struct blocks *blocks);

/* Whether dead letters go anywhere; otherwise they are counted and dropped. */
bool publisher_has_dead_letters(const struct publisher *publisher);
/*
 * Makes a dead letter of the record, with the headers that `source` has of it. `reason` is a
 * decode_reason_name() or "rejected"; `message` says more; `deployment` NULL: none. `in_flight` as
 * above. NULL: out of memory; it may be called again.
 */
struct delivery *publisher_dead_letter(struct publisher *publisher, struct source *source,
                                       const struct record *record, const char *reason,
                                       const char *message, const char *deployment,
                                       struct in_flight *in_flight);

/* Counts it and pushes it to the sinks that it is for; takes over the reference. */
void publisher_send(struct publisher *publisher, struct delivery *delivery);

#endif
