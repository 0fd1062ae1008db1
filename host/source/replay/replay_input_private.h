/*
 * source/replay/replay_input_private.h - what the sources of recorded input share: files, and how
 * records are made of their lines.
 *
 *   replay_lines.c  lines to records, filters
 *   replay_input.c  files merged by event time
 *   replay_order.c  records in the order of a journal (replay_order_private.h)
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_INPUT_PRIVATE_H
#define TAKE5_SOURCE_REPLAY_REPLAY_INPUT_PRIVATE_H

#include "source/replay/replay_input.h"

#include "message/decode.h"
#include "message/projection.h"
#include "message/symbols.h"

#define MAX_FOREIGN 16 /* topics that are named in the log */
#define NO_TIME_NS  INT64_MIN

struct file_order;

/* One file, and the record that it offers next. */
struct input_file {
    struct recording_reader *reader;
    struct file_input_record head;
    bool has_head, is_at_end;
    bool has_offset; /* the head's was recorded */
    bool is_wanted;  /* the head passes the filters */
    int64_t time_ns; /* of the line before */
};

struct file_input {
    struct input_file *files;
    uint32_t file_count;
    const struct config *config;
    struct log *log;
    struct file_parts *parts;
    int64_t from_ns, until_ns;
    int64_t history_ns; /* so much before from_ns is history */
    bool has_topic;     /* lines without a topic belong to `topic` */
    uint32_t topic;
    struct symbols *symbols; /* wanted ones; NULL: all */
    bool *is_met;            /* by their ids */
    uint32_t unmet_count;
    /* For what only the decoder knows; NULL when nothing of it is wanted. */
    void (*message)(void *context, const t5_message *message); /* as in the options */
    void *message_context;
    struct projection *projection;
    struct decoder *decoder;
    char *foreign[MAX_FOREIGN];
    uint32_t foreign_count;
    bool did_warn_order;
    uint64_t filtered, foreign_lines; /* the second are among the first */
    struct file_order *order;         /* of a journal; NULL: by event time */
};

/* ---- replay_lines.c ---- */

/* The topic of that name, or of that role. */
bool file_input_topic(const struct config *config, const char *name, size_t size, uint32_t *topic);
/* How the files are read. */
void file_input_reading(const struct file_input *input, const struct file_input_setup *setup,
                        struct recording_options *options);
/* Reads on until the file offers a record, or has none any more. */
enum recording_result file_input_fill(struct file_input *input, struct input_file *file,
                                      struct error *error);

/* ---- replay_order.c ---- */

/* Opens the journal, and looks at the files. */
bool file_order_open(struct file_input *input, const struct file_input_setup *setup,
                     struct error *error);
/* NULL is allowed. */
void file_order_close(struct file_order *order, uint32_t topic_count);
enum recording_result file_order_next(struct file_input *input, struct file_input_record *record,
                                      struct error *error);
/* All but `filtered` and `records`. Lines and bytes count once, however often they are read. */
void file_order_progress(const struct file_order *order, struct file_source_progress *progress);
const char *file_order_path(const struct file_order *order, uint32_t path);

#endif
