/*
 * engine/core/breakdown.h - what the engine cannot continue after.
 *
 * No signal, dead letter, delivery of a message to a strategy, or partition may be left out because
 * memory was short for a moment. Code that has to make one retries for a while
 * (base/sync/patience.h). If that does not help, the engine breaks down: lanes take no more
 * messages, no offset moves past the current message, no state is saved, and engine_poll() ends
 * with the cause. What was not done is done again after a restart.
 *
 * Any thread.
 */
#ifndef TAKE5_ENGINE_CORE_BREAKDOWN_H
#define TAKE5_ENGINE_CORE_BREAKDOWN_H

#include "base/error.h"
#include "base/sync/locks.h"
#include "base/sync/patience.h"
#include "log/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

LOCK_CLASS(breakdown_lock);
struct breakdown {
    struct log *log;
    _Atomic bool has_come;
    _Atomic uint64_t waits;                        /* for memory, since the start */
    pthread_mutex_t lock;                          /* guards `error` */
    struct error error GUARDED_BY(breakdown_lock); /* the first cause */
};

void breakdown_init(struct breakdown *breakdown, struct log *log);
void breakdown_release(struct breakdown *breakdown);

/* Ends the engine. The first cause is kept, and logged. */
void breakdown_come(struct breakdown *breakdown, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Before another attempt at something for which memory was short: waits, and logs that the first
 * time. False: no more attempts, the engine has broken down. `breakdown` NULL: false at once. */
bool breakdown_wait(struct breakdown *breakdown, struct patience *patience, const char *what);

/* Whether it has come; `error` (may be NULL) gets the cause. */
bool breakdown_has_come(struct breakdown *breakdown, struct error *error);

#endif
