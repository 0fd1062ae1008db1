/*
 * engine/lane/ack_scope.h - what emitted signals hold back.
 *
 * While a lane works on something that may emit on behalf of an offset - a message, a timer that is
 * due, a dead letter given once more - a scope is open. It begins before the first callback, ends
 * behind the last one, and does not nest.
 *
 *   begin  names the offset that must not be stored before everything emitted until the end is
 *          confirmed. Costs nothing: most messages emit nothing.
 *   hold   for each delivery: the record in flight that its sinks drop when they have confirmed it.
 *          The first one makes it, all others of the scope share it. Nothing may be emitted that it
 *          refused.
 *   end    gives up the scope's own hold. From here the record in flight is done when the sinks say
 *          so, and the tracker's offset may pass it.
 *
 * `tracker->next` may move at any time: what is held was fixed at the beginning. What is emitted
 * while no scope is open (by an event, for example) holds nothing back.
 *
 * Whoever wants the signals of a scope to become visible together with its offset (a transaction)
 * does it here: nothing of the scope is emitted before its begin or after its end, and at the end
 * both are known.
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
    /* Count the records in flight, and what their deliveries take; the lane's, set once. */
    _Atomic uint64_t *unconfirmed, *unconfirmed_bytes;
    struct partition *partition;    /* whose offset is held; NULL: none is */
    struct offset_tracker *tracker; /* of the partition's topic */
    int64_t offset;
    struct in_flight *in_flight; /* with one hold of the scope's; NULL: nothing was emitted yet */
    uint64_t sequence;           /* of the record: goes along with its signals. 0: none is kept */
    bool is_apart; /* what is emitted goes with no offset: the current dead letter is given again */
};

static inline void ack_scope_begin(struct ack_scope *scope, struct partition *partition,
                                   uint32_t topic, int64_t offset, uint64_t sequence) {
    scope->partition = partition;
    scope->tracker = &partition->topics[topic];
    scope->offset = offset;
    scope->sequence = sequence;
}

/* Begins one that holds no offset back, but a record in flight of the caller's. */
void ack_scope_begin_with(struct ack_scope *scope, struct in_flight *in_flight);

/* `*in_flight` is NULL where nothing is to be held. False: memory ran out; it may be called again.
 */
bool ack_scope_hold(struct ack_scope *scope, struct in_flight **in_flight);

/* A delivery of so many bytes was made that holds back what the scope does. */
void ack_scope_note(struct ack_scope *scope, uint64_t bytes);

/* Also when none is open. */
static inline void ack_scope_end(struct ack_scope *scope) {
    if (scope->in_flight != NULL)
        in_flight_release(scope->in_flight);
    scope->in_flight = NULL;
    scope->partition = NULL;
}

#endif
