#include "engine/core/offset_tracker.h"

#include "base/sync/event.h"
#include "sink/transaction/epoch.h"
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

void offset_tracker_init(struct offset_tracker *tracker) {
    memset(tracker, 0, sizeof *tracker);
    tracker->next = SOURCE_NO_OFFSET;
    tracker->stored = SOURCE_NO_OFFSET;
    tracker->assigned_at = SOURCE_NO_OFFSET;
    tracker->time_ms = RECORD_NO_TIME;
}

static void free_list(struct in_flight *in_flight) {
    while (in_flight != NULL) {
        struct in_flight *next = in_flight->next;
        free(in_flight);
        in_flight = next;
    }
}

void offset_tracker_release(struct offset_tracker *tracker) {
    free_list(tracker->first);
    free_list(tracker->spare);
    tracker->first = tracker->last = tracker->spare = NULL;
    tracker->in_flight_count = tracker->in_flight_bytes = tracker->spare_count = 0;
    tenure_release(tracker->tenure);
    tracker->tenure = NULL;
}

struct awaited {
    struct in_flight in_flight; /* the list's part */
    struct event *event;
};

static void add(struct offset_tracker *tracker, struct in_flight *in_flight, int64_t offset) {
    in_flight->next = NULL;
    in_flight->offset = offset;
    in_flight->bytes = 0;
    atomic_init(&in_flight->holds, 1);
    tracker->in_flight_count++;
    if (tracker->first != NULL && offset < tracker->first->offset) {
        in_flight->next = tracker->first;
        tracker->first = in_flight;
        return;
    }
    if (tracker->last != NULL)
        tracker->last->next = in_flight;
    else
        tracker->first = in_flight;
    tracker->last = in_flight;
}

struct in_flight *offset_tracker_hold(struct offset_tracker *tracker, int64_t offset) {
    struct in_flight *in_flight = tracker->spare;
    if (in_flight != NULL) {
        tracker->spare = in_flight->next;
        tracker->spare_count--;
    } else if ((in_flight = malloc(sizeof *in_flight)) == NULL) {
        return NULL;
    }
    in_flight->is_awaited = false;
    add(tracker, in_flight, offset);
    return in_flight;
}

struct in_flight *offset_tracker_hold_awaited(struct offset_tracker *tracker, int64_t offset,
                                              struct event *event) {
    struct awaited *awaited = malloc(sizeof *awaited);
    if (awaited == NULL)
        return NULL;
    awaited->event = event;
    awaited->in_flight.is_awaited = true;
    add(tracker, &awaited->in_flight, offset);
    return &awaited->in_flight;
}

void offset_tracker_add_bytes(struct offset_tracker *tracker, struct in_flight *in_flight,
                              uint64_t bytes) {
    in_flight->bytes += bytes;
    tracker->in_flight_bytes += bytes;
}

void in_flight_add_hold(struct in_flight *in_flight) {
    atomic_fetch_add_explicit(&in_flight->holds, 1, memory_order_relaxed);
}

void in_flight_release(struct in_flight *in_flight) {
    struct event *event = in_flight->is_awaited ? ((struct awaited *)in_flight)->event : NULL;
    atomic_fetch_sub_explicit(&in_flight->holds, 1, memory_order_release);
    if (event != NULL)
        event_signal(event);
}

/* With AddressSanitizer it is freed, so that a use after its end is found. */
static bool is_room_for_spare(const struct offset_tracker *tracker) {
#if defined(__SANITIZE_ADDRESS__)
    (void)tracker;
    return false;
#else
    return tracker->spare_count < OFFSET_TRACKER_SPARE;
#endif
}

static void put_away(struct offset_tracker *tracker, struct in_flight *in_flight) {
    if (in_flight->is_awaited || !is_room_for_spare(tracker)) {
        free(in_flight);
        return;
    }
    in_flight->next = tracker->spare;
    tracker->spare = in_flight;
    tracker->spare_count++;
}

uint64_t offset_tracker_collect(struct offset_tracker *tracker) {
    uint64_t collected = 0;
    while (tracker->first != NULL &&
           atomic_load_explicit(&tracker->first->holds, memory_order_acquire) == 0) {
        struct in_flight *next = tracker->first->next;
        tracker->in_flight_bytes -= tracker->first->bytes;
        put_away(tracker, tracker->first);
        tracker->first = next;
        collected++;
    }
    if (tracker->first == NULL)
        tracker->last = NULL;
    tracker->in_flight_count -= collected;
    return collected;
}

void offset_tracker_abandon(struct offset_tracker *tracker, struct offset_tracker *orphans) {
    if (tracker->first == NULL)
        return;
    if (orphans->last != NULL)
        orphans->last->next = tracker->first;
    else
        orphans->first = tracker->first;
    orphans->last = tracker->last;
    orphans->in_flight_count += tracker->in_flight_count;
    orphans->in_flight_bytes += tracker->in_flight_bytes;
    tracker->first = tracker->last = NULL;
    tracker->in_flight_count = tracker->in_flight_bytes = 0;
}

int64_t offset_tracker_done(const struct offset_tracker *tracker) {
    return tracker->first != NULL ? tracker->first->offset : tracker->next;
}
