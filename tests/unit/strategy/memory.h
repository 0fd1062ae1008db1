/*
 * Lack of memory, made on purpose: the linker leads the allocations of this binary here.
 */
#ifndef TAKE5_TESTS_STRATEGY_MEMORY_H
#define TAKE5_TESTS_STRATEGY_MEMORY_H

#include <stdbool.h>

/* From now on the allocation number `nth` (from 0) fails, and all later ones. Negative: none. */
void memory_fail_from(long nth);

/* Ends it; whether an allocation failed. */
bool memory_end(void);

#endif
