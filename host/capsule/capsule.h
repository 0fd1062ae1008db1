/*
 * capsule/capsule.h - a crash of a strategy that can be done again: a directory with all that it
 * takes, for `take5 capsule`. It is the directory of a rerun (rerun/rerun.h), whose messages end
 * with the fatal one, and beside that
 *
 *   DIRECTORY/messages.jsonl  the messages, a recording (recording/line.h)
 *   DIRECTORY/crash           what the process reported when it ended, with the stack: a crash file
 *   DIRECTORY/capsule.json    {"form":1,"take5":"VERSION","files":{"NAME":"HASH",...}}: who made
 * it, and what lies there; written last
 *
 * It has nothing of a configuration but what decides what a strategy is handed: no connections, no
 * sinks, no secrets of these. The directory is 0700, its files 0600.
 *
 * One thread.
 */
#ifndef TAKE5_CAPSULE_CAPSULE_H
#define TAKE5_CAPSULE_CAPSULE_H

#include "base/error.h"
#include "engine/crash/crash_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- to make one ---- */

/* Makes an empty one; a directory that is there must be empty. */
bool capsule_make(const char *directory, struct error *error);
/* Copies a crash file into it. */
bool capsule_put_crash(const char *directory, const char *path, struct error *error);
/* Creates the file for messages again. -1 with an error. */
int capsule_open_messages(const char *directory, struct error *error);
/* Notes what lies there, which makes a capsule of it. */
bool capsule_seal(const char *directory, struct error *error);
/* Removes what was made of one that did not come to its end. */
void capsule_discard(const char *directory);

/* ---- to read one ---- */

struct capsule {
    const char *directory;     /* borrowed */
    char *messages;            /* path */
    struct crash_record crash; /* the one that it is of */
};

/* Looks at all that lies there. False with an error that names what is missing or damaged. Close it
 * in either case. */
bool capsule_open(struct capsule *capsule, const char *directory, struct error *error);
void capsule_close(struct capsule *capsule);

/* The crash that a crash file is about: of several the first that is certain. */
bool capsule_read_crash(const char *path, struct crash_record *crash, struct error *error);

#endif
