/*
 * strategy/instance/timers.h - the timers of one instance: which are armed, and which is due next.
 *
 * A timer is known by (clock, symbol, key). Arming and disarming cost O(log n), looking at the next
 * due time is one load. Order is by due time, then by arming; arming again counts as arming.
 *
 * A *jump* is one move of a clock: timers_jump_begin(), timers_jump_next() until it gives false,
 * timers_jump_end(). Between two calls of _next the strategy's callback runs, and may arm and
 * disarm what it likes. What fired twice in a jump and is armed once more is held back until the
 * jump's end, so a timer that always arms itself in the past cannot hold the lane.
 *
 * One thread at a time. One jump at a time.
 */
#ifndef TAKE5_STRATEGY_INSTANCE_TIMERS_H
#define TAKE5_STRATEGY_INSTANCE_TIMERS_H

#include <take5/codes.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMERS_NEVER INT64_MAX

struct timer_node;

/* A heap of node numbers, the first due on top. */
struct timer_heap {
    uint32_t *nodes;
    uint32_t count;
    int64_t next_due_ns; /* of the top; TIMERS_NEVER when empty */
};

struct timers {
    struct timer_heap event, wall;
    bool is_one_clock; /* wall-clock timers go by event time: replay and check */
    uint32_t max_count;
    uint32_t count;    /* armed */
    uint32_t capacity; /* of nodes and of each heap in use */
    struct timer_node *nodes;
    uint32_t free_node;
    uint32_t *buckets; /* capacity of them, a power of two */
    uint64_t seed;     /* of the buckets: keys may come from messages */
    uint32_t *by_symbol;
    uint32_t symbol_capacity;
    uint64_t armings;    /* so far: gives each arming its place */
    uint32_t fired_node; /* fired in this jump, linked */
    uint64_t jump_budget;
};

struct timer_due {
    uint32_t clock;
    uint32_t symbol_id;
    uint64_t key;
    int64_t due_ns;
};

void timers_init(struct timers *timers, uint32_t max_count, bool is_one_clock);
void timers_release(struct timers *timers);

enum timers_outcome { TIMERS_OK = 1, TIMERS_FULL, TIMERS_MEMORY };

enum timers_outcome timers_arm(struct timers *timers, const struct timer_due *timer);
/* Arms one that was armed in another table, and gives it the place that it had there. */
enum timers_outcome timers_restore(struct timers *timers, const struct timer_due *timer,
                                   uint64_t place);
/* Room for so many, as far as there is memory: only what goes beyond needs some. */
void timers_reserve(struct timers *timers, size_t count);
/* False: it was not armed. `due_ns` is ignored. */
bool timers_cancel(struct timers *timers, const struct timer_due *timer);
/* Disarms all timers of a symbol. */
void timers_drop_symbol(struct timers *timers, uint32_t symbol_id);

/* When the first timer that goes by the event clock, or by the wall clock, is due. */
static inline int64_t timers_next_event_ns(const struct timers *timers) {
    return timers->event.next_due_ns;
}
static inline int64_t timers_next_wall_ns(const struct timers *timers) {
    return timers->wall.next_due_ns;
}

void timers_jump_begin(struct timers *timers);
/* Takes out the next timer of that clock due at `now_ns` or before; false when there is none. */
bool timers_jump_next(struct timers *timers, enum t5_clock clock, int64_t now_ns,
                      struct timer_due *due);
void timers_jump_end(struct timers *timers);

/* The armed timers one by one, in no order, with their places among those of equal due time; `*at`
 * begins with 0. False: that was all. */
bool timers_next_armed(const struct timers *timers, uint32_t *at, struct timer_due *timer,
                       uint64_t *place);

#endif
