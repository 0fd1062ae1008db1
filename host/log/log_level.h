/*
 * log/log_level.h - levels of the log, and the forms of its lines.
 */
#ifndef TAKE5_LOG_LOG_LEVEL_H
#define TAKE5_LOG_LOG_LEVEL_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_DEBUG = 1,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL
};

enum log_format { LOG_FORMAT_CONSOLE = 1, LOG_FORMAT_JSON, LOG_FORMAT_JOURNALD };

/* DEBUG, INFO, WARNING (WARN), ERROR, CRITICAL in any case; false for anything else. */
bool log_parse_level(const char *text, enum log_level *level);
const char *log_level_name(enum log_level level);

#endif
