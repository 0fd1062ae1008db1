/*
 * dlq/ledger.h - what was redriven already: a file with a line a dead letter and target, and
 * the same as a set in memory.
 *
 * One redrive a file at a time (a lock on the file), else two would send the same.
 */
#ifndef TAKE5_DLQ_LEDGER_H
#define TAKE5_DLQ_LEDGER_H

#include "base/error.h"
#include "base/table.h"
#include "base/text.h"
#include "dlq/dead_letters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line, by its hash. */
struct dlq_ledger_entry {
    uint64_t hash;
    UT_hash_handle hh;
};

struct dlq_ledger {
    const char *path;
    int file; /* -1: there is none (a dry run before the first redrive) */
    struct dlq_ledger_entry *entries;
    uint64_t seed; /* of the hashes */
};

/* Reads what is there; makes it unless it is a dry run, which writes nothing. A line that a crash
 * cut short is ended, and counts as none. Close it also after a failure. */
bool dlq_ledger_open(struct dlq_ledger *ledger, const char *path, bool is_dry_run,
                     struct error *error);
void dlq_ledger_close(struct dlq_ledger *ledger);

/* "TOPIC/PARTITION/OFFSET into NAME", or "... through NAME". */
void dlq_ledger_line(struct text *line, const struct dead_letter *dead_letter, const char *how,
                     const char *target);
bool dlq_ledger_has(const struct dlq_ledger *ledger, const struct text *line);
/* In memory. False: no memory. */
bool dlq_ledger_add(struct dlq_ledger *ledger, const struct text *line);
/* Onto the disk: lines, each with its end. */
bool dlq_ledger_write(const struct dlq_ledger *ledger, const struct text *lines,
                      struct error *error);

#endif
