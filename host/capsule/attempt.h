/*
 * capsule/attempt.h - reproduces a capsule's crash: in a child, which reports how it ended, or
 * under a debugger. Each time it is `take5 replay --rerun DIRECTORY` over the capsule's messages,
 * in a temporary directory.
 *
 * One thread.
 */
#ifndef TAKE5_CAPSULE_ATTEMPT_H
#define TAKE5_CAPSULE_ATTEMPT_H

#include "base/error.h"
#include "base/text.h"
#include "capsule/capsule.h"
#include "os/child.h"

#include <stdbool.h>
#include <stdint.h>

struct attempt {
    bool has_crash; /* it left a crash file */
    struct crash_record crash;
    enum child_outcome outcome; /* how the process ended, and its code or signal */
    int code;
    char words[256]; /* the last line that it printed; empty: none */
};

/* Runs the directory of a capsule, which need not be sealed; its crash file is copied into it with
 * `keeps_crash`. Nothing of this process's ends with it, and it leaves no core. False: it could not
 * be begun. */
bool attempt_run(const char *directory, int64_t timeout_ns, bool keeps_crash,
                 struct attempt *attempt, struct error *error);
/* Whether that was the crash: the same end in the same callback at the same message, and at the
 * same line, as far as both name it. A process that ended without a trace ends so again; a callback
 * that hung hangs again until the replay's watchdog (stuck_ms) ends it. */
bool attempt_is_same(const struct attempt *attempt, const struct crash_record *crash);
/* "SIGSEGV in on_message at bars/0/3, in average (alpha.c:42)", or how it ended otherwise. */
void attempt_describe(const struct attempt *attempt, int64_t timeout_ns, struct text *text);

/* In the place of this process, stopped by SIGSTOP before the fatal message. Returns when that
 * failed. */
void attempt_halt(const struct capsule *capsule, struct error *error);
/* Under gdb, at this terminal, stopped before the fatal message; `arguments` (NULL at the end) are
 * options of gdb's that come then. Gives its exit code; -1 with an error. */
int attempt_debug(const struct capsule *capsule, char *const *arguments, struct error *error);

#endif
