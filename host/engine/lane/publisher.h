/*
 * engine/lane/publisher.h - makes deliveries of what instances say and of what cannot be used, and
 * gives them to the sinks.
 *
 * Made before the lanes start, and read-only then but for its counters: any lane may use it.
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

#define PUBLISHER_MAX_SINKS 4

struct publisher {
    struct log *log;
    struct sink *signal_sinks[PUBLISHER_MAX_SINKS];
    size_t signal_sink_count;
    struct sink *dead_letter_sink; /* NULL: dead letters are counted and passed */
    const struct topics *topics;   /* set by the engine, and so is what follows */
    struct breakdown *breakdown;
    _Atomic uint64_t signals, dead_letters;
};

/*
 * Makes a signal of the task, under the id of its cause, and moves the cause's ordinal. `in_flight`
 * is held until all sinks have confirmed; NULL: nothing is. `sequence` goes along as the delivery's
 * owner_word. NULL when memory runs out: it may be called again.
 */
struct delivery *publisher_signal(const struct publisher *publisher, struct task *task,
                                  const struct emitted_signal *emitted, struct in_flight *in_flight,
                                  uint64_t sequence);
/* Gives it to the sinks; takes the reference over. */
void publisher_send(struct publisher *publisher, struct delivery *signal);

/*
 * Sends the record, with the headers that `source` knows of it, to the dead letters. `reason` is a
 * decode_reason_name() or "rejected"; `message` says more; `deployment` NULL: none. `in_flight` as
 * above. False when memory ran out and nothing was sent: it may be called again.
 */
bool publisher_dead_letter(struct publisher *publisher, struct source *source,
                           const struct record *record, const char *reason, const char *message,
                           const char *deployment, struct in_flight *in_flight);

#endif
