#include "log/log_repeat.h"

#include "base/hash.h"

#include <string.h>

void log_repeats_init(struct log_repeats *repeats) {
    memset(repeats, 0, sizeof *repeats);
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        text_init(&repeats->lines[i].deployment);
        text_init(&repeats->lines[i].text);
    }
}

void log_repeats_release(struct log_repeats *repeats) {
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        text_release(&repeats->lines[i].deployment);
        text_release(&repeats->lines[i].text);
    }
}

static void write_count(struct log_repeat *repeat, log_repeat_write *put, void *context) {
    struct log_line line = {
        .wall_ns = clock_wall_ns(),
        .level = repeat->level,
        .room = repeat->room,
        .event = repeat->event,
        .deployment = repeat->deployment.size > 0 ? repeat->deployment.data : NULL,
        .text = repeat->text.data,
        .size = repeat->text.size,
        .repeats = repeat->count,
    };
    put(context, &line);
    repeat->count = 0;
}

void log_repeats_flush_due(struct log_repeats *repeats, int64_t now_ns, log_repeat_write *put,
                           void *context) {
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        struct log_repeat *repeat = &repeats->lines[i];
        bool is_due = repeat->is_used && now_ns - repeat->since_ns >= LOG_REPEAT_WINDOW_NS;
        if (!is_due)
            continue;
        if (repeat->count == 0) {
            repeat->is_used = false;
            continue;
        }
        write_count(repeat, put, context);
        repeat->since_ns = now_ns;
    }
}

void log_repeats_flush(struct log_repeats *repeats, log_repeat_write *put, void *context) {
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        struct log_repeat *repeat = &repeats->lines[i];
        if (repeat->is_used && repeat->count > 0)
            write_count(repeat, put, context);
    }
}

static bool is_same_event(const char *one, const char *other) {
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool is_same(const struct log_repeat *repeat, uint64_t hash, const struct log_line *line) {
    const char *deployment = line->deployment != NULL ? line->deployment : "";
    return repeat->is_used && repeat->hash == hash && repeat->level == line->level &&
           repeat->text.size == line->size &&
           (line->size == 0 || memcmp(repeat->text.data, line->text, line->size) == 0) &&
           strcmp(repeat->room, line->room) == 0 && is_same_event(repeat->event, line->event) &&
           strcmp(repeat->deployment.data, deployment) == 0;
}

/* A free place, else the one whose window began first. */
static struct log_repeat *place_for_one(struct log_repeats *repeats) {
    struct log_repeat *oldest = &repeats->lines[0];
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        struct log_repeat *repeat = &repeats->lines[i];
        if (!repeat->is_used)
            return repeat;
        if (repeat->since_ns < oldest->since_ns)
            oldest = repeat;
    }
    return oldest;
}

/* Another line of a strategy ends the row of the one before. */
static void end_row(struct log_repeats *repeats, uint64_t hash, const struct log_line *line,
                    log_repeat_write *put, void *context) {
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        struct log_repeat *repeat = &repeats->lines[i];
        if (!repeat->is_used || strcmp(repeat->deployment.data, line->deployment) != 0 ||
            is_same(repeat, hash, line))
            continue;
        if (repeat->count > 0)
            write_count(repeat, put, context);
        repeat->is_used = false;
    }
}

bool log_repeats_is_new(struct log_repeats *repeats, const struct log_line *line, int64_t now_ns,
                        log_repeat_write *put, void *context) {
    log_repeats_flush_due(repeats, now_ns, put, context);

    uint64_t hash = hash_key(line->text, line->size);
    if (line->deployment != NULL)
        end_row(repeats, hash, line, put, context);
    if (line->deployment != NULL && line->level <= LOG_LEVEL_INFO)
        return true;
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        if (is_same(&repeats->lines[i], hash, line)) {
            repeats->lines[i].count++;
            return false;
        }
    }

    struct log_repeat *repeat = place_for_one(repeats);
    if (repeat->is_used && repeat->count > 0)
        write_count(repeat, put, context);
    text_reset(&repeat->deployment);
    text_reset(&repeat->text);
    if (line->deployment != NULL)
        text_puts(&repeat->deployment, line->deployment);
    text_append(&repeat->text, line->text, line->size);
    repeat->hash = hash;
    repeat->level = line->level;
    repeat->room = line->room;
    repeat->event = line->event;
    repeat->since_ns = now_ns;
    repeat->count = 0;
    /* Without memory it is not remembered: better written twice than counted under another's name.
     */
    repeat->is_used = !text_is_oom(&repeat->deployment) && !text_is_oom(&repeat->text);
    return true;
}
