/*
 * ops/metrics/dead_letter_backlog.h - how many messages of the dead-letter file wait for a redrive.
 *
 * Follows that file and the record of redriven dead letters beside it (PATH.redriven,
 * dlq/ledger.h) from look to look, reading only what was added. A message counts once, however
 * often it was written, until it was redriven anywhere. A file that was rotated or cut is counted
 * from 0: what waits in the old one is not counted any more.
 *
 * One thread.
 */
#ifndef TAKE5_OPS_METRICS_DEAD_LETTER_BACKLOG_H
#define TAKE5_OPS_METRICS_DEAD_LETTER_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

/* More are not distinguished: the backlog then stands at this number. */
#define DEAD_LETTER_BACKLOG_MAX 100000
/* What one look reads at most, so that nobody waits for it. */
#define DEAD_LETTER_LOOK_BYTES  ((int64_t)16 << 20)

struct dead_letter_backlog;

/* NULL when memory runs out. Reads nothing yet. */
struct dead_letter_backlog *dead_letter_backlog_new(const char *path);
/* NULL is allowed. */
void dead_letter_backlog_free(struct dead_letter_backlog *backlog);

/* False: not known. A file is not read to its end yet, or cannot be read. Without a file nothing
 * waits. */
bool dead_letter_backlog_look(struct dead_letter_backlog *backlog, uint64_t *waiting);

#endif
