/*
 * log/log_repeat.h - which lines of the log are repeats. Inside base; under the log's lock. Time
 * is an argument, so that tests need not wait.
 *
 * A line is remembered for LOG_REPEAT_WINDOW_NS after it was written. Within that time the same
 * line is counted instead. At the window's end the count is written and a new window begins; a
 * window without a repeat ends the memory, and the next such line is written in full again.
 *
 * What a strategy says is its author's to read, in the order in which it was said: a line up to
 * INFO is always written, and one above is counted only as long as no other one of that strategy
 * comes.
 */
#ifndef TAKE5_LOG_LOG_REPEAT_H
#define TAKE5_LOG_LOG_REPEAT_H

#include "base/clock.h"
#include "log/log_line.h"

#define LOG_REPEAT_WINDOW_NS (10 * NS_PER_S)
#define LOG_REPEAT_LINES     32

struct log_repeat {
    bool is_used;
    uint64_t hash;
    enum log_level level;
    const char *room;
    const char *event;      /* NULL: none */
    struct text deployment; /* empty: none */
    struct text text;
    int64_t since_ns;
    uint64_t count;
};

struct log_repeats {
    struct log_repeat lines[LOG_REPEAT_LINES];
};

/* Writes a line whose `repeats` is set. */
typedef void log_repeat_write(void *context, const struct log_line *line);

void log_repeats_init(struct log_repeats *repeats);
void log_repeats_release(struct log_repeats *repeats);

/* Whether the line is to be written; if not it was counted. Writes what is due first. A line with a
 * `deployment` is a strategy's. */
bool log_repeats_is_new(struct log_repeats *repeats, const struct log_line *line, int64_t now_ns,
                        log_repeat_write *put, void *context);

/* Writes the counts of the windows that are over at `now_ns`. */
void log_repeats_flush_due(struct log_repeats *repeats, int64_t now_ns, log_repeat_write *put,
                           void *context);
/* Writes all counts so far; the windows go on. Before a line that must not be overtaken, and at the
 * end. */
void log_repeats_flush(struct log_repeats *repeats, log_repeat_write *put, void *context);

#endif
