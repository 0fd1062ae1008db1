#include "engine/core/gather.h"

#include "base/array.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b) {
    const int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

/* "partition 3", "partitions 0-2, 5", "the GLOBAL deployments" */
static void name_partitions(struct gather_cause *cause, struct text *text) {
    qsort(cause->partitions, cause->count, sizeof *cause->partitions, by_number);
    size_t i = 0;
    if (cause->partitions[0] < 0) {
        text_puts(text, "the GLOBAL deployments");
        i++;
    }
    if (i < cause->count)
        text_printf(text, "%spartition%s ", i > 0 ? " and " : "", text_plural(cause->count - i));
    for (const size_t first = i; i < cause->count; i++) {
        const int32_t from = cause->partitions[i];
        text_printf(text, "%s%" PRId32, i > first ? ", " : "", from);
        while (i + 1 < cause->count && cause->partitions[i + 1] <= cause->partitions[i] + 1)
            i++;
        if (cause->partitions[i] > from)
            text_printf(text, "-%" PRId32, cause->partitions[i]);
    }
}

static void log_cause(const struct gather *gather, struct gather_cause *cause) {
    const int32_t first = cause->partitions[0]; /* as noted: sorted below */
    char example[32] = "";
    struct text names;
    text_init(&names);
    name_partitions(cause, &names);
    if (cause->count > 1)
        snprintf(example, sizeof example, "partition %" PRId32 ": ", first);
    log_change_event(gather->log, cause->level, "engine", cause->event, "%s: %s%s%s%s%s",
                     text_is_oom(&names) ? "partitions" : names.data, cause->text,
                     cause->detail[0] != '\0' ? " (" : "", cause->detail[0] != '\0' ? example : "",
                     cause->detail, cause->detail[0] != '\0' ? ")" : "");
    text_release(&names);
}

static struct gather_cause *cause_of(struct gather *gather, enum log_level level, const char *event,
                                     const char *detail, const char *text) {
    for (size_t i = 0; i < gather->count; i++) {
        struct gather_cause *cause = &gather->causes[i];
        if (cause->level == level && cause->event == event && strcmp(cause->text, text) == 0)
            return cause;
    }
    if (gather->count == GATHER_CAUSES)
        gather_report(gather);
    struct gather_cause *cause = &gather->causes[gather->count++];
    *cause = (struct gather_cause){.level = level, .event = event};
    snprintf(cause->text, sizeof cause->text, "%s", text);
    snprintf(cause->detail, sizeof cause->detail, "%s", detail != NULL ? detail : "");
    return cause;
}

void gather_add(struct gather *gather, enum log_level level, const char *event, int32_t partition,
                const char *detail, const char *text) {
    struct gather_cause *cause = cause_of(gather, level, event, detail, text);
    if (ARRAY_GROW(cause->partitions, cause->count, cause->capacity)) {
        cause->partitions[cause->count++] = partition;
        return;
    }
    struct gather_cause alone = *cause;
    alone.partitions = &partition;
    alone.count = 1;
    log_cause(gather, &alone);
}

void gather_report(struct gather *gather) {
    for (size_t i = 0; i < gather->count; i++) {
        struct gather_cause *cause = &gather->causes[i];
        if (cause->count > 0)
            log_cause(gather, cause);
        free(cause->partitions);
        cause->partitions = NULL;
    }
    gather->count = 0;
}
