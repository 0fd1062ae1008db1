/*
 * log/log.h - the log: time, level, room, text.
 *
 * One `struct log` a process, made by the command, passed to all code that logs. All calls but
 * _new, _start, _free and _configure may come from any thread; a line is written with one write(2).
 * A line that repeats (same level, room and text, within 10 s, from any thread) is counted instead,
 * and reported as "TEXT ... N times more" every 10 s and at the end; DEBUG lines, changes of state
 * and what strategies say at INFO are exempt, and the counts are reported before a change of state.
 *
 * A command that comes and goes writes each line itself, in order with all else that it writes. A
 * host starts the log's own thread (log_start): from there on nobody waits for whatever stderr or
 * the file are, lines wait in bounded memory, and what has no room there is dropped, counted, and
 * reported where lines are missing.
 *
 * Forms: CONSOLE for people (colour on a terminal when asked), JSON one object a line
 * (time, level, room, text, and where they apply strategy, repeats and event), JOURNALD
 * "<PRIORITY>room: text". An event's name ends the line of the other two: " event=lane.paused".
 * Line breaks and control characters in a text are made visible in every form, so that a line stays
 * a line; a text over 16 KiB is cut and marked.
 */
#ifndef TAKE5_LOG_LOG_H
#define TAKE5_LOG_LOG_H

#include "base/clock.h"
#include "base/error.h"
#include "log/log_level.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_color { LOG_COLOR_AUTO = 1, LOG_COLOR_NEVER, LOG_COLOR_ALWAYS };

/* The rooms, for levels by room. */
#define LOG_ROOMS "config", "strategy", "source", "sink", "engine", "ops", "kafka"

struct log_options {
    enum log_level level;
    enum log_format format;
    enum log_color color; /* AUTO: when it goes to a terminal */
    const char *path;     /* file, opened for appending; NULL: stderr */
    const char *worker;   /* whose lines they are, of several processes; NULL: there is one. It
                           * counts when the log is configured first, before there are threads */
};

struct log;

/* Writes INFO and above to stderr until configured. NULL when memory runs out. */
struct log *log_new(void);
/* Reports pending repeats, writes what is there for up to LOG_END_NS, closes the file. NULL is
 * allowed. A thread that hangs in a write is left behind with the log. */
void log_free(struct log *log);

/* From here lines are written by a thread of the log's own, and a caller waits for nothing. */
bool log_start(struct log *log, struct error *error);
/* Waits until what was logged is written, up to the time; false when it was not. Before _exit(),
 * and before others write to the same place. */
bool log_flush(struct log *log, int64_t timeout_ns);
/* The same for a signal handler, which may have interrupted the holder of the lock. NULL is
 * allowed. */
void log_settle(const struct log *log, int64_t timeout_ns);

#define LOG_END_NS (2 * NS_PER_S)

#define LOG_LEVELS 5 /* DEBUG to CRITICAL */

struct log_status {
    uint64_t lines[LOG_LEVELS]; /* by level - LOG_LEVEL_DEBUG, since the start; those that were
                                 * counted as repeats, or dropped, too */
    uint64_t dropped;           /* lines that nobody will read, since the start */
    int64_t blocked_ns;         /* how long the write under way has lasted; 0: none */
};
/* Any thread, never waits. */
void log_status(const struct log *log, struct log_status *status);

/* Takes over the options; on failure (file not to be opened) everything stays as it was. */
bool log_configure(struct log *log, const struct log_options *options, struct error *error);
/* Reopens the file, for rotation. */
bool log_reopen(struct log *log, struct error *error);

/* Level of one room, or of all with room NULL. False: no such room. */
bool log_set_level(struct log *log, const char *room, enum log_level level);
bool log_is_on(const struct log *log, const char *room, enum log_level level);
/* Whether a line that repeats is counted instead. */
enum log_kind { LOG_KIND_LINE = 1, LOG_KIND_CHANGE };

/* One line. `room` is a string literal out of LOG_ROOMS. A change of state (assigned, revoked,
 * suspended, connected, ...) is always a separate line, at its time and in its place, however
 * often it was logged before. `event` names a line that an alert or a test relies on: a string
 * literal "what.happened" out of [a-z0-9_.], which stays when the text is improved and is in the
 * table of packaging/README.md; NULL: none. Call it by the names below. */
void log_put(struct log *log, enum log_level level, enum log_kind kind, const char *room,
             const char *event, const char *format, ...)
    __attribute__((format(printf, 6, 7), nonnull(1, 4, 6)));

#define log_event(log, level, room, event, ...)                                                    \
    log_put((log), (level), LOG_KIND_LINE, (room), (event), __VA_ARGS__)
#define log_change_event(log, level, room, event, ...)                                             \
    log_put((log), (level), LOG_KIND_CHANGE, (room), (event), __VA_ARGS__)
#define log_write(log, level, room, ...) log_event((log), (level), (room), NULL, __VA_ARGS__)
#define log_change(log, level, room, ...)                                                          \
    log_change_event((log), (level), (room), NULL, __VA_ARGS__)

/* As log_write, for the lines of a strategy: room "strategy", the deployment named. `text` need not
 * be NUL-terminated. */
void log_strategy(struct log *log, enum log_level level, const char *deployment, const char *text,
                  size_t size);

/* A line that another process of this service has formed, with its line break: written as it is. */
void log_pass_on(struct log *log, const char *line, size_t size);

/* Whether more than half of the memory for lines is full, and lines are being written: who passes
 * on lines that can wait where they are lets them wait, so that there is room for others'. A write
 * that lasts longer than a second counts for nothing: nobody waits for that. */
bool log_is_crowded(const struct log *log);

/* Whether, with the options in force, the console format of the old service may use colour. */
bool log_has_color(const struct log *log);

#define log_debug(log, room, ...)                                                                  \
    do {                                                                                           \
        if (log_is_on((log), (room), LOG_LEVEL_DEBUG))                                             \
            log_write((log), LOG_LEVEL_DEBUG, (room), __VA_ARGS__);                                \
    } while (0)
#define log_info(log, room, ...)    log_write((log), LOG_LEVEL_INFO, (room), __VA_ARGS__)
#define log_warning(log, room, ...) log_write((log), LOG_LEVEL_WARNING, (room), __VA_ARGS__)
#define log_error(log, room, ...)   log_write((log), LOG_LEVEL_ERROR, (room), __VA_ARGS__)

#endif
