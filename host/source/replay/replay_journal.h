/*
 * source/replay/replay_journal.h - reads a journal: the order in which a live host delivered
 * messages, as engine/lane/journal.h writes it. Streams: holds one line.
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_JOURNAL_H
#define TAKE5_SOURCE_REPLAY_REPLAY_JOURNAL_H

#include "base/error.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_journal;

/* A (topic, partition number) that occurs. */
struct file_journal_part {
    uint32_t topic; /* index into the configuration's topics */
    int32_t partition;
};

/* Offsets from `first` on, one after the other. */
struct file_journal_run {
    size_t part; /* index into the parts */
    int64_t first;
    int64_t count;
};

/* Opens it and reads it through once, for its parts. NULL with an error that names file and line.
 */
struct file_journal *file_journal_open(const char *path, const struct config *config,
                                       struct error *error);
/* NULL is allowed. */
void file_journal_close(struct file_journal *journal);

const struct file_journal_part *file_journal_parts(const struct file_journal *journal,
                                                   size_t *count);

/* The next run; `count` 0 at the end. False with an error. */
bool file_journal_next(struct file_journal *journal, struct file_journal_run *run,
                       struct error *error);

#endif
