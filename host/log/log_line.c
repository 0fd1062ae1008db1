#include "log/log_line.h"

#include "base/clock.h"
#include "base/format/json_writer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *level_color(enum log_level level) {
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "\033[36m";
    case LOG_LEVEL_INFO:
        return "\033[32m";
    case LOG_LEVEL_WARNING:
        return "\033[33m";
    case LOG_LEVEL_ERROR:
        return "\033[31m";
    case LOG_LEVEL_CRITICAL:
        return "\033[1;31;47m";
    }
    return "";
}

/* The priorities of syslog(3), which journald reads from "<N>" at a line's start. */
static int level_priority(enum log_level level) {
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return 7;
    case LOG_LEVEL_INFO:
        return 6;
    case LOG_LEVEL_WARNING:
        return 4;
    case LOG_LEVEL_ERROR:
        return 3;
    case LOG_LEVEL_CRITICAL:
        return 2;
    }
    return 6;
}

/* Local time, as the console of the old service had it, and how far it is from UTC: +02:00. */
static void append_local_time(struct text *out, int64_t wall_ns) {
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm parts = {0};
    localtime_r(&seconds, &parts);
    const long minutes = labs(parts.tm_gmtoff) / 60;
    text_printf(out, "%04d-%02d-%02d %02d:%02d:%02d.%03d%c%02ld:%02ld", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                (int)(wall_ns % NS_PER_S / NS_PER_MS), parts.tm_gmtoff < 0 ? '-' : '+',
                minutes / 60, minutes % 60);
}

/* What stands behind the room in the forms for people. */
static void append_talk(struct text *out, const struct log_line *line) {
    if (line->worker != NULL)
        text_printf(out, "[%s] ", line->worker);
    if (line->deployment != NULL) {
        text_visible(out, line->deployment, strlen(line->deployment));
        text_puts(out, ": ");
    }
    text_visible(out, line->text, line->size);
    if (line->repeats == 1)
        text_puts(out, " ... repeated 1 more time");
    else if (line->repeats > 1)
        text_printf(out, " ... repeated %llu more times", (unsigned long long)line->repeats);
    if (line->event != NULL)
        text_printf(out, " event=%s", line->event);
}

static void append_console(struct text *out, const struct log_line *line, bool has_color) {
    append_local_time(out, line->wall_ns);
    text_printf(out, " %s%-8s%s %-8s ", has_color ? level_color(line->level) : "",
                log_level_name(line->level), has_color ? "\033[0m" : "", line->room);
    append_talk(out, line);
}

static void append_journald(struct text *out, const struct log_line *line) {
    text_printf(out, "<%d>%s: ", level_priority(line->level), line->room);
    append_talk(out, line);
}

static void append_json(struct text *out, const struct log_line *line) {
    struct json_writer json = json_writer_of(out);
    json_begin_object(&json, NULL);
    text_putc(json_value(&json, "time"), '"');
    text_time_ns(out, line->wall_ns);
    text_putc(out, '"');
    json_text(&json, "level", log_level_name(line->level));
    json_text(&json, "room", line->room);
    if (line->worker != NULL)
        json_text(&json, "worker", line->worker);
    if (line->deployment != NULL)
        json_text(&json, "strategy", line->deployment);
    json_bytes(&json, "text", line->text, line->size);
    if (line->repeats > 0)
        json_unsigned(&json, "repeats", line->repeats);
    if (line->event != NULL)
        json_text(&json, "event", line->event);
    json_end_object(&json);
}

void log_line_append(struct text *out, const struct log_line *line, enum log_format format,
                     bool has_color) {
    struct log_line trimmed = *line;
    while (trimmed.size > 0 && strchr("\r\n", trimmed.text[trimmed.size - 1]) != NULL &&
           trimmed.text[trimmed.size - 1] != '\0')
        trimmed.size--;

    switch (format) {
    case LOG_FORMAT_CONSOLE:
        append_console(out, &trimmed, has_color);
        break;
    case LOG_FORMAT_JSON:
        append_json(out, &trimmed);
        break;
    case LOG_FORMAT_JOURNALD:
        append_journald(out, &trimmed);
        break;
    }
    text_putc(out, '\n');
}
