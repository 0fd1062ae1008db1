#include "engine/core/latency.h"

#include "base/clock.h"

const int64_t LATENCY_BOUNDS_NS[LATENCY_BUCKETS] = {
    100 * NS_PER_US,  250 * NS_PER_US, 500 * NS_PER_US, NS_PER_MS,
    2500 * NS_PER_US, 5 * NS_PER_MS,   10 * NS_PER_MS,  25 * NS_PER_MS,
    50 * NS_PER_MS,   100 * NS_PER_MS, 250 * NS_PER_MS, 500 * NS_PER_MS,
    NS_PER_S,         5 * NS_PER_S,    60 * NS_PER_S,   INT64_MAX,
};
