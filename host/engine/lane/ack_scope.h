/*
 * engine/lane/ack_scope.h - what emitted signals hold back.
 *
 * A scope is open while a lane works on something that may emit on behalf of an offset: a message,
 * a due timer, a redriven dead letter. It begins before the first callback, ends after the last
 * one, and does not nest.
 *
 *   begin  names the offset that must not be stored before everything emitted until the end is
 *          confirmed. Costs nothing: most messages emit nothing.
 *   hold   for each delivery: the record in flight that its sinks drop when they have confirmed it.
 *          The first one makes it, all others of the scope share it. Nothing may be emitted that it
 *          refused.
 *   end    gives up the scope's own hold. From here the record in flight is done when the sinks say
 *          so, and the tracker's offset may pass it.
 *
 * `tracker->next` may move at any time: the held offset was fixed at the beginning. Signals emitted
 * while no scope is open (by an event, for example) hold nothing back.
 *
 * A transaction that makes the signals of a scope visible together with its offset belongs here:
 * nothing of the scope is emitted before its begin or after its end, and at the end both are known.
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_ACK_SCOPE_H
#define TAKE5_ENGINE_LANE_ACK_SCOPE_H

#include "engine/core/offset_tracker.h"
#include "engine/core/partition.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ack_scope {
    /* The lane's counters, set once: records in flight, and the bytes of their deliveries. */
    _Atomic uint64_t *unconfirmed, *unconfirmed_bytes;
    struct partition *partition;    /* whose offset is held; NULL: none */
    struct offset_tracker *tracker; /* of the partition's topic */
    int64_t offset;
    struct in_flight *in_flight; /* with one hold for the scope; NULL: nothing was emitted yet */
    uint64_t sequence;           /* of the record, passed on with its signals; 0: none */
    bool is_apart; /* a dead letter is redriven: what is emitted belongs to no offset */
};

static inline void ack_scope_begin(struct ack_scope *scope, struct partition *partition,
                                   uint32_t topic, int64_t offset, uint64_t sequence) {
    scope->partition = partition;
    scope->tracker = &partition->topics[topic];
    scope->offset = offset;
    scope->sequence = sequence;
}

/* Begins a scope that holds back no offset, but a record in flight of the caller. */
void ack_scope_begin_with(struct ack_scope *scope, struct in_flight *in_flight);

/* `*in_flight` is NULL if nothing is to be held. False: out of memory; it may be called again. */
bool ack_scope_hold(struct ack_scope *scope, struct in_flight **in_flight);

/* A delivery of this many bytes was made that holds back what the scope does. */
void ack_scope_note(struct ack_scope *scope, uint64_t bytes);

/* Also allowed when none is open. */
static inline void ack_scope_end(struct ack_scope *scope) {
    if (scope->in_flight != NULL)
        in_flight_release(scope->in_flight);
    scope->in_flight = NULL;
    scope->partition = NULL;
}

#endif
