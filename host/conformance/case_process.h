/*
 * conformance/case_process.h - one case in a separate process.
 */
#ifndef TAKE5_CONFORMANCE_CASE_PROCESS_H
#define TAKE5_CONFORMANCE_CASE_PROCESS_H

#include "base/faults.h"
#include "base/text.h"
#include "strategy/plugin/description.h"

#include <stdbool.h>
#include <stdint.h>

/* How the child is called: conformance_serve(). */
#define CONFORMANCE_COMMAND "conformance"

struct conformance_call {
    const char *program;   /* NULL: /proc/self/exe */
    const char *case_name; /* in full */
    uint64_t seed;
    const struct text *request; /* request_encode()'s */
    int64_t timeout_ns;
    char **environment; /* NULL: this process's */
    const char *tape;   /* directory for what it feeds (cases/case_tape.h); NULL: not wanted */
    bool *did_crash; /* set when it ended before its end, by a signal or an exit; NULL: not asked */
    struct place place; /* of faults that are the parent's words; file NULL: none */
};

/*
 * Runs it and waits for its end. True when it ended well; else faults say why: what it found, or
 * what it was doing when it crashed or hung. Warnings come in either case. `description` may be
 * NULL; else it is what the child sent, NULL when it sent none. Processes that the child left
 * behind are ended.
 */
bool conformance_process_run(const struct conformance_call *call, struct description **description,
                             struct faults *faults);

#endif
