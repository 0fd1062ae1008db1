/*
 * source/replay/replay_order_private.h - recorded input in the order of a journal, as
 * replay_order.c and replay_order_lines.c see it.
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_ORDER_PRIVATE_H
#define TAKE5_SOURCE_REPLAY_REPLAY_ORDER_PRIVATE_H

#include "source/replay/replay_input_private.h"
#include "source/replay/replay_journal.h"

#define NO_PART UINT32_MAX

/* A position in the files, all paths one after the other. */
struct spot {
    uint32_t path;
    uint64_t at;    /* byte of that file */
    uint64_t lines; /* of that file before it */
};

struct waiting {
    struct file_input_record record; /* with a reference to its block */
    bool is_wanted;
    struct spot from;       /* where a reader must begin to meet it again */
    uint64_t begin, end;    /* the same place, and the end of its line, over all paths */
    int64_t time_before_ns; /* the part's before it */
};

struct part {
    struct file_journal_part of;
    uint32_t reader;
    struct waiting *queue; /* a ring */
    size_t first, count, capacity;
    uint64_t passed; /* lines that end up to here were taken */
    int64_t time_ns; /* of the line before */
};

struct order_reader {
    struct input_file file;
    struct file_input *input; /* for bad lines */
    uint32_t path;
    uint32_t part; /* of the current line */
    uint64_t looked_at;
    bool is_used, is_at_end;
};

struct file_order {
    struct file_journal *journal;
    struct file_journal_run run; /* what is left of the current one */
    bool did_end;
    uint64_t missing, found; /* of the journal: not in the files, and there */
    struct recording_options reading;

    char **paths;
    uint64_t *base;       /* by path: bytes of those before it; known once a reader is there */
    uint64_t *lines_base; /* lines, likewise */
    uint32_t path_count, known_paths;
    int64_t bytes_total;
    uint64_t *size_base; /* by path: sizes of the files before it, as far as they are known */

    struct part *parts;
    size_t part_count;
    uint32_t **by_topic; /* [topic][partition]: index of the part, or NO_PART */
    int32_t partition_bound;
    struct order_reader *readers; /* as many as parts, at most */
    size_t waiting;
    struct recording_block *current_call; /* of the record that was given last */

    /* How far the foremost reader came. Bad lines are reported by the first reader that meets them.
     */
    uint64_t furthest, lines, bad_lines;
    uint64_t bytes; /* of the files, packed or not, up to there */
};

/* Whether a reader was at that line before. */
bool file_order_has_met(const struct file_input *input, const struct input_file *file,
                        const struct recording_entry *entry);
/* Whether the reader of that file is to give this line. */
bool file_order_takes(struct file_input *input, struct input_file *file,
                      const struct recording_entry *entry, uint32_t topic);

#endif
