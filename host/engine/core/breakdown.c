#include "engine/core/breakdown.h"

#include <stdarg.h>
#include <stdio.h>

void breakdown_init(struct breakdown *breakdown, struct log *log) {
    *breakdown = (struct breakdown){.log = log};
    pthread_mutex_init(&breakdown->lock, NULL);
}

void breakdown_release(struct breakdown *breakdown) {
    pthread_mutex_destroy(&breakdown->lock);
}

void breakdown_come(struct breakdown *breakdown, enum error_code code, const char *format, ...) {
    char text[ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    lock_acquire(&breakdown->lock, breakdown_lock);
    const bool is_first = breakdown->error.code == ERROR_NONE;
    if (is_first)
        error_set(&breakdown->error, code, "%s", text);
    lock_release(&breakdown->lock, breakdown_lock);
    atomic_store(&breakdown->has_come, true);
    if (is_first)
        log_event(breakdown->log, LOG_LEVEL_CRITICAL, "engine", "engine.failed",
                  "cannot continue, stopping; messages that are not done will be redelivered after "
                  "a restart: %s",
                  text);
}

bool breakdown_wait(struct breakdown *breakdown, struct patience *patience, const char *what) {
    if (breakdown == NULL || atomic_load(&breakdown->has_come))
        return false;
    const bool is_first = patience->since_ns == 0;
    if (!patience_wait(patience)) {
        breakdown_come(breakdown, ERROR_MEMORY, "out of memory for %s for %.1f s", what,
                       (double)PATIENCE_NS / 1e9);
        return false;
    }
    atomic_fetch_add_explicit(&breakdown->waits, 1, memory_order_relaxed);
    if (is_first)
        log_event(breakdown->log, LOG_LEVEL_WARNING, "engine", "memory.short",
                  "out of memory for %s; retrying", what);
    return true;
}

bool breakdown_has_come(struct breakdown *breakdown, struct error *error) {
    if (!atomic_load(&breakdown->has_come))
        return false;
    lock_acquire(&breakdown->lock, breakdown_lock);
    if (error != NULL)
        *error = breakdown->error;
    lock_release(&breakdown->lock, breakdown_lock);
    return true;
}
