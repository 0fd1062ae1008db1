/*
 * commands/conformance_trial.h - the child's side of one case: the strategy under test, and what is
 * said about it.
 */
#ifndef TAKE5_COMMANDS_CONFORMANCE_TRIAL_H
#define TAKE5_COMMANDS_CONFORMANCE_TRIAL_H

#include "base/faults.h"
#include "base/log.h"
#include "base/text.h"
#include "source/market_random.h"
#include "strategy/instance.h"
#include "strategy/rehearsal_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* After so many faults a case has been shown to fail. */
#define TRIAL_MOST_FAULTS 5

struct trial {
    int output;
    struct text out;
    struct request request;
    struct generation *generation; /* in the request; opened */
    struct description *described; /* what the case found, for the parent; NULL: nothing */
    struct log *log;               /* of the host and the strategy, into a file in memory */
    int log_fd;
    int64_t load_ns; /* what the loading took */
    uint64_t seed;
    struct market_random random; /* seeded by seed and case */
    size_t fault_count;
    char last_fault[256]; /* its beginning */
    bool has_bad_code;    /* an answer that is none was found, which is said once */
    bool is_quiet;        /* steps are not said: for cycles without number */
    const char *where;    /* said behind each step; NULL: nothing */
};

/* Says what begins now: known to the parent should it crash or hang. */
void trial_step(struct trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A promise that is not kept: the case fails. It may go on, to find more; the same words are said
 * once. Gives false. */
bool trial_fail(struct trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Worth knowing, no failure. */
void trial_note(struct trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether enough was found. */
bool trial_is_lost(const struct trial *trial);

/* The last line of the log, without time and level; empty when there is none. `text` is
 * initialised. */
void trial_last_log(const struct trial *trial, struct text *text);

/* ---- the strategy with its settings ---- */

struct setup {
    struct config_deployment deployment; /* borrowed, but for the list of settings */
    struct description *description;
    struct parameters parameters;
    struct blueprint blueprint;
};

/* Settles the deployment's settings, with `value` for the parameter `name` unless that is NULL. On
 * false `faults` say what is wrong with the settings. Release in either case. */
bool setup_init(struct setup *setup, struct trial *trial, const char *name, const char *value,
                struct faults *faults);
void setup_release(struct setup *setup);
/* With the settings as they are, which the first case found good. Its faults are the trial's. */
bool setup_plain(struct setup *setup, struct trial *trial);

#endif
