/*
 * source/replay/replay_input.h - recorded files as one stream of records: opened, merged, mapped to
 * the configured topics, numbered, filtered. One thread at a time.
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_INPUT_H
#define TAKE5_SOURCE_REPLAY_REPLAY_INPUT_H

#include "config/config.h"
#include "log/log.h"
#include "message/record.h"
#include "recording/reader.h"
#include "source/replay/replay_options.h"
#include "source/replay/replay_parts.h"

struct file_input;

struct file_input_record {
    struct record record;          /* without a handle */
    struct recording_block *block; /* borrowed: until the next call */
    uint32_t file;
    uint64_t line;
    int64_t event_time_ns; /* INT64_MIN: not known, or not wanted by the options */
    int64_t ahead_ns;      /* how long before options' from_ns: history; 0: it is not */
    bool is_spread;        /* its partition was chosen, not recorded */
};

/* What it is given must outlive it. `before_read` as in struct recording_options. */
struct file_input_setup {
    const struct file_source_options *options;
    const struct config *config;
    struct log *log;
    struct recording_pool *pool;
    struct file_parts *parts; /* offsets are numbered there */
    bool (*before_read)(void *context, int fd);
    void *context;
};

struct file_input *file_input_new(const struct file_input_setup *setup, struct error *error);
/* Before the first is taken: how much before the options' from_ns is given as history. */
void file_input_set_history(struct file_input *input, int64_t history_ns);
/* NULL is allowed. */
void file_input_free(struct file_input *input);

enum recording_result file_input_next(struct file_input *input, struct file_input_record *record,
                                      struct error *error);

/* All but `records`, which is the caller's. */
void file_input_progress(const struct file_input *input, struct file_source_progress *progress);
/* The path as it was given. Any thread. */
const char *file_input_path(const struct file_input *input, uint32_t file);

#endif
