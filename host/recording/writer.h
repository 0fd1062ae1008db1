/*
 * recording/writer.h - writes records as lines, in the form that line.h reads.
 *
 * {"topic":"bar_trends","partition":0,"offset":12,"tstype":"create","ts":1718658930000,"key":"QQQ",
 * "payload":"{...}"}: the form of `kcat -J`. Every byte of key and payload comes back: what is
 * valid UTF-8 is a JSON string, anything else is base64 under "key_base64", "payload_base64"; an
 * absent key and a tombstone are null.
 *
 * A name that ends with ".gz" or ".zst" makes a packed file: every flush is a separate frame
 * (packing.h), which can be read from then on.
 */
#ifndef TAKE5_RECORDING_WRITER_H
#define TAKE5_RECORDING_WRITER_H

#include "base/error.h"
#include "base/text.h"
#include "message/record.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends the record's line, with its line break. `topic` is the Kafka topic's name. */
void recording_line_write(struct text *text, const struct record *record, const char *topic);

/* Where a recording stands in one (topic, partition). */
struct recording_position {
    char *topic;
    int32_t partition;
    int64_t next; /* one above the highest offset in the file */
};

struct recording_positions {
    struct recording_position *items;
    size_t count, capacity;
};

#define RECORDING_POSITIONS_INIT                                                                   \
    { 0 }

void recording_positions_release(struct recording_positions *positions);
/* The next offset, or -1 when the file has nothing of it. */
int64_t recording_positions_find(const struct recording_positions *positions, const char *topic,
                                 int32_t partition);

enum recording_mode {
    RECORDING_CREATE = 1, /* refuses a file that is there */
    RECORDING_RESUME      /* goes on behind what is there, if anything is */
};

struct recording_writer;

/*
 * Opens a file for writing; "-" is the standard output. With RESUME a line at the end that has no
 * line break, or a frame that is not whole, is cut off, and `positions` (may be NULL otherwise)
 * says where to go on. A file that holds anything but recorded lines is refused, and left as it is.
 * One writer a file: it is locked.
 */
struct recording_writer *recording_writer_open(const char *path, enum recording_mode mode,
                                               struct recording_positions *positions,
                                               struct error *error);

/* A writer that waits for a slow reader of a pipe gives up when `stop` is set and nothing is read
 * (log/output.h). */
void recording_writer_set_stop(struct recording_writer *writer, const atomic_bool *stop);
/* Whether the last failure was that nobody reads any more (EPIPE). */
bool recording_writer_has_reader_gone(const struct recording_writer *writer);

/* Buffered. After a failure (disk full) nothing is lost: the next call goes on where it stopped. A
 * record whose call failed with ERROR_MEMORY was not taken; with any other error it was. */
bool recording_writer_add(struct recording_writer *writer, const struct record *record,
                          const char *topic, struct error *error);
/* Also looks whether the path still leads to the file. Where it does not, the file was moved or
 * removed: it is reopened, as with RESUME, and gets what of this flush nobody could read. */
bool recording_writer_flush(struct recording_writer *writer, struct error *error);
/* How often that happened. */
unsigned recording_writer_reopened(const struct recording_writer *writer);
/* Bytes of complete lines handed over so far, this time. */
uint64_t recording_writer_bytes(const struct recording_writer *writer);

/* Writes what is buffered, makes it durable (not the standard output), and frees, also on failure.
 * NULL is allowed. */
bool recording_writer_close(struct recording_writer *writer, struct error *error);

#endif
