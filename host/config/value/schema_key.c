#include "config/value/schema_key.h"

const char *schema_type_text(enum schema_type type) {
    switch (type) {
    case SCHEMA_BOOLEAN:
        return "yes or no";
    case SCHEMA_INTEGER:
    case SCHEMA_INTEGER_32:
        return "an integer";
    case SCHEMA_DURATION:
        return "a duration (250ms, 30s, 5m, 2h, 1d)";
    case SCHEMA_MILLISECONDS:
        return "an integer number of milliseconds";
    case SCHEMA_MINUTES:
        return "an integer number of minutes";
    case SCHEMA_RATE:
        return "a rate per minute (1000/min)";
    case SCHEMA_SIZE_32:
    case SCHEMA_SIZE:
        return "a size (1048576, 64KiB, 1MiB)";
    case SCHEMA_ZONE:
        return "none, UTC or an offset (+05:30)";
    case SCHEMA_TEXT:
        return "text";
    case SCHEMA_OPTIONAL:
        return "text, or nothing";
    case SCHEMA_PATH:
        return "a path";
    case SCHEMA_PATHS:
        return "a path, or several separated by commas";
    case SCHEMA_WORD:
    case SCHEMA_CHOICE:
    case SCHEMA_FLAG:
        return "one of the choices";
    case SCHEMA_SET:
        return "some of the choices, separated by commas";
    case SCHEMA_LIST:
        return "a list separated by commas";
    case SCHEMA_TIME_FRAMES:
        return "a list of seconds or durations (60, 5m)";
    }
    return "";
}
