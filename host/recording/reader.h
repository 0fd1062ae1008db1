/*
 * recording/reader.h - reads a recorded file, line by line, without holding more than a few blocks
 * of it in memory.
 *
 * Input is read in blocks; what a line gives points into its block. A block lives as long as
 * somebody has a reference to it: the reader has one to the block it is working on. Blocks come
 * from a pool, which may serve several readers; references may be dropped by any thread.
 *
 * Empty lines, a byte order mark, carriage returns and a missing last line break are nothing. A
 * line that cannot be used, or is longer than `max_line`, is counted, reported to `bad_line` and
 * passed; or it ends the reading, if strict.
 *
 * What is packed with gzip or zstd is unpacked on the way (input.h): places, sizes of lines and
 * limits are those of the text then. With `mappings`, a file that does not begin with an object is
 * CSV, and its rows are read as plain lines (csv.h); `text` of an entry is the message.
 *
 * A file that is no recording at all ends it with an error that says what it seems to be and what
 * to do: at once when no line of it can be one (compressed, UTF-16), and at its end, or after
 * RECORDING_USELESS_BYTES, when none of its lines could be used. So does a line that goes on for
 * RECORDING_ENDLESS_BYTES, and a packed file of which so much in a row is of no use as two of the
 * longest lines, or RECORDING_USELESS_BYTES, hold.
 */
#ifndef TAKE5_RECORDING_READER_H
#define TAKE5_RECORDING_READER_H

#include "base/error.h"
#include "recording/input.h"
#include "recording/line.h"
#include "recording/shared_block.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDING_USELESS_BYTES ((uint64_t)64 * 1024 * 1024)
#define RECORDING_ENDLESS_BYTES ((uint64_t)1024 * 1024 * 1024)

struct recording_reader;

struct recording_options {
    struct recording_pool *pool;
    size_t max_line; /* bytes; 16 MiB when 0 */
    /* Where to begin, at the start of a line, and how many lines come before. Regular files only,
     * and no CSV. */
    uint64_t begin_at, begin_lines;
    const char *const *mappings; /* NULL: what looks like CSV is none of ours */
    size_t mapping_count;
    bool is_strict;
    /* `file` and `text` are valid during the call. May be NULL. */
    void (*bad_line)(void *context, const char *file, uint64_t line, const char *text);
    /* Called before a block gets more, which may block if `fd` is no regular file; -1: it does not.
     * False: stop reading. May be NULL. */
    bool (*before_read)(void *context, int fd);
    void *bad_line_context, *before_read_context;
};

struct recording_entry {
    struct recording_line line;
    const char *text; /* the line as it is, without its break; in the block */
    size_t text_size;
    struct recording_block *block; /* borrowed: valid until the next call; take it to keep it */
    uint64_t number;               /* of the line, from 1 */
    uint64_t end;                  /* bytes of the text up to the end of the line */
    bool is_complete;              /* a line break ends it */
};

/* Opens a file; "-" is the standard input. NULL with an error. */
struct recording_reader *recording_reader_open(const char *path,
                                               const struct recording_options *options,
                                               struct error *error);
/* Drops its block. NULL is allowed. */
void recording_reader_close(struct recording_reader *reader);

enum recording_result recording_reader_next(struct recording_reader *reader,
                                            struct recording_entry *entry, struct error *error);

/* Reads a recording to its end: `visit` is given each entry. False with an error, of the file or of
 * a visit that gave false. */
typedef bool recording_visit(void *context, const struct recording_entry *entry,
                             struct error *error);
bool recording_read_all(const char *path, recording_visit *visit, void *context,
                        struct error *error);

/* Room for what is made of the line that was read last, until the next one is read. */
char *recording_reader_scratch(struct recording_reader *reader);

/* Reports a line as bad that the caller could not use: counts, calls back. False, with an error,
 * when strict. */
bool recording_reader_reject(struct recording_reader *reader, uint64_t number, const char *text,
                             struct error *error);

const char *recording_reader_name(const struct recording_reader *reader);
/* Of the file itself, packed or not, from its beginning: read so far. */
uint64_t recording_reader_bytes(const struct recording_reader *reader);
uint64_t
recording_reader_at(const struct recording_reader *reader); /* where the next line begins */
uint64_t recording_reader_lines(const struct recording_reader *reader);
uint64_t recording_reader_bad_lines(const struct recording_reader *reader);
/* Whether the last of the bad lines is one that the end of the file cut off: its writer may not be
 * done with it. */
bool recording_reader_is_cut(const struct recording_reader *reader);
/* The size of a regular file; -1 when it is not known. */
int64_t recording_reader_size(const struct recording_reader *reader);

#endif
