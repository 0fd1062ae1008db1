/*
 * supervisor/restarts.h - when a process that died is begun again.
 *
 * At once, then after 0.1 s, 0.2 s, 0.4 s and so on up to RESTARTS_MAX_NS; a process that has run
 * for RESTARTS_QUIET_NS begins at once again. A death whose culprit is known costs no more than
 * that: whoever it was is held back by the next start. RESTARTS_UNEXPLAINED others within
 * RESTARTS_WITHIN_NS are a fault of the process itself, and it stays down.
 */
#ifndef TAKE5_SUPERVISOR_RESTARTS_H
#define TAKE5_SUPERVISOR_RESTARTS_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESTARTS_FIRST_NS    (100 * NS_PER_MS)
#define RESTARTS_MAX_NS      (60 * NS_PER_S)
#define RESTARTS_QUIET_NS    (60 * NS_PER_S)
#define RESTARTS_WITHIN_NS   (600 * NS_PER_S)
#define RESTARTS_UNEXPLAINED 5
#define RESTARTS_NEVER       INT64_C(-1)

/* A zeroed one is ready. */
struct restarts {
    int64_t delay_ns;                             /* of the next one */
    int64_t unexplained_ns[RESTARTS_UNEXPLAINED]; /* when they died, oldest first */
    size_t unexplained;
};

/* One died at `now_ns` after `ran_ns`. Gives the time until the next begins, or RESTARTS_NEVER. */
int64_t restarts_note(struct restarts *restarts, int64_t now_ns, int64_t ran_ns, bool is_explained);

#endif
