/*
 * take5/timer.h - a call at a later time.
 *
 * A timer is known by (clock, symbol, key): arming one that is armed already moves it. Timers
 * belong to one instance, are saved with its state and come back with it.
 *
 * By event time: a message that moves the instance's event clock past due timers fires them
 * first, in order of due time (then of arming), and their signals count as that message's. A timer
 * that is armed again while the clock jumps fires at most once more in that jump; what is still due
 * then fires with the next message that moves the clock.
 * By wall clock: fires on the instance's lane, between two messages; in replay it goes by event
 * time.
 */
#ifndef TAKE5_TIMER_H
#define TAKE5_TIMER_H

#include "codes.h"
#include "value.h"

typedef struct t5_timer {
    uint32_t size;
    uint32_t clock;     /* enum t5_clock; 0 counts as T5_CLOCK_EVENT */
    uint64_t key;       /* the strategy's own */
    int64_t due_ns;     /* when; ignored by cancel */
    uint32_t symbol_id; /* or T5_NO_SYMBOL */
    uint32_t reserved;
    /* Filled by the host when the timer fires, ignored when it is armed or cancelled. */
    int64_t now_ns; /* the clock's time, >= due_ns */
    t5_str symbol;  /* text of symbol_id, empty without one; valid until on_timer returns */
} t5_timer;

#endif
