/*
 * base/log_line.h - how one line of the log looks. Inside base: log.c writes what this makes.
 */
#ifndef TAKE5_BASE_LOG_LINE_H
#define TAKE5_BASE_LOG_LINE_H

#include "base/log.h"
#include "base/text.h"

struct log_line {
    int64_t wall_ns;
    enum log_level level;
    const char *room;
    const char *deployment; /* NULL: not from a strategy */
    const char *text;
    size_t size;
    uint64_t repeats; /* 0: the line itself; else "... N times more" of it */
};

/* Appends the line with its line break. In the forms for people, control characters and bytes that
 * are not UTF-8 are made visible: a line stays a line, and what comes from outside cannot steer a
 * terminal. Line breaks at the text's end are dropped. */
void log_line_append(struct text *out, const struct log_line *line, enum log_format format,
                     bool has_color);

#endif
