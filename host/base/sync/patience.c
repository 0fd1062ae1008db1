#include "base/sync/patience.h"

#include "base/clock.h"

#include <time.h>

#define LONGEST_NS (100 * NS_PER_MS)

bool patience_wait(struct patience *patience) {
    const int64_t now_ns = clock_monotonic_ns();
    if (patience->since_ns == 0)
        *patience = (struct patience){.since_ns = now_ns, .next_ns = NS_PER_MS};
    if (now_ns - patience->since_ns >= PATIENCE_NS)
        return false;
    const struct timespec span = {.tv_nsec = patience->next_ns};
    nanosleep(&span, NULL);
    if (patience->next_ns < LONGEST_NS)
        patience->next_ns = patience->next_ns * 2 < LONGEST_NS ? patience->next_ns * 2 : LONGEST_NS;
    return true;
}
