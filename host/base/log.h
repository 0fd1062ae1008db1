/*
 * base/log.h - the log: time, level, room, text.
 *
 * One `struct log` a process, made by the command, handed to whoever logs. All calls but _new,
 * _free and _configure may come from any thread; a line is written with one write(2). A line that
 * repeats (same level, room and text, within 10 s, from any thread) is counted instead, and said as
 * "TEXT ... N times more" every 10 s and at the end; DEBUG lines are exempt. The log has no thread
 * of its own: what is due is said with the next line, whichever it is.
 *
 * Forms: CONSOLE for people (colour on a terminal when asked), JSON one object a line
 * (time, level, room, text, and where they apply strategy and repeats), JOURNALD
 * "<PRIORITY>room: text". Line breaks and control characters in a text are made visible in every
 * form, so that a line stays a line; a text over 16 KiB is cut and says so.
 */
#ifndef TAKE5_BASE_LOG_H
#define TAKE5_BASE_LOG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_DEBUG = 1,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL
};

enum log_format { LOG_FORMAT_CONSOLE = 1, LOG_FORMAT_JSON, LOG_FORMAT_JOURNALD };

enum log_color { LOG_COLOR_AUTO = 1, LOG_COLOR_NEVER, LOG_COLOR_ALWAYS };

/* The rooms, for levels by room. */
#define LOG_ROOMS "config", "strategy", "source", "sink", "engine", "ops", "kafka"

struct log_options {
    enum log_level level;
    enum log_format format;
    enum log_color color; /* AUTO: when it goes to a terminal */
    const char *path;     /* file, opened for appending; NULL: stderr */
};

struct log;

/* Writes INFO and above to stderr until configured. NULL when memory runs out. */
struct log *log_new(void);
/* Says pending repeats, closes the file. NULL is allowed. */
void log_free(struct log *log);

/* Takes over the options; on failure (file not to be opened) everything stays as it was. */
bool log_configure(struct log *log, const struct log_options *options, struct error *error);
/* Opens the file anew, for rotation. */
bool log_reopen(struct log *log, struct error *error);

/* Level of one room, or of all with room NULL. False: no such room. */
bool log_set_level(struct log *log, const char *room, enum log_level level);
bool log_is_on(const struct log *log, const char *room, enum log_level level);
/* DEBUG, INFO, WARNING (WARN), ERROR, CRITICAL in any case; false for anything else. */
bool log_parse_level(const char *text, enum log_level *level);
const char *log_level_name(enum log_level level);

/* One line. `room` is a string literal out of LOG_ROOMS. */
void log_write(struct log *log, enum log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 4, 5), nonnull(1, 3, 4)));

/* As log_write, for the lines of a strategy: room "strategy", the deployment named. `text` need not
 * be NUL-terminated. */
void log_strategy(struct log *log, enum log_level level, const char *deployment, const char *text,
                  size_t size);

/* Whether, with the options in force, the console sight of the old service may use colour. */
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
