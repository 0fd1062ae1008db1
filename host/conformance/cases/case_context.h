/*
 * conformance/cases/case_context.h - the child's side of one case: the strategy under test, and
 * what is reported about it.
 */
#ifndef TAKE5_CONFORMANCE_CASES_CASE_CONTEXT_H
#define TAKE5_CONFORMANCE_CASES_CASE_CONTEXT_H

#include "base/faults.h"
#include "base/text.h"
#include "conformance/cases/case_tape.h"
#include "conformance/script/messages_script.h"
#include "log/log.h"
#include "strategy/instance/instance.h"
#include "strategy/rehearsal/protocol.h"
#include "synth/market_random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* After so many faults a case has been shown to fail. */
#define CASE_MOST_FAULTS 5

struct case_context {
    int output;
    struct text out;
    struct request request;
    struct script_recording recording; /* of the request; count 0: none */
    struct generation *generation;     /* in the request; opened */
    struct case_tape tape;             /* for the parent, when it wants one */
    struct description *described;     /* what the case found, for the parent; NULL: nothing */
    struct log *log;                   /* of the host and the strategy, into a file in memory */
    int log_fd;
    int64_t load_ns;         /* what the loading took */
    size_t libraries_before; /* objects that were loaded before the strategy was */
    uint64_t seed;
    struct market_random random; /* seeded by seed and case */
    size_t fault_count;
    char last_fault[256]; /* its beginning */
    bool has_bad_code;    /* an invalid answer was found, which is reported once */
    unsigned changes;     /* that an instance made where it must not: enum guard_change */
    bool is_quiet;        /* steps are not reported: for cycles without number */
    const char *where;    /* appended to each step; NULL: nothing */
};

/* Reports what begins now: known to the parent should it crash or hang. */
void case_step(struct case_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A promise that is not kept: the case fails. It may go on, to find more; the same words are
 * reported once. Gives false. */
bool case_fail(struct case_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Worth knowing, no failure. */
void case_note(struct case_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether enough was found. */
bool case_is_lost(const struct case_context *context);

/* The last line of the log, without time, level and event; empty when there is none. `text` is
 * initialised. */
void case_last_log(const struct case_context *context, struct text *text);

/* ---- the strategy with its settings ---- */

struct setup {
    struct config_deployment deployment; /* borrowed, but for the list of settings */
    struct description *description;
    struct parameters parameters;
    struct instance_spec spec;
};

/* Settles the deployment's settings, with `value` for the parameter `name` unless that is NULL. On
 * false `faults` say what is wrong with the settings. Release in either case. */
bool setup_init(struct setup *setup, struct case_context *context, const char *name,
                const char *value, struct faults *faults);
void setup_release(struct setup *setup);
/* With the settings as they are, which the first case found good. Its faults are the context's. */
bool setup_plain(struct setup *setup, struct case_context *context);

#endif
