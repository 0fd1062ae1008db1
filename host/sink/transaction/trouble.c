/*
 * Whether transactions succeed, for status and log; and waiting while they do not.
 */
#include "base/clock.h"
#include "base/sync/condition.h"
#include "sink/transaction/transactor_private.h"

#include <stdio.h>
#include <string.h>

/* ---- waiting ---- */

bool transactor_must_stop(struct transactor *self) {
    lock_acquire(&self->mutex, transactor_lock);
    const bool must =
        self->is_abandoned ||
        (self->is_stopping && (self->first == NULL || clock_monotonic_ns() >= self->stop_ns));
    lock_release(&self->mutex, transactor_lock);
    return must;
}

void transactor_rest(struct transactor *self, int64_t for_ns) {
    int64_t until_ns = clock_monotonic_ns() + for_ns;
    lock_acquire(&self->mutex, transactor_lock);
    for (;;) {
        if (self->is_stopping && self->stop_ns < until_ns)
            until_ns = self->stop_ns;
        if (clock_monotonic_ns() >= until_ns)
            break;
        (void)condition_wait(&self->work, &self->mutex, until_ns);
    }
    lock_release(&self->mutex, transactor_lock);
}

/* ---- trouble ---- */

void transactor_set_trouble(struct transactor *self, rd_kafka_resp_err_t code, const char *text) {
    self->code = code;
    snprintf(self->trouble, sizeof self->trouble, "%s", text);
}

void transactor_failing(struct transactor *self) {
    lock_acquire(&self->mutex, transactor_lock);
    const bool is_new = self->is_ok && !self->is_abandoned;
    self->is_ok = false;
    memcpy(self->detail, self->trouble, sizeof self->detail);
    lock_release(&self->mutex, transactor_lock);
    if (is_new)
        log_change_event(self->log, LOG_LEVEL_WARNING, "sink", "transaction.failing",
                         "transactions of %s: not committed: %s; signals and offsets wait; "
                         "retrying",
                         self->id, self->trouble);
}

void transactor_recovered(struct transactor *self) {
    lock_acquire(&self->mutex, transactor_lock);
    const bool is_new = !self->is_ok && !self->is_abandoned;
    self->is_ok = true;
    self->detail[0] = '\0';
    lock_release(&self->mutex, transactor_lock);
    self->trouble[0] = '\0';
    if (is_new)
        log_change_event(self->log, LOG_LEVEL_INFO, "sink", "transaction.recovered",
                         "transactions of %s: committed again, nothing lost", self->id);
}
