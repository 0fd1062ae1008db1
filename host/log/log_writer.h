/*
 * log/log_writer.h - the thread that writes the log's lines, so that nobody else waits for a full
 * pipe, a stopped terminal or a slow disk. Inside base: log.c hands it lines.
 *
 * Lines wait in two buffers of LOG_WRITER_BYTES, made at the start; what has no room is dropped and
 * counted, as is what a write refuses. The count is written where the lines are missing, as soon as
 * lines are written again. Each line is one write where the system allows it. A file that somebody
 * has moved or removed is reopened before the next lines.
 *
 * Every call may come from any thread, and none but _flush and _free waits.
 */
#ifndef TAKE5_LOG_LOG_WRITER_H
#define TAKE5_LOG_LOG_WRITER_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_WRITER_BYTES ((size_t)1 << 20)

struct log_writer;

/* What the writer asks of the log, on its own thread and without its lock. */
struct log_writer_options {
    /* Appends one line with that text. */
    void (*format)(void *context, const char *text, struct text *out);
    /* Once a second and after each write: time for what is due. */
    void (*turn)(void *context);
    void *context;
};

struct log_writer_status {
    uint64_t dropped;   /* lines, since the start */
    int64_t blocked_ns; /* how long one write has lasted by now; 0: none is under way */
};

/* Writes to `fd`. With a `path` (copied; may be NULL) the descriptor is the writer's, which closes
 * it. NULL with an error, then it stays the caller's. */
struct log_writer *log_writer_new(const struct log_writer_options *options, int fd,
                                  const char *path, struct error *error);

/* Takes a line, with its line break. False: there was no room, it is dropped. */
bool log_writer_push(struct log_writer *writer, const char *line, size_t size);

/* Whether more than half of the memory for lines is full, while lines are being written: no write
 * has lasted for a second by now. */
bool log_writer_is_crowded(struct log_writer *writer);

/* Everything that is not written yet goes there instead; as in _new. False: no memory, and the
 * descriptor stays the caller's. */
bool log_writer_redirect(struct log_writer *writer, int fd, const char *path);

/* Waits until what was pushed before is written or dropped, up to the time. */
bool log_writer_flush(struct log_writer *writer, int64_t timeout_ns);
/* The same for a signal handler: looks now and then, and takes no lock. */
void log_writer_settle(const struct log_writer *writer, int64_t timeout_ns);

void log_writer_status(const struct log_writer *writer, struct log_writer_status *status);

/* Writes what is there, up to the time, and ends the thread. False: it hangs in a write and is left
 * behind; what the options' context names must stay. */
bool log_writer_free(struct log_writer *writer, int64_t timeout_ns);

/* Opens a log file as all of the log do: for appending, made if need be. -1 with errno. */
int log_file_open(const char *path);

#endif
