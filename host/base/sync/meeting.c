#include "base/sync/meeting.h"

#include "base/clock.h"
#include "base/sync/condition.h"

#define TICK_NS (100 * NS_PER_MS)

void meeting_init(struct meeting *meeting, size_t expected, int64_t until_ns,
                  const _Atomic int64_t *hurry_ns) {
    *meeting = (struct meeting){.expected = expected, .until_ns = until_ns, .hurry_ns = hurry_ns};
    condition_init(&meeting->changed);
    pthread_mutex_init(&meeting->lock, NULL);
}

void meeting_release(struct meeting *meeting) {
    pthread_cond_destroy(&meeting->changed);
    pthread_mutex_destroy(&meeting->lock);
}

/* Once all have come the wait has no limit: the watchdog deals with what is stuck. */
REQUIRES(meeting_lock) static bool is_late(const struct meeting *meeting, int64_t now_ns) {
    return meeting->step == 0 &&
           (now_ns >= meeting->until_ns ||
            (meeting->hurry_ns != NULL && now_ns >= atomic_load(meeting->hurry_ns)));
}

REQUIRES(meeting_lock) static void wait_a_tick(struct meeting *meeting, int64_t now_ns) {
    int64_t at = now_ns + TICK_NS;
    if (meeting->step == 0 && at > meeting->until_ns)
        at = meeting->until_ns;
    (void)condition_wait(&meeting->changed, &meeting->lock, at);
}

bool meeting_await(struct meeting *meeting, _Atomic int64_t *heartbeat_ns,
                   void (*run)(void *argument), void *argument) {
    lock_acquire(&meeting->lock, meeting_lock);
    const size_t step = meeting->step;
    int64_t now_ns = clock_monotonic_ns();
    if (meeting->began_ns == 0)
        meeting->began_ns = now_ns;
    if (++meeting->here == meeting->expected && !meeting->is_off) {
        if (run != NULL)
            run(argument);
        meeting->here = 0;
        meeting->step++;
        pthread_cond_broadcast(&meeting->changed);
    }
    while (meeting->step == step && !meeting->is_off) {
        atomic_store_explicit(heartbeat_ns, now_ns, memory_order_relaxed);
        if (is_late(meeting, now_ns)) {
            meeting->is_off = true;
            pthread_cond_broadcast(&meeting->changed);
            break;
        }
        wait_a_tick(meeting, now_ns);
        now_ns = clock_monotonic_ns();
    }
    const bool did = !meeting->is_off;
    lock_release(&meeting->lock, meeting_lock);
    return did;
}

void meeting_leave(struct meeting *meeting) {
    lock_acquire(&meeting->lock, meeting_lock);
    meeting->ended_ns = clock_monotonic_ns();
    lock_release(&meeting->lock, meeting_lock);
}

int64_t meeting_took_ns(const struct meeting *meeting) {
    lock_alone(meeting_lock);
    return meeting->ended_ns - meeting->began_ns;
}
