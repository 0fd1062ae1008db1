/*
 * commands/research/replay/bad_lines.h - says which lines of a replay cannot be used, and which is
 * the first.
 *
 * Lines are bad in two ways: the reading thread cannot make a record of them, or a lane cannot make
 * a message of the record. Both tell it here.
 */
#ifndef TAKE5_COMMANDS_RESEARCH_REPLAY_BAD_LINES_H
#define TAKE5_COMMANDS_RESEARCH_REPLAY_BAD_LINES_H

#include "base/sync/locks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

LOCK_CLASS(bad_lines_lock);
struct bad_lines {
    pthread_mutex_t lock; /* guards all */
    uint64_t most;        /* how many are printed; the rest is counted */
    uint64_t printed GUARDED_BY(bad_lines_lock);
    uint64_t suppressed GUARDED_BY(bad_lines_lock);
    bool has_first GUARDED_BY(bad_lines_lock);
    /* The lowest place in the input of a record that is bad. */
    uint64_t first GUARDED_BY(bad_lines_lock);
    char text[512] GUARDED_BY(bad_lines_lock); /* about it */
};

void bad_lines_init(struct bad_lines *lines, uint64_t most);
void bad_lines_release(struct bad_lines *lines);

/* "take5: FILE:LINE: TEXT" on stderr. Any thread. */
void bad_lines_report(struct bad_lines *lines, const char *file, uint64_t line, const char *text);
/* Remembers it instead of saying it, if no lower one is known; true if so. Any thread. */
bool bad_lines_note_first(struct bad_lines *lines, uint64_t place, const char *file, uint64_t line,
                          const char *text);
/* Whether the first one is known to lie below `done`. */
bool bad_lines_has_first_below(struct bad_lines *lines, uint64_t done);
/* Prints what was noted, and how many were not printed. */
void bad_lines_end(struct bad_lines *lines);

#endif
