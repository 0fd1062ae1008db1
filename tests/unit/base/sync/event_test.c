#include "base/sync/event.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

struct turn {
    struct event event;
    _Atomic int number;
};

/* Answers each even number with the next one. */
static void *answer(void *argument) {
    struct turn *turn = argument;
    for (int number = 0; number < 1000; number += 2) {
        for (;;) {
            const uint64_t seen = event_seen(&turn->event);
            if (atomic_load(&turn->number) == number)
                break;
            event_wait(&turn->event, seen, INT64_MAX);
        }
        atomic_store(&turn->number, number + 1);
        event_signal(&turn->event);
    }
    return NULL;
}

/* One that is missed hangs: nobody else signals. */
Test(event, no_signal_between_look_and_wait_is_missed) {
    struct turn turn = {.number = 0};
    pthread_t thread;
    event_init(&turn.event);
    cr_assert_eq(pthread_create(&thread, NULL, answer, &turn), 0);
    for (int number = 1; number < 1000; number += 2) {
        for (;;) {
            const uint64_t seen = event_seen(&turn.event);
            if (atomic_load(&turn.number) == number)
                break;
            event_wait(&turn.event, seen, INT64_MAX);
        }
        atomic_store(&turn.number, number + 1);
        event_signal(&turn.event);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&turn.number), 1000);
    event_release(&turn.event);
}

Test(event, a_wait_ends_with_its_time) {
    struct event event;
    event_init(&event);
    const uint64_t seen = event_seen(&event);
    cr_assert_not(event_wait(&event, seen, clock_monotonic_ns()));
    event_signal(&event);
    cr_assert(event_wait(&event, seen, clock_monotonic_ns()), "it has come before");
    event_release(&event);
}
