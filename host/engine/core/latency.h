/*
 * engine/core/latency.h - the buckets of the latency histograms, which lanes fill and /metrics
 * shows.
 */
#ifndef TAKE5_ENGINE_CORE_LATENCY_H
#define TAKE5_ENGINE_CORE_LATENCY_H

#include <stdint.h>

#define LATENCY_BUCKETS 28

/* A bucket counts what is below its bound and not below the previous one; the last one has no
 * bound. Six per decade from 0.1 ms to 1 s, where the host's own share is: a quantile read from
 * them is off by half of itself at most. */
extern const int64_t LATENCY_BOUNDS_NS[LATENCY_BUCKETS];

#endif
