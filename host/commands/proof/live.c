#include "commands/proof/live.h"

#include "base/array.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static char *copy_member(const cJSON *json, const char *name, bool *is_there) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    *is_there = *is_there && cJSON_IsString(item);
    return cJSON_IsString(item) ? strdup(item->valuestring) : NULL;
}

static double number_of(const cJSON *json, const char *name, bool *is_there) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    *is_there = *is_there && cJSON_IsNumber(item);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

bool signal_line_parse(struct signal_line *line, const char *text, size_t size, bool *is_oom) {
    cJSON *json = cJSON_ParseWithLength(text, size);
    bool is_there = json != NULL;
    *line = (struct signal_line){
        .id = copy_member(json, "id", &is_there),
        .deployment = copy_member(json, "deployment", &is_there),
        .topic = copy_member(json, "topic", &is_there),
        .partition = (int32_t)number_of(json, "partition", &is_there),
        .offset = (int64_t)number_of(json, "offset", &is_there),
    };
    cJSON_Delete(json);
    if (is_there)
        line->text = text_dup(text, size);
    *is_oom = is_there && (line->id == NULL || line->deployment == NULL || line->topic == NULL ||
                           line->text == NULL);
    if (is_there && !*is_oom)
        return true;
    signal_line_release(line);
    return false;
}

void signal_line_release(struct signal_line *line) {
    free(line->id);
    free(line->deployment);
    free(line->topic);
    free(line->text);
    *line = (struct signal_line){0};
}

bool live_add(struct live *live, struct signal_line *line) {
    if (!ARRAY_GROW(live->items, live->count, live->capacity)) {
        signal_line_release(line);
        return false;
    }
    line->order = live->count;
    live->items[live->count++] = *line;
    *line = (struct signal_line){0};
    return true;
}

static int compare(const void *left, const void *right) {
    const struct signal_line *a = left, *b = right;
    const int ids = strcmp(a->id, b->id);
    return ids != 0 ? ids : (a->order > b->order) - (a->order < b->order);
}

/* One that was emitted again leaves whether it was the same. */
static void merge(struct live *live) {
    size_t kept = 0;
    for (size_t i = 0; i < live->count; i++) {
        struct signal_line *line = &live->items[i];
        struct signal_line *before = kept > 0 ? &live->items[kept - 1] : NULL;
        if (before == NULL || strcmp(before->id, line->id) != 0) {
            live->items[kept++] = *line;
            continue;
        }
        before->is_changed |= strcmp(before->text, line->text) != 0;
        live->repeated++;
        signal_line_release(line);
    }
    live->count = kept;
}

void live_sort(struct live *live) {
    if (live->count > 0)
        qsort(live->items, live->count, sizeof *live->items, compare);
    merge(live);
}

static int compare_id(const void *key, const void *item) {
    return strcmp(key, ((const struct signal_line *)item)->id);
}

struct signal_line *live_find(const struct live *live, const char *id) {
    return live->count == 0
               ? NULL
               : bsearch(id, live->items, live->count, sizeof *live->items, compare_id);
}

void live_release(struct live *live) {
    for (size_t i = 0; i < live->count; i++)
        signal_line_release(&live->items[i]);
    free(live->items);
    *live = (struct live){0};
}
