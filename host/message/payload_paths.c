#include "message/payload_paths.h"

#include "base/array.h"
#include "base/faults.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 16

void paths_release(struct paths *paths) {
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i]);
    free(paths->items);
    *paths = (struct paths){0};
}

/* ---- which paths there are ---- */

static bool has_path(const struct paths *paths, const char *path) {
    for (size_t i = 0; i < paths->count; i++) {
        if (strcmp(paths->items[i], path) == 0)
            return true;
    }
    return false;
}

static bool add_path(struct paths *paths, const struct text *path) {
    if (text_is_oom(path))
        return false;
    if (paths->count == PATHS_MOST || has_path(paths, path->data))
        return true;
    char *copy = text_dup(path->data, path->size);
    if (copy == NULL || !ARRAY_RESIZE(paths->items, paths->count + 2)) {
        free(copy);
        return false;
    }
    paths->items[paths->count++] = copy;
    paths->items[paths->count] = NULL;
    return true;
}

static void cut(struct text *text, size_t size) {
    if (text_is_oom(text) || text->data == NULL)
        return;
    text->size = size;
    text->data[size] = '\0';
}

static bool add_members(struct paths *paths, const cJSON *object, struct text *path, int depth) {
    const size_t size = path->size;
    bool did = true;
    for (const cJSON *item = object->child; did && item != NULL; item = item->next) {
        text_printf(path, "%s%s", size > 0 ? "." : "", item->string);
        did = add_path(paths, path) && (!cJSON_IsObject(item) || depth == DEEPEST ||
                                        add_members(paths, item, path, depth + 1));
        cut(path, size);
    }
    return did;
}

bool paths_add(struct paths *paths, const char *json, size_t size) {
    struct text path;
    cJSON *tree = cJSON_ParseWithLength(json, size);
    text_init(&path);
    const bool did = !cJSON_IsObject(tree) || add_members(paths, tree, &path, 1);
    text_release(&path);
    cJSON_Delete(tree);
    return did;
}

/* ---- the most similar one ---- */

static const char *last_step(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

/* By the last step only. */
static const char *near_step(const struct paths *paths, const char *path) {
    const char **steps = calloc(paths->count + 1, sizeof *steps);
    const char *found = NULL;
    if (steps == NULL)
        return NULL;
    for (size_t i = 0; i < paths->count; i++)
        steps[i] = last_step(paths->items[i]);
    const char *near = faults_near_miss(last_step(path), steps);
    for (size_t i = 0; near != NULL && found == NULL && i < paths->count; i++) {
        if (steps[i] == near)
            found = paths->items[i];
    }
    free(steps);
    return found;
}

static const char *nearest_to(const struct paths *paths, const char *path) {
    const char *near = faults_near_miss(path, (const char *const *)paths->items);
    return near != NULL ? near : near_step(paths, path);
}

const char *paths_nearest(const struct paths *paths, const char *path) {
    const char *found = NULL;
    for (const char *from = path; paths->count > 0 && found == NULL && *from != '\0';) {
        const size_t size = strcspn(from, "|");
        char *one = text_dup(from, size);
        if (one == NULL)
            return NULL;
        found = nearest_to(paths, one);
        free(one);
        from += size + (from[size] == '|');
    }
    return found;
}
