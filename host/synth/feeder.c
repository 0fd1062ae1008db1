#include "synth/feeder.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define MAX_WAIT_NS   (50 * NS_PER_MS) /* how soon a stop is noticed */
#define MAX_BEHIND_NS NS_PER_S
/* At full speed the clock, the stop flag and the receiver's own work wait for so many messages. */
#define TURN          64

static bool is_stopped(const struct feeder *feeder) {
    return feeder->stop != NULL && atomic_load_explicit(feeder->stop, memory_order_relaxed);
}

static void wait_ns(struct feeder *feeder, int64_t span_ns) {
    if (feeder->idle != NULL) {
        feeder->idle(feeder->context, span_ns);
        return;
    }
    if (span_ns <= 0)
        return;
    struct timespec span = {span_ns / NS_PER_S, span_ns % NS_PER_S};
    nanosleep(&span, NULL); /* an early end by a signal is welcome: the stop flag is looked at */
}

static bool give(struct feeder *feeder, uint64_t count, bool *goes_on, struct error *error) {
    for (uint64_t i = 0; i < count; i++) {
        struct market_message message;
        market_next(feeder->market, &message);
        if (!feeder->take(feeder->context, &message, error)) {
            *goes_on = false;
            return error->code == ERROR_NONE;
        }
        feeder->given++;
    }
    return true;
}

/* How many may go out now; 0 with the time until the next one. */
static uint64_t pace_due(const struct feeder_pace *pace, int64_t now_ns, int64_t *begin_ns,
                         uint64_t sent, int64_t *until_ns) {
    if (pace->rate_per_s <= 0)
        return TURN;
    double ns_each = (double)NS_PER_S / pace->rate_per_s;
    int64_t next_ns = *begin_ns + (int64_t)((double)sent * ns_each);
    if (next_ns > now_ns) {
        *until_ns = next_ns - now_ns;
        return 0;
    }
    int64_t behind_ns = now_ns - next_ns;
    if (behind_ns > MAX_BEHIND_NS) {
        *begin_ns += behind_ns - MAX_BEHIND_NS;
        behind_ns = MAX_BEHIND_NS;
    }
    uint64_t due = 1 + (uint64_t)((double)behind_ns / ns_each);
    return due < TURN ? due : TURN;
}

bool feeder_run(struct feeder *feeder, struct error *error) {
    const struct feeder_pace *pace = &feeder->pace;
    error->code = ERROR_NONE;
    int64_t start_ns = clock_monotonic_ns(), begin_ns = start_ns;
    uint64_t sent = 0;
    bool goes_on = true;
    while (goes_on && !is_stopped(feeder)) {
        int64_t now_ns = clock_monotonic_ns(), until_ns = 0;
        if (pace->duration_ns > 0 && now_ns - start_ns >= pace->duration_ns)
            break;
        if (pace->count > 0 && sent >= pace->count)
            break;
        uint64_t due = pace_due(pace, now_ns, &begin_ns, sent, &until_ns);
        if (pace->count > 0 && due > pace->count - sent)
            due = pace->count - sent;
        uint64_t before = feeder->given;
        if (!give(feeder, due, &goes_on, error))
            return false;
        sent += feeder->given - before;
        if (pace->duration_ns > 0 && until_ns > start_ns + pace->duration_ns - now_ns)
            until_ns = start_ns + pace->duration_ns - now_ns;
        wait_ns(feeder, until_ns < MAX_WAIT_NS ? until_ns : MAX_WAIT_NS);
    }
    return true;
}
