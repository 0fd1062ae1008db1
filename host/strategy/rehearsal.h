/*
 * strategy/rehearsal.h - a try in a child process: a crash or a hang there rejects the file, not
 * the host.
 *
 * The child is a spawned copy of this program (`take5 rehearse`, not for people), since other
 * threads of this process may hold the loader's lock. It is given a request over a pipe, opens the
 * copy, checks the descriptor and parameters, creates an instance for each state it was given (or
 * one without), loads the state, feeds the messages, saves, destroys, and answers over a pipe.
 * Its signals and log go nowhere but into the answer. Mode CHECK is told to the strategy.
 */
#ifndef TAKE5_STRATEGY_REHEARSAL_H
#define TAKE5_STRATEGY_REHEARSAL_H

#include "base/error.h"
#include "base/faults.h"
#include "config/config.h"
#include "message/record.h"
#include "strategy/description.h"
#include "strategy/generation.h"
#include "strategy/state.h"

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
    int64_t timeout_ns; /* for all of it */
};

/* What the child found, when it ended well. */
struct rehearsal_answer {
    struct description *description; /* as described for these settings; caller frees */
    bool has_changed_fp;             /* it left the floating-point environment changed */
    uint64_t messages, errors, signals;
};

/*
 * Runs it: with one instance for each part, or, without parts, a fresh one for each partition
 * number of the records (at least one). False with faults: what a child that died was doing
 * ("crashed in create: SIGSEGV"), what a slow one was stuck in, or what the strategy said when it
 * refused ("load refused: ..."). The child is always reaped.
 */
bool rehearsal_run(const struct rehearsal *rehearsal, struct rehearsal_answer *answer,
                   struct faults *faults);

/* How the child is called, and where it finds its ends. Everything else that the parent had open is
 * closed in it; what it prints is kept for the fault. */
#define REHEARSAL_COMMAND "rehearse"
#define REHEARSAL_INPUT   0
#define REHEARSAL_OUTPUT  3

/* The child's side: serves one request from `input`, answers on `output`; gives the exit code. */
int rehearsal_serve(int input, int output);

#endif
