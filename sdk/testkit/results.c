/* What the strategy emitted, published and logged, kept for the test to read. */
#include "kit.h"

#include "base/array.h"
#include "base/format/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- lists ---- */

/* Takes over `item`, which is freed when it cannot be kept. */
static bool list_add(struct kit_list *list, void *item) {
    if (item == NULL || !ARRAY_GROW(list->items, list->count, list->capacity)) {
        free(item);
        return false;
    }
    list->items[list->count++] = item;
    return true;
}

static void list_clear(struct kit_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    memset(list, 0, sizeof *list);
}

/* A struct of `size` bytes and room for texts behind it, in one allocation. */
static void *with_texts(size_t size, size_t texts, char **at) {
    char *item = calloc(1, size + texts);
    *at = item != NULL ? item + size : NULL;
    return item;
}

static const char *put_text(char **at, const char *text, size_t size) {
    char *copy = *at;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    *at += size + 1;
    return copy;
}

/* ---- signals ---- */

bool kit_add_signal(void *context, struct instance *instance,
                    const struct emitted_signal *emitted) {
    t5_kit *kit = context;
    char *at;
    struct text data;
    (void)instance;
    text_init(&data);
    text_members(&data, emitted->data, emitted->values, emitted->value_count);
    t5_kit_signal *signal = NULL;
    if (!text_is_oom(&data))
        signal = with_texts(sizeof *signal, emitted->name.len + emitted->symbol.len + data.size + 3,
                            &at);
    if (signal != NULL) {
        signal->size = (uint32_t)sizeof *signal;
        signal->is_timer = kit->is_timer;
        signal->name = put_text(&at, emitted->name.data, emitted->name.len);
        signal->symbol = put_text(&at, emitted->symbol.data, emitted->symbol.len);
        signal->data = put_text(&at, data.data, data.size);
        signal->event_time_ns = emitted->event_time_ns;
        signal->value = emitted->value;
        signal->confidence = emitted->confidence;
        signal->offset = kit->offset_current_call;
    }
    text_release(&data);
    return list_add(&kit->signals, signal);
}

size_t t5_kit_signal_count(const t5_kit *kit) {
    return kit->signals.count;
}

const t5_kit_signal *t5_kit_signal_at(const t5_kit *kit, size_t index) {
    return index < kit->signals.count ? kit->signals.items[index] : NULL;
}

const t5_kit_signal *t5_kit_signal_last(const t5_kit *kit, const char *name) {
    for (size_t i = kit->signals.count; i > 0; i--) {
        const t5_kit_signal *signal = kit->signals.items[i - 1];
        if (strcmp(signal->name, name) == 0)
            return signal;
    }
    return NULL;
}

/* ---- points of series ---- */

bool kit_add_point(void *context, struct instance *instance, const struct published_point *point) {
    t5_kit *kit = context;
    char *at;
    (void)instance;
    t5_kit_point *copy = with_texts(sizeof *copy, point->series.len + point->symbol.len + 2, &at);
    if (copy != NULL) {
        copy->size = (uint32_t)sizeof *copy;
        copy->time_frame_s = point->time_frame_s;
        copy->series = put_text(&at, point->series.data, point->series.len);
        copy->symbol = put_text(&at, point->symbol.data, point->symbol.len);
        copy->event_time_ns = point->event_time_ns;
        copy->value = point->value;
    }
    return list_add(&kit->points, copy);
}

size_t t5_kit_point_count(const t5_kit *kit) {
    return kit->points.count;
}

const t5_kit_point *t5_kit_point_at(const t5_kit *kit, size_t index) {
    return index < kit->points.count ? kit->points.items[index] : NULL;
}

const t5_kit_point *t5_kit_point_last(const t5_kit *kit, const char *series) {
    for (size_t i = kit->points.count; i > 0; i--) {
        const t5_kit_point *point = kit->points.items[i - 1];
        if (strcmp(point->series, series) == 0)
            return point;
    }
    return NULL;
}

/* ---- log lines ---- */

void kit_add_line(t5_kit *kit, int32_t level, bool is_host, const char *text, size_t size) {
    char *at;
    t5_kit_line *line = with_texts(sizeof *line, size + 1, &at);
    if (line != NULL) {
        line->size = (uint32_t)sizeof *line;
        line->level = level;
        line->is_host = is_host;
        line->text = put_text(&at, text, size);
    }
    (void)pthread_mutex_lock(&kit->lock);
    (void)list_add(&kit->lines, line);
    (void)pthread_mutex_unlock(&kit->lock);
}

size_t t5_kit_line_count(const t5_kit *kit) {
    t5_kit *own = (t5_kit *)(uintptr_t)kit;
    (void)pthread_mutex_lock(&own->lock);
    const size_t count = kit->lines.count;
    (void)pthread_mutex_unlock(&own->lock);
    return count;
}

const t5_kit_line *t5_kit_line_at(const t5_kit *kit, size_t index) {
    t5_kit *own = (t5_kit *)(uintptr_t)kit;
    (void)pthread_mutex_lock(&own->lock);
    const t5_kit_line *line = index < kit->lines.count ? kit->lines.items[index] : NULL;
    (void)pthread_mutex_unlock(&own->lock);
    return line;
}

/* ---- what the host logs ---- */

/* "<4>strategy: text", as for journald. */
static void take_host_line(t5_kit *kit, const char *line, size_t size) {
    int32_t level = T5_LOG_INFO;
    if (size > 3 && line[0] == '<' && line[2] == '>') {
        level = line[1] <= '3' ? T5_LOG_ERROR : T5_LOG_DEBUG;
        if (line[1] == '4' || line[1] == '5' || line[1] == '6')
            level = line[1] == '4' ? T5_LOG_WARNING : T5_LOG_INFO;
        line += 3;
        size -= 3;
    }
    const char *colon = memmem(line, size, ": ", 2);
    if (colon != NULL) {
        size -= (size_t)(colon + 2 - line);
        line = colon + 2;
    }
    kit_add_line(kit, level, true, line, size);
    (void)snprintf(kit->host_line, sizeof kit->host_line, "%.*s", (int)size, line);
}

bool kit_drain_log(t5_kit *kit) {
    char buffer[16384];
    bool is_any = false;
    const ssize_t size = pread(kit->log_file, buffer, sizeof buffer, 0);
    if (size <= 0 || ftruncate(kit->log_file, 0) != 0) /* what stays would be logged again */
        return false;
    const char *line = buffer;
    size_t left = (size_t)size;
    for (;;) {
        const char *end = memchr(line, '\n', left);
        if (end == NULL)
            break;
        take_host_line(kit, line, (size_t)(end - line));
        left -= (size_t)(end + 1 - line);
        line = end + 1;
        is_any = true;
    }
    return is_any;
}

/* ---- errors ---- */

void kit_add_error(t5_kit *kit, int32_t code, const char *callback) {
    const size_t size = strlen(kit->reason);
    char *at;
    t5_kit_error *error = with_texts(sizeof *error, size + 1, &at);
    if (error != NULL) {
        error->size = (uint32_t)sizeof *error;
        error->code = code;
        error->callback = callback;
        error->text = put_text(&at, kit->reason, size);
    }
    (void)list_add(&kit->errors, error);
}

size_t t5_kit_error_count(const t5_kit *kit) {
    return kit->errors.count;
}

const t5_kit_error *t5_kit_error_at(const t5_kit *kit, size_t index) {
    return index < kit->errors.count ? kit->errors.items[index] : NULL;
}

/* ---- life ---- */

bool kit_results_init(t5_kit *kit) {
    char path[64];
    struct error error;
    kit->log_file = memfd_create("take5-testkit-log", MFD_CLOEXEC);
    kit->log = log_new();
    if (kit->log_file < 0 || kit->log == NULL)
        return false;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", kit->log_file);
    const struct log_options options = {.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_JOURNALD,
                                        .color = LOG_COLOR_NEVER,
                                        .path = path};
    return log_configure(kit->log, &options, &error);
}

void t5_kit_clear(t5_kit *kit) {
    list_clear(&kit->signals);
    list_clear(&kit->points);
    (void)pthread_mutex_lock(&kit->lock);
    list_clear(&kit->lines);
    (void)pthread_mutex_unlock(&kit->lock);
    list_clear(&kit->errors);
}

void kit_results_release(t5_kit *kit) {
    t5_kit_clear(kit);
    log_free(kit->log);
    if (kit->log_file >= 0)
        (void)close(kit->log_file);
}
