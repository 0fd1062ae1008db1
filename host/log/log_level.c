#include "log/log_level.h"

#include <stddef.h>
#include <strings.h>

static const struct {
    enum log_level level;
    const char *name;
} level_names[] = {
    {LOG_LEVEL_DEBUG, "DEBUG"},  {LOG_LEVEL_INFO, "INFO"},   {LOG_LEVEL_WARNING, "WARNING"},
    {LOG_LEVEL_WARNING, "WARN"}, {LOG_LEVEL_ERROR, "ERROR"}, {LOG_LEVEL_CRITICAL, "CRITICAL"},
};
#define LEVEL_NAME_COUNT (sizeof level_names / sizeof level_names[0])

bool log_parse_level(const char *text, enum log_level *level) {
    for (size_t i = 0; i < LEVEL_NAME_COUNT; i++) {
        if (strcasecmp(text, level_names[i].name) == 0) {
            *level = level_names[i].level;
            return true;
        }
    }
    return false;
}

const char *log_level_name(enum log_level level) {
    for (size_t i = 0; i < LEVEL_NAME_COUNT; i++)
        if (level_names[i].level == level)
            return level_names[i].name;
    return "UNKNOWN";
}
