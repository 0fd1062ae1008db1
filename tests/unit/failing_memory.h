/*
 * Lack of memory, made on purpose: the linker leads the allocations of this binary here. Counts
 * those of all threads.
 */
#ifndef TAKE5_TESTS_FAILING_MEMORY_H
#define TAKE5_TESTS_FAILING_MEMORY_H

#include <stdbool.h>

/* From now on the allocation number `nth` (from 0) fails, and all later ones. Negative: none. */
void memory_fail_from(long nth);

/* From now on the allocation number `nth` (from 0) fails, and no other. */
void memory_fail_once(long nth);

/* Ends it; whether an allocation failed. */
bool memory_end(void);

#endif
