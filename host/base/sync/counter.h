/*
 * base/sync/counter.h - counters with one writer, which anybody may read.
 *
 * To count is a load and a store: a read-modify-write would lock the bus. With several writers some
 * counts would be lost.
 */
#ifndef TAKE5_BASE_SYNC_COUNTER_H
#define TAKE5_BASE_SYNC_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

static inline uint64_t counter_read(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void counter_add(_Atomic uint64_t *counter, uint64_t more) {
    atomic_store_explicit(counter, counter_read(counter) + more, memory_order_relaxed);
}

#endif
