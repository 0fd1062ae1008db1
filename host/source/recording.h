/*
 * source/recording.h - reads a recorded file, line by line, without holding more than a few blocks
 * of it in memory.
 *
 * Input is read in blocks; what a line gives points into its block. A block lives as long as
 * somebody has a reference to it: the reader has one to the block it is working on. Blocks come
 * from a pool, which may serve several readers; references may be dropped by any thread.
 *
 * Empty lines are nothing. A line that cannot be used, or is longer than `max_line`, is counted,
 * told to `bad_line` and passed; or it ends the reading, if strict.
 */
#ifndef TAKE5_SOURCE_RECORDING_H
#define TAKE5_SOURCE_RECORDING_H

#include "base/error.h"
#include "source/recording_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recording_pool;
struct recording_block;
struct recording_reader;

/* NULL when memory runs out. */
struct recording_pool *recording_pool_new(void);
/* All blocks must have been dropped. NULL is allowed. */
void recording_pool_free(struct recording_pool *pool);
/* Bytes of all blocks that somebody has a reference to. Any thread. */
size_t recording_pool_held(struct recording_pool *pool);

/* One reference more, or less. Any thread that has one. */
void recording_block_take(struct recording_block *block);
void recording_block_drop(struct recording_block *block);

struct recording_options {
    struct recording_pool *pool;
    size_t max_line; /* bytes; 16 MiB when 0 */
    /* Where to begin, at the start of a line, and how many lines come before. Regular files only.
     */
    uint64_t begin_at, begin_lines;
    bool is_strict;
    /* `file` and `text` are valid during the call. May be NULL. */
    void (*bad_line)(void *context, const char *file, uint64_t line, const char *text);
    /* Called before input is read, which may block if `fd` is no regular file. False: stop reading.
     * May be NULL. */
    bool (*before_read)(void *context, int fd);
    void *bad_line_context, *before_read_context;
};

struct recording_entry {
    struct recording_line line;
    struct recording_block *block; /* borrowed: valid until the next call; take it to keep it */
    uint64_t number;               /* of the line, from 1 */
    uint64_t end;                  /* bytes of the file up to the end of the line */
    bool is_complete;              /* a line break ends it */
};

enum recording_result {
    RECORDING_ENTRY = 1,
    RECORDING_END,
    RECORDING_STOPPED, /* by before_read */
    RECORDING_FAILED
};

/* Opens a file; "-" is the standard input. NULL with an error. */
struct recording_reader *recording_reader_open(const char *path,
                                               const struct recording_options *options,
                                               struct error *error);
/* Drops its block. NULL is allowed. */
void recording_reader_close(struct recording_reader *reader);

enum recording_result recording_reader_next(struct recording_reader *reader,
                                            struct recording_entry *entry, struct error *error);

/* Room for recording_line_scratch() of the line that was read last, which lives as long as its
 * block, if recording_reader_use() says how much of it was used before the next line is read. */
char *recording_reader_scratch(struct recording_reader *reader);
void recording_reader_use(struct recording_reader *reader, size_t size);

/* Tells a line as bad that the caller could not use: counts, calls back. False, with an error, when
 * strict. */
bool recording_reader_reject(struct recording_reader *reader, uint64_t number, const char *text,
                             struct error *error);

const char *recording_reader_name(const struct recording_reader *reader);
uint64_t recording_reader_bytes(const struct recording_reader *reader); /* read so far */
uint64_t
recording_reader_at(const struct recording_reader *reader); /* where the next line begins */
uint64_t recording_reader_lines(const struct recording_reader *reader);
uint64_t recording_reader_bad_lines(const struct recording_reader *reader);
/* The size of a regular file; -1 when it is not known. */
int64_t recording_reader_size(const struct recording_reader *reader);

#endif
