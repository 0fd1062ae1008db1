/*
 * base/sync/thread.h - threads that take no signals: the process's are for who waits for them.
 */
#ifndef TAKE5_BASE_SYNC_THREAD_H
#define TAKE5_BASE_SYNC_THREAD_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts one with every signal blocked. Not for what runs strategies: with SIGSEGV blocked the
 * crash handler does not come. The system shows the first 15 bytes of the name. */
bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument,
                  struct error *error);

/* Waits for its end, up to the time. */
bool thread_join_within(pthread_t thread, int64_t wait_ns);

#endif
