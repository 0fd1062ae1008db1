#include "engine/lane/ack_scope.h"

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
        atomic_store_explicit(scope->unconfirmed,
                              atomic_load_explicit(scope->unconfirmed, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    }
    *in_flight = scope->in_flight;
    return true;
}
