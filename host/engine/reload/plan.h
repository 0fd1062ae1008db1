/*
 * engine/reload/plan.h - from configuration and drop directory to the next deployment_set.
 *
 *   plan_list   for each deployment that is wanted: find its file, compare it with what runs
 *   states      of those that will be rehearsed are given to the plan, by the code that has them
 *               (states.h)
 *   plan_build  what changed is copied, rehearsed in a child, opened
 *
 * Nothing that runs is touched. What cannot be had is `rejected` with the reason, and what ran
 * under that name goes on.
 *
 * Control thread only.
 */
#ifndef TAKE5_ENGINE_RELOAD_PLAN_H
#define TAKE5_ENGINE_RELOAD_PLAN_H

#include "base/error.h"
#include "config/config.h"
#include "engine/core/deployment.h"
#include "engine/core/report.h"
#include "engine/crash/quarantine.h"
#include "log/log.h"
#include "message/record.h"
#include "strategy/instance/state.h"
#include "strategy/plugin/generation.h"
#include "strategy/plugin/strategy_file.h"
#include "strategy/rehearsal/rehearsal.h"

#include <stdbool.h>
#include <stddef.h>

/* The states of one deployment: of its instances as they are now, or as they lie on disk. */
struct plan_states {
    struct state *items; /* by partition of the engine; empty where there is none. The plan's */
    size_t count;
    struct rehearsal_part *parts; /* the instances that there are. The plan's */
    size_t part_count;
    bool has_failed;    /* they could not be had: */
    struct error error; /* why */
};

struct plan_item {
    char *name;
    struct deployment *running; /* borrowed from the running deployment_set; NULL: none */
    struct deployment *next;    /* a reference: what shall run; NULL: nothing */
    enum outcome outcome;       /* so far: applying it may reject what is new */
    char *detail;               /* of the outcome, for the report; NULL: memory was short */
    bool is_filter_change;      /* KEPT, but with other filters: `next` is another object */
    struct held *held;          /* QUARANTINED: for the status; or NULL */
    bool needs_process; /* REPLACED, but what runs continues until the process is restarted */
    bool was_held;      /* LOADED out of quarantine: its state on disk is still to be taken up */
    bool needs_states;  /* its rehearsal begins with the states that there are */
    /* A shadow that is new: the original, whose states it begins with. NULL: it has its own. */
    const char *states_of;
    char *why_cold;            /* they do not fit it, and it begins without; NULL: they do */
    struct plan_states states; /* given between plan_list and plan_build, if it needs them */
    /* The plan's own, until plan_build has ended: what it is built from. */
    bool is_to_build;
    const char *plugin;
    const struct config_deployment *section; /* NULL: a file without one, by defaults */
    const struct strategy_file *file;        /* NULL: none that may be used */
    struct deployment *rebuilt;              /* over the file that runs; NULL: over `file` */
};

struct plan {
    struct plan_item *items; /* in order of their names */
    size_t count;
    bool is_oom; /* something was rejected for lack of memory alone */
    /* The plan's own: what lies in the drop directory, and what of it is refused. */
    struct catalog catalog;
    struct faults refused;
};

struct plan_request {
    const struct config *config;
    const struct topics *topics;
    const struct deployment_set *running; /* empty or NULL: nothing runs yet */
    struct generations *generations;
    struct log *log;
    const char *program; /* for rehearsals; NULL: /proc/self/exe */
    bool does_rehearse;
    bool does_renew;           /* what did not change is REPLACED all the same */
    const char *last_good_dir; /* state directory with last good copies (last_good.h); NULL: none */
    const struct record *samples; /* for rehearsals */
    size_t sample_count;
    const struct quarantine *quarantine; /* who is not let in; NULL: nobody is held back */
    struct held *const *held; /* who was not let in so far; they need their states as well */
    size_t held_count;
    const char *only; /* the one deployment that is built; all others stay. NULL: all are */
    /* Whether to stop early. NULL: never. */
    bool (*should_stop)(void *context);
    void *context;
};

/* Fills `plan`; `report` gets files that belong to no deployment, and faults. False: the drop
 * directory itself cannot be used (a fault in the report); then nothing is in it. */
bool plan_list(const struct plan_request *request, struct plan *plan, struct report *report);
/* Settles all that is listed. The request is that of plan_list(). False: given up; then nothing is
 * in it. */
bool plan_build(const struct plan_request *request, struct plan *plan, struct report *report);
/* Sets an outcome; `detail` is taken over. */
void plan_settle(struct plan_item *item, enum outcome outcome, char *detail);
/* NULL: none of that name. */
const struct plan_item *plan_find(const struct plan *plan, const char *name);
/* A line for each outcome. Without `did_apply` nothing is new, and nothing is gone. */
void plan_report(const struct plan *plan, bool did_apply, struct report *report);
void plan_release(struct plan *plan);

#endif
