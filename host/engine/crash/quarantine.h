/*
 * engine/crash/quarantine.h - which deployments are not let in, because their code ended a process
 * lately.
 *
 * Who crashed, hung or called exit is accused at once. Who merely was in a call when a
 * process ended without a word (SIGKILL, out of memory, _exit) may be innocent: that accuses only
 * when it happens twice in the same callback with the same message.
 *
 * Control thread.
 */
#ifndef TAKE5_ENGINE_CRASH_QUARANTINE_H
#define TAKE5_ENGINE_CRASH_QUARANTINE_H

#include "base/error.h"
#include "strategy/plugin/strategy_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A deployment's file that is accused. */
struct accusation {
    char *deployment;
    char hash[33];
    char *why; /* "crashed (SIGSEGV in on_message at bars/0/3)" */
};

struct crash_record;

struct quarantine {
    struct accusation *items;
    size_t count;
    struct crash_record *records; /* all that were read, the accusing ones and the others */
    size_t record_count;
};

/* A deployment that is configured and not loaded for it. */
struct held {
    char *name;
    char strategy[64], version[32], hash[33];
    char *why;
};

/* From the crash files of the last `within_ns`. False: out of memory or descriptors; it is empty,
 * and nobody knows who would be in it. */
bool quarantine_read(struct quarantine *quarantine, const char *state_dir, int64_t within_ns,
                     struct error *error);
void quarantine_release(struct quarantine *quarantine);

/* Why this file may not run under that name; NULL: it may. */
const char *quarantine_why(const struct quarantine *quarantine, const char *deployment,
                           struct hash hash);
/* How many processes ended in a call of the deployment, as far as was read. Any thread. */
size_t quarantine_crashes(const struct quarantine *quarantine, const char *deployment);
void quarantine_lift(struct quarantine *quarantine, const char *deployment);

/* NULL when memory runs out. */
struct held *held_new(const char *deployment, const struct strategy_file *file, const char *why);
void held_free(struct held *held);

#endif
