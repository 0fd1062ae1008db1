#include "engine/lane/ack_scope.h"

#include "base/sync/counter.h"

void ack_scope_begin_with(struct ack_scope *scope, struct in_flight *in_flight) {
    in_flight_add_hold(in_flight);
    scope->in_flight = in_flight;
    scope->sequence = 0;
}

bool ack_scope_hold(struct ack_scope *scope, struct in_flight **in_flight) {
    if (scope->in_flight == NULL && scope->partition != NULL) {
        scope->in_flight = offset_tracker_hold(scope->tracker, scope->offset);
        if (scope->in_flight == NULL)
            return false;
        scope->partition->in_flight_count++;
        counter_add(scope->unconfirmed, 1);
    }
    *in_flight = scope->in_flight;
    return true;
}

/* A record in flight that the caller passed in is limited by the caller. */
void ack_scope_note(struct ack_scope *scope, uint64_t bytes) {
    if (scope->in_flight == NULL || scope->partition == NULL)
        return;
    offset_tracker_add_bytes(scope->tracker, scope->in_flight, bytes);
    counter_add(scope->unconfirmed_bytes, bytes);
}
