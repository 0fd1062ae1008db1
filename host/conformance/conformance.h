/*
 * conformance/conformance.h - does a strategy keep the promises of the ABI? For `take5 check X.so`.
 *
 * A number of cases, each in a separate process with a time limit, so that a crash or a hang
 * costs one case. What a case feeds is made from a seed: the same seed, strategy and settings give
 * the same run. cases.h has the list.
 */
#ifndef TAKE5_CONFORMANCE_CONFORMANCE_H
#define TAKE5_CONFORMANCE_CONFORMANCE_H

#include "base/faults.h"
#include "config/config.h"
#include "strategy/plugin/description.h"
#include "strategy/plugin/generation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the first case that crashes was fed. */
struct conformance_tape {
    const char *directory; /* of this check's alone (cases/case_tape.h) */
    char crashed[80];      /* that case; empty: none crashed, and there is nothing */
};

enum conformance_verdict { CONFORMANCE_OK = 1, CONFORMANCE_FAILED, CONFORMANCE_SKIPPED };

struct conformance_result {
    const char *name; /* such as "state/truncated" or "parameter/window" */
    enum conformance_verdict verdict;
    /* Errors: why it failed. Warnings: what else is worth knowing, and why it was skipped. */
    struct faults faults;
    int64_t took_ns;
};

struct conformance {
    const char *program;                        /* the executable to spawn; NULL: /proc/self/exe */
    const struct generation *generation;        /* copied, not opened */
    const struct config_deployment *deployment; /* its settings count, its filters do not */
    const struct config *config;                /* topics and limits */
    const struct strategy_file *file;           /* what it is a copy of; NULL: not known */
    uint64_t seed;
    char **symbols; /* of synthetic messages, NULL-terminated; NULL: script_symbols */
    /* The author's own messages, which most cases then feed; none: synthetic ones. */
    const struct record *records;
    size_t record_count;
    int64_t timeout_ns;            /* of each case */
    const char *only;              /* which cases, as a shell's pattern; NULL: all */
    struct conformance_tape *tape; /* filled; NULL: not wanted */
    /* Called for each case as it ends. Never NULL; the result lives until it returns. */
    void (*on_result)(void *context, const struct conformance_result *result);
    void *context;
};

struct conformance_counts {
    size_t ok, failed, skipped;
};

/* Runs the cases that apply, in their order. When the first one, which reads the descriptor, fails
 * there are no others. True when none failed and at least one ran. */
bool conformance_run(const struct conformance *conformance, struct conformance_counts *counts);

/* What the strategy says of itself, in a child, creating nothing; so parameters that have no
 * default need no value. NULL with faults. */
struct description *conformance_describe(const struct conformance *conformance,
                                         struct faults *faults);

/* The child's side: serves the case from the request on `input`, answers on `output`; gives the
 * exit code. `tape`: directory for a tape (cases/case_tape.h); NULL: none. */
int conformance_serve(int input, int output, const char *case_name, uint64_t seed,
                      const char *tape);

#endif
