/*
 * engine/outbox.h - makes parcels of what instances say and of what cannot be used, and gives them
 * to the sinks.
 *
 * Made before the lanes start, and read-only then but for its counters: any lane may use it.
 */
#ifndef TAKE5_ENGINE_OUTBOX_H
#define TAKE5_ENGINE_OUTBOX_H

#include "config/config.h"
#include "engine/partition.h"
#include "engine/progress.h"
#include "message/record.h"
#include "sink/sink.h"
#include "source/source.h"
#include "strategy/instance.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX_SINKS 4

struct outbox {
    const struct config *config; /* of the start: topics never change. Outlives all lanes */
    struct log *log;
    struct sink *signal_sinks[OUTBOX_MAX_SINKS];
    size_t signal_sink_count;
    struct sink *letter_sink; /* NULL: letters are counted and passed */
    _Atomic uint64_t signals, letters;
};

/*
 * Sends a signal of the seat, under the id of its cause, and moves the cause's ordinal. `pending`
 * gets a hold until all sinks have confirmed; NULL: nothing is held. `sequence` goes along as the
 * parcel's owner_word. False when memory ran out and nothing was sent.
 */
bool outbox_signal(struct outbox *outbox, struct seat *seat, const struct emission *emission,
                   struct pending *pending, uint64_t sequence);

/*
 * Sends the record, with the headers that `source` knows of it, to the dead letters. `reason` is a
 * decode_reason_name() or "rejected"; `message` says more; `deployment` NULL: none. `pending` as
 * above.
 */
bool outbox_letter(struct outbox *outbox, struct source *source, const struct record *record,
                   const char *reason, const char *message, const char *deployment,
                   struct pending *pending);

#endif
