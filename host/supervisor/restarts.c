#include "supervisor/restarts.h"

#include <string.h>

/* Gives whether that was one too many. */
static bool note_unexplained(struct restarts *restarts, int64_t now_ns) {
    int64_t *times = restarts->unexplained_ns;
    size_t old = 0;
    while (old < restarts->unexplained && now_ns - times[old] > RESTARTS_WITHIN_NS)
        old++;
    restarts->unexplained -= old;
    memmove(times, times + old, restarts->unexplained * sizeof *times);
    times[restarts->unexplained++] = now_ns;
    return restarts->unexplained == RESTARTS_UNEXPLAINED;
}

int64_t restarts_note(struct restarts *restarts, int64_t now_ns, int64_t ran_ns,
                      bool is_explained) {
    if (!is_explained && note_unexplained(restarts, now_ns)) {
        *restarts = (struct restarts){0}; /* whoever begins it again means it */
        return RESTARTS_NEVER;
    }
    if (ran_ns >= RESTARTS_QUIET_NS)
        restarts->delay_ns = 0;
    const int64_t delay_ns = restarts->delay_ns;
    restarts->delay_ns = delay_ns == 0 ? RESTARTS_FIRST_NS : 2 * delay_ns;
    if (restarts->delay_ns > RESTARTS_MAX_NS)
        restarts->delay_ns = RESTARTS_MAX_NS;
    return delay_ns;
}
