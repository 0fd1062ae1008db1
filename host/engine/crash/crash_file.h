/*
 * engine/crash/crash_file.h - STATE_DIR/crash: a file for each process that ended by a strategy, or
 * with one under way. A block of "key = value" lines for each of those (crash_text.h).
 */
#ifndef TAKE5_ENGINE_CRASH_CRASH_FILE_H
#define TAKE5_ENGINE_CRASH_CRASH_FILE_H

#include "base/error.h"
#include "engine/crash/call_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crash_record {
    char deployment[128];
    char hash[33];   /* of the generation's file */
    char what[32];   /* crash_what_name() */
    bool is_certain; /* else it was under way when the process ended, and may be innocent */
    char callback[24];
    char topic[256]; /* "none": no message */
    int64_t partition, offset;
    int64_t time_ns, process;
    char at[LOCATE_PLACE]; /* function and line in the strategy; empty: not known */
};

/* Files what an earlier process left under way; `now_ns` is the time of those that have none.
 * False: not all of it. */
bool crash_file_former(const char *state_dir, const struct call_table_former *former,
                       int64_t now_ns, struct error *error);

/* The crashes of the last `within_ns` that name a deployment and were not forgiven, oldest first,
 * in a list to free(); NULL for none. What is no crash file of this service's is passed by. False:
 * out of memory or descriptors, and nobody knows who crashed. */
bool crash_recent(const char *state_dir, int64_t within_ns, struct crash_record **records,
                  size_t *count, struct error *error);

/* What one file says, in its order, of crashes that name a deployment; whoever's file it is, so
 * that a copy can be read elsewhere. A list to free(). False with an error: it cannot be read, or
 * says of none. */
bool crash_read(const char *path, struct crash_record **records, size_t *count,
                struct error *error);

/* How `record` reads: "SIGSEGV in on_message at bars/0/3, in average (alpha.c:42)". NULL: out of
 * memory. */
char *crash_describe(const struct crash_record *record);

/* An operator has let the deployment go on: its crashes until now count no longer. */
bool crash_forgive(const char *state_dir, const char *deployment, struct error *error);

#endif
