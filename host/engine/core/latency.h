/*
 * engine/core/latency.h - the buckets of the latency histograms, which lanes fill and /metrics
 * shows.
 */
#ifndef TAKE5_ENGINE_CORE_LATENCY_H
#define TAKE5_ENGINE_CORE_LATENCY_H

#include <stdint.h>

#define LATENCY_BUCKETS 16

/* Bucket i counts what is below the i-th and not below the one before; the last one is endless. */
extern const int64_t LATENCY_BOUNDS_NS[LATENCY_BUCKETS];

#endif
