#include "engine/crash/quarantine.h"

#include "base/array.h"
#include "base/text.h"
#include "engine/crash/crash_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_place(const struct crash_record *a, const struct crash_record *b) {
    return strcmp(a->deployment, b->deployment) == 0 && strcmp(a->hash, b->hash) == 0 &&
           strcmp(a->callback, b->callback) == 0 && strcmp(a->topic, b->topic) == 0 &&
           a->partition == b->partition && a->offset == b->offset;
}

/* Whether an earlier process ended at the very same place. */
static bool has_happened_before(const struct crash_record *records, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (is_same_place(&records[i], &records[index]))
            return true;
    }
    return false;
}

static char *describe_why(const struct crash_record *record) {
    char *place = crash_describe(record);
    if (place == NULL)
        return NULL;
    char *why =
        record->is_certain
            ? text_format("crashed (%s)", place)
            : text_format(
                  "was the current call twice when the process exited without a message (%s)",
                  place);
    free(place);
    return why;
}

static bool accuse(struct quarantine *quarantine, const struct crash_record *record) {
    if (!ARRAY_RESIZE(quarantine->items, quarantine->count + 1))
        return false;
    struct accusation *accusation = &quarantine->items[quarantine->count];
    accusation->deployment = strdup(record->deployment);
    accusation->why = describe_why(record);
    snprintf(accusation->hash, sizeof accusation->hash, "%s", record->hash);
    if (accusation->deployment == NULL || accusation->why == NULL) {
        free(accusation->deployment);
        free(accusation->why);
        return false;
    }
    quarantine->count++;
    return true;
}

bool quarantine_read(struct quarantine *quarantine, const char *state_dir, int64_t within_ns,
                     struct error *error) {
    *quarantine = (struct quarantine){0};
    if (!crash_recent(state_dir, within_ns, &quarantine->records, &quarantine->record_count, error))
        return false;
    for (size_t i = 0; i < quarantine->record_count; i++) {
        const struct crash_record *record = &quarantine->records[i];
        const bool is_accused = record->is_certain || has_happened_before(quarantine->records, i);
        if (is_accused && !accuse(quarantine, record)) {
            quarantine_release(quarantine);
            return error_set_memory(error, "the quarantine");
        }
    }
    return true;
}

size_t quarantine_crashes(const struct quarantine *quarantine, const char *deployment) {
    size_t count = 0;
    for (size_t i = 0; i < quarantine->record_count; i++)
        count += strcmp(quarantine->records[i].deployment, deployment) == 0;
    return count;
}

static void free_item(struct accusation *accusation) {
    free(accusation->deployment);
    free(accusation->why);
}

void quarantine_release(struct quarantine *quarantine) {
    for (size_t i = 0; i < quarantine->count; i++)
        free_item(&quarantine->items[i]);
    free(quarantine->items);
    free(quarantine->records);
    *quarantine = (struct quarantine){0};
}

const char *quarantine_why(const struct quarantine *quarantine, const char *deployment,
                           struct hash hash) {
    char text[HASH_TEXT_SIZE];
    hash_text(hash, text);
    for (size_t i = quarantine->count; i-- > 0;) { /* the last one first */
        const struct accusation *item = &quarantine->items[i];
        if (strcmp(item->deployment, deployment) == 0 && strcmp(item->hash, text) == 0)
            return item->why;
    }
    return NULL;
}

void quarantine_lift(struct quarantine *quarantine, const char *deployment) {
    size_t kept = 0;
    for (size_t i = 0; i < quarantine->count; i++) {
        if (strcmp(quarantine->items[i].deployment, deployment) == 0)
            free_item(&quarantine->items[i]);
        else
            quarantine->items[kept++] = quarantine->items[i];
    }
    quarantine->count = kept;
}

struct held *held_new(const char *deployment, const struct strategy_file *file, const char *why) {
    struct held *held = calloc(1, sizeof *held);
    if (held == NULL)
        return NULL;
    snprintf(held->strategy, sizeof held->strategy, "%s", file->name);
    snprintf(held->version, sizeof held->version, "%s", file->version);
    hash_text(file->hash, held->hash);
    held->name = strdup(deployment);
    held->why = strdup(why);
    if (held->name != NULL && held->why != NULL)
        return held;
    held_free(held);
    return NULL;
}

void held_free(struct held *held) {
    if (held == NULL)
        return;
    free(held->name);
    free(held->why);
    free(held);
}
