#include "commands/proof/notes.h"

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "engine/core/provenance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE ((size_t)64 << 20)

/* ---- reading ---- */

static bool add(struct note **items, size_t *count, size_t *capacity, cJSON *json,
                int64_t time_ms) {
    if (!ARRAY_GROW(*items, *count, *capacity))
        return false;
    (*items)[(*count)++] = (struct note){time_ms, json};
    return true;
}

/* A line that is none was cut off. */
static bool add_line(struct notes *notes, const char *line, size_t size) {
    cJSON *json = cJSON_ParseWithLength(line, size);
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(json, "time_ms");
    const bool is_deviation = cJSON_GetObjectItemCaseSensitive(json, "gap") != NULL ||
                              cJSON_GetObjectItemCaseSensitive(json, "besides") != NULL;
    const bool is_note = cJSON_GetObjectItemCaseSensitive(json, "deployments") != NULL;
    if (!cJSON_IsNumber(time) || is_deviation == is_note) {
        cJSON_Delete(json);
        return true;
    }
    const int64_t time_ms = (int64_t)time->valuedouble;
    const bool did = is_deviation
                         ? add(&notes->deviations, &notes->deviation_count,
                               &notes->deviation_capacity, json, time_ms)
                         : add(&notes->items, &notes->count, &notes->capacity, json, time_ms);
    if (!did)
        cJSON_Delete(json);
    return did;
}

/* One that is not there has no notes. */
static bool read_notes(struct notes *notes, const char *state_dir, const char *name,
                       struct error *error) {
    size_t size = 0;
    char *path = text_format("%s/%s", state_dir, name);
    if (path == NULL)
        return error_set_memory(error, "a path");
    char *bytes = io_read_path(path, MAX_FILE, &size, error);
    bool did = bytes != NULL || errno == ENOENT;
    free(path);
    for (const char *line = bytes, *stop; did && line != NULL; line = stop + 1) {
        stop = memchr(line, '\n', size - (size_t)(line - bytes));
        if (stop == NULL)
            break;
        if (!add_line(notes, line, (size_t)(stop - line)))
            did = error_set_memory(error, "what is noted of deployments");
    }
    free(bytes);
    return did;
}

bool notes_read(struct notes *notes, const char *state_dir, struct error *error) {
    return read_notes(notes, state_dir, PROVENANCE_OLDER, error) &&
           read_notes(notes, state_dir, PROVENANCE_FILE, error) &&
           (notes->count > 0 ||
            error_set(error, ERROR_INVALID,
                      "%s/" PROVENANCE_FILE " is not there: which strategies ran is not known",
                      state_dir));
}

void notes_release(struct notes *notes) {
    for (size_t i = 0; i < notes->count; i++)
        cJSON_Delete(notes->items[i].json);
    for (size_t i = 0; i < notes->deviation_count; i++)
        cJSON_Delete(notes->deviations[i].json);
    free(notes->items);
    free(notes->deviations);
    *notes = (struct notes){0};
}

cJSON *notes_read_deployed(const char *path, struct error *error) {
    size_t size = 0;
    char *bytes = io_read_path(path, MAX_FILE, &size, error);
    if (bytes == NULL)
        return NULL;
    cJSON *json = cJSON_ParseWithLength(bytes, size);
    free(bytes);
    if (json == NULL)
        error_set(error, ERROR_INVALID, "%s: no JSON", path);
    return json;
}

/* ---- what they say ---- */

const char *note_text(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

const cJSON *note_deployment(const cJSON *json, const char *name) {
    const cJSON *deployment;
    cJSON_ArrayForEach(deployment, cJSON_GetObjectItemCaseSensitive(json, "deployments")) {
        if (strcmp(note_text(deployment, "name"), name) == 0)
            return deployment;
    }
    return NULL;
}

bool note_emits(const cJSON *deployment) {
    return deployment != NULL && note_text(deployment, "shadow_of")[0] == '\0';
}

const char *note_promoted_from(const cJSON *deployment) {
    return note_text(deployment, "promoted_from");
}

const char *note_hash(const cJSON *deployment) {
    return note_text(deployment, "hash");
}

static bool is_same_member(const cJSON *deployment, const cJSON *other, const char *name) {
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(deployment, name);
    const cJSON *two = cJSON_GetObjectItemCaseSensitive(other, name);
    return (one == NULL && two == NULL) || cJSON_Compare(one, two, true);
}

bool note_has_same_settings(const cJSON *deployment, const cJSON *other) {
    return is_same_member(deployment, other, "settings") &&
           is_same_member(deployment, other, "files");
}

bool note_is_same(const cJSON *deployment, const cJSON *other) {
    return strcmp(note_hash(deployment), note_hash(other)) == 0 &&
           note_has_same_settings(deployment, other);
}

static const cJSON *find_partition(const struct note *note, int32_t number) {
    const cJSON *partition;
    cJSON_ArrayForEach(partition, cJSON_GetObjectItemCaseSensitive(note->json, "partitions")) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(partition, "partition");
        if (cJSON_IsNumber(item) && item->valuedouble == number)
            return partition;
    }
    return NULL;
}

static const cJSON *find_behind(const struct note *note, int32_t partition,
                                const char *deployment) {
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(find_partition(note, partition), "behind");
    return cJSON_GetObjectItemCaseSensitive(all, deployment);
}

bool note_position(const struct note *note, int32_t partition, const char *deployment,
                   const char *topic, int64_t *next) {
    const cJSON *of = deployment != NULL ? find_behind(note, partition, deployment) : NULL;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, topic);
    if (item == NULL)
        item = cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(find_partition(note, partition), "next"), topic);
    if (!cJSON_IsNumber(item))
        return false;
    *next = (int64_t)item->valuedouble;
    return true;
}

bool note_has_partition(const struct note *note, int32_t partition) {
    return find_partition(note, partition) != NULL;
}

bool note_is_behind(const struct note *note, int32_t partition, const char *deployment) {
    return find_behind(note, partition, deployment) != NULL;
}

bool note_is_start(const struct note *note) {
    const cJSON *partition;
    cJSON_ArrayForEach(partition, cJSON_GetObjectItemCaseSensitive(note->json, "partitions")) {
        if (cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(partition, "partition")) >= 0)
            return false;
    }
    return true;
}

/* -1: it has none of that name. */
static int index_of(const cJSON *all, const char *name) {
    for (int i = 0; i < cJSON_GetArraySize(all); i++) {
        if (strcmp(note_text(cJSON_GetArrayItem(all, i), "name"), name) == 0)
            return i;
    }
    return -1;
}

bool note_promote(cJSON *json, const char *shadow, const char *original) {
    cJSON *all = cJSON_GetObjectItemCaseSensitive(json, "deployments");
    if (index_of(all, shadow) < 0 || index_of(all, original) < 0)
        return true;
    cJSON *name = cJSON_CreateString(original);
    cJSON *promoted = cJSON_DetachItemFromArray(all, index_of(all, shadow));
    cJSON_DeleteItemFromObjectCaseSensitive(promoted, "shadow_of");
    if (!cJSON_ReplaceItemInObjectCaseSensitive(promoted, "name", name)) {
        cJSON_Delete(name);
        cJSON_Delete(promoted);
        return false;
    }
    return cJSON_ReplaceItemInArray(all, index_of(all, original), promoted);
}

bool notes_replace(struct notes *notes, size_t index, const cJSON *deployment) {
    cJSON *all = cJSON_GetObjectItemCaseSensitive(notes->items[index].json, "deployments");
    const int at = index_of(all, note_text(deployment, "name"));
    if (at < 0)
        return true;
    cJSON *copy = cJSON_Duplicate(deployment, true);
    return copy != NULL && cJSON_ReplaceItemInArray(all, at, copy);
}
