#include "base/sync/condition.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

/* None of these fails on Linux. */
void condition_init(pthread_cond_t *condition) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until_ns) {
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    return pthread_cond_timedwait(condition, mutex, &until) != ETIMEDOUT;
}

int64_t condition_deadline_ns(int64_t span_ns) {
    int64_t until_ns;
    return __builtin_add_overflow(clock_monotonic_ns(), span_ns, &until_ns) ? INT64_MAX : until_ns;
}
