/*
 * base/sync/condition.h - conditions that are waited for by the monotonic clock. Any thread.
 */
#ifndef TAKE5_BASE_SYNC_CONDITION_H
#define TAKE5_BASE_SYNC_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* pthread_cond_destroy() ends it. */
void condition_init(pthread_cond_t *condition);

/* Waits for a signal (or, as conditions do, for nothing) until `until_ns` of clock_monotonic_ns(),
 * with the mutex held. False: the time is over. */
bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until_ns);

/* When a span from now ends, for condition_wait(); INT64_MAX: never. */
int64_t condition_deadline_ns(int64_t span_ns);

#endif
