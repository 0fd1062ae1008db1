#include "engine/core/latency.h"

#include "base/clock.h"

#define DECADE(ns) (ns), 3 * (ns) / 2, 2 * (ns), 3 * (ns), 5 * (ns), 7 * (ns)

const int64_t LATENCY_BOUNDS_NS[LATENCY_BUCKETS] = {
    DECADE(100 * NS_PER_US), DECADE(NS_PER_MS), DECADE(10 * NS_PER_MS),
    DECADE(100 * NS_PER_MS), NS_PER_S,          5 * NS_PER_S,
    60 * NS_PER_S,           INT64_MAX,
};
