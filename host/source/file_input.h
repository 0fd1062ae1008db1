/*
 * source/file_input.h - recorded files as one stream of records: opened, merged, mapped to the
 * configured topics, numbered, filtered. One thread at a time.
 */
#ifndef TAKE5_SOURCE_FILE_INPUT_H
#define TAKE5_SOURCE_FILE_INPUT_H

#include "source/file.h"
#include "source/file_parts.h"
#include "source/recording.h"

struct file_input;

struct file_input_record {
    struct record record;          /* without a handle */
    struct recording_block *block; /* borrowed: until the next call */
    uint32_t file;
    uint64_t line;
    int64_t event_time_ns; /* INT64_MIN: not known, or not wanted by the options */
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
/* NULL is allowed. */
void file_input_free(struct file_input *input);

enum recording_result file_input_next(struct file_input *input, struct file_input_record *record,
                                      struct error *error);

/* All but `records`, which is the caller's. */
void file_input_progress(const struct file_input *input, struct file_source_progress *progress);
/* The path as it was given. Any thread. */
const char *file_input_path(const struct file_input *input, uint32_t file);

#endif
