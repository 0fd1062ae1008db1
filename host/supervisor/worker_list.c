/* The workers that there are, to add to and to search. */
#include "supervisor/private.h"

#include "base/array.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a worker may take beyond [take5] shutdown_timeout, which it keeps by itself. */
#define STOP_MORE_NS (5 * NS_PER_S)

void supervisor_wake(struct supervisor *supervisor) {
    const uint64_t one = 1;
    while (write(supervisor->wake, &one, sizeof one) < 0 && errno == EINTR) {}
}

struct worker *supervisor_find(const struct supervisor *supervisor, const char *name) {
    for (size_t i = 0; i < supervisor->count; i++)
        if (strcmp(supervisor->workers[i]->name, name) == 0)
            return supervisor->workers[i];
    return NULL;
}

bool supervisor_add(struct supervisor *supervisor, const char *name) {
    struct worker *worker = supervisor_find(supervisor, name);
    if (worker != NULL) { /* it was to go, and may still be ending */
        worker->is_wanted = worker->is_restarted = true;
        return true;
    }
    worker = worker_new(supervisor->config, name);
    if (worker == NULL || !ARRAY_RESIZE(supervisor->workers, supervisor->count + 1)) {
        worker_free(worker);
        return false;
    }
    supervisor->workers[supervisor->count++] = worker;
    return true;
}

void supervisor_limits(struct supervisor *supervisor) {
    const struct config *config = supervisor->config;
    const int64_t longest_ns =
        config->reload_timeout_ns > config->stuck_ns ? config->reload_timeout_ns : config->stuck_ns;
    /* A worker names by itself what hangs in it, and gives a reload up; we come after that. */
    supervisor->env.hang_ns = 2 * longest_ns;
    supervisor->env.stop_ns = config->shutdown_timeout_ns + STOP_MORE_NS;
}

void supervisor_limit_stop(struct supervisor *supervisor) {
    lock_acquire(&supervisor->lock, supervisor_lock);
    const int64_t limit_ns = supervisor->env.stop_ns + SUPERVISOR_MORE_NS;
    lock_release(&supervisor->lock, supervisor_lock);
    signals_on_stop(supervisor->options.signals, &supervisor->stop_calls, limit_ns);
}
