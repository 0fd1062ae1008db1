/*
 * strategy/rehearsal/rehearsal_data.h - what goes into a rehearsal (rehearsal.h), and what comes
 * out.
 */
#ifndef TAKE5_STRATEGY_REHEARSAL_REHEARSAL_DATA_H
#define TAKE5_STRATEGY_REHEARSAL_REHEARSAL_DATA_H

#include "config/config.h"
#include "message/record.h"
#include "strategy/instance/state.h"
#include "strategy/plugin/description.h"
#include "strategy/plugin/generation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rehearsal_part {
    int32_t partition;
    const struct state *state; /* NULL: none */
};

struct rehearsal {
    const char *program;                        /* the executable to spawn; NULL: /proc/self/exe */
    const struct generation *generation;        /* copied, not necessarily opened */
    const struct config_deployment *deployment; /* NULL: defaults */
    const struct config *config;                /* topics and limits */
    const struct rehearsal_part *parts;
    size_t part_count;
    const struct record *records; /* real ones, oldest first; `handle` is ignored */
    size_t record_count;
    int64_t timeout_ns;                 /* for all of it */
    bool (*should_stop)(void *context); /* asked now and then: true gives it up. May be NULL. */
    void *context;
};

/* What the child found, when it ended well. */
struct rehearsal_answer {
    struct description *description; /* as described for these settings; caller frees */
    unsigned changes; /* of thread and process, put back: a set of enum guard_change */
    uint64_t messages, errors, signals;
    bool is_oom; /* it was not understood for lack of memory */
};

#endif
