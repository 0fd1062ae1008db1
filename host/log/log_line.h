/*
 * log/log_line.h - how one line of the log looks. Inside log: log.c writes what this makes.
 */
#ifndef TAKE5_LOG_LOG_LINE_H
#define TAKE5_LOG_LOG_LINE_H

#include "base/text.h"
#include "log/log_level.h"

struct log_line {
    int64_t wall_ns;
    enum log_level level;
    const char *room;
    const char *worker;     /* NULL: there is one process */
    const char *deployment; /* NULL: not from a strategy */
    const char *event;      /* NULL: nothing stands on it */
    const char *text;
    size_t size;
    uint64_t repeats; /* 0: the line itself; else "... N times more" of it */
};

/* Appends the line with its line break. In the forms for people text_visible() makes control
 * characters and the like visible: a line stays a line, and what comes from outside cannot steer a
 * terminal. Line breaks at the text's end are dropped. */
void log_line_append(struct text *out, const struct log_line *line, enum log_format format,
                     bool has_color);

#endif
