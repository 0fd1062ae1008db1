#include "conformance/script/json_edit.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- all values ---- */

static size_t count_below(const cJSON *root) {
    size_t count = 0;
    for (const cJSON *item = root->child; item != NULL; item = item->next)
        count += 1 + count_below(item);
    return count;
}

static void list_below(struct json_nodes *nodes, cJSON *root, bool (*wanted)(const cJSON *item)) {
    for (cJSON *item = root->child; item != NULL; item = item->next) {
        if (wanted == NULL || wanted(item)) {
            nodes->items[nodes->count] = item;
            nodes->parents[nodes->count++] = root;
        }
        list_below(nodes, item, wanted);
    }
}

bool json_nodes_list(struct json_nodes *nodes, cJSON *root, bool (*wanted)(const cJSON *item)) {
    const size_t most = count_below(root) + 1;
    nodes->items = calloc(most, sizeof(cJSON *));
    nodes->parents = calloc(most, sizeof(cJSON *));
    nodes->count = 0;
    if (nodes->items == NULL || nodes->parents == NULL) {
        json_nodes_release(nodes);
        return false;
    }
    list_below(nodes, root, wanted);
    return true;
}

void json_nodes_release(struct json_nodes *nodes) {
    free(nodes->items);
    free(nodes->parents);
    memset(nodes, 0, sizeof *nodes);
}

/* ---- one value ---- */

bool json_replace(cJSON *parent, cJSON *item, const char *raw) {
    cJSON *other = cJSON_CreateRaw(raw);
    if (other == NULL)
        return false;
    if (item->string != NULL) {
        other->string = strdup(item->string); /* cJSON frees it */
        if (other->string == NULL) {
            cJSON_Delete(other);
            return false;
        }
    }
    return cJSON_ReplaceItemViaPointer(parent, item, other);
}

void json_remove(cJSON *parent, cJSON *item) {
    cJSON_Delete(cJSON_DetachItemViaPointer(parent, item));
}

/* ---- paths ---- */

/* The next step of a path, without its backslashes, into `step`; gives what follows it. The text
 * ends at the alternative's end. */
static const char *next_step(const char *path, struct text *step) {
    text_reset(step);
    while (*path != '\0' && *path != '.' && *path != '|') {
        if (*path == '\\' && path[1] != '\0')
            path++;
        text_putc(step, *path++);
    }
    return path;
}

static const char *next_alternative(const char *path) {
    for (; *path != '\0'; path++) {
        if (*path == '\\' && path[1] != '\0')
            path++;
        else if (*path == '|')
            return path + 1;
    }
    return NULL;
}

static cJSON *child_of(const cJSON *parent, const char *step) {
    if (cJSON_IsArray(parent) && step[0] != '\0' && strspn(step, "0123456789") == strlen(step))
        return cJSON_GetArrayItem(parent, atoi(step));
    return cJSON_GetObjectItemCaseSensitive(parent, step);
}

static bool has_alternative(const cJSON *root, const char *path) {
    struct text step;
    const cJSON *at = root;
    text_init(&step);
    for (;;) {
        path = next_step(path, &step);
        at = child_of(at, step.data);
        if (at == NULL || *path != '.')
            break;
        path++;
    }
    text_release(&step);
    return at != NULL;
}

bool json_has_path(const cJSON *root, const char *path) {
    for (; path != NULL; path = next_alternative(path))
        if (has_alternative(root, path))
            return true;
    return false;
}

/* The member as an object to go on from: made, or put in the place of what is none. */
static cJSON *enter(cJSON *parent, const char *step) {
    cJSON *item = child_of(parent, step);
    if (cJSON_IsObject(item) || cJSON_IsArray(item))
        return item;
    if (item != NULL)
        json_remove(parent, item);
    return cJSON_AddObjectToObject(parent, step);
}

bool json_put_path(cJSON *root, const char *path, const char *raw) {
    struct text step;
    cJSON *at = root;
    text_init(&step);
    path = next_step(path, &step);
    while (at != NULL && *path == '.') {
        at = enter(at, step.data);
        path = next_step(path + 1, &step);
    }
    bool is_good = at != NULL && !text_is_oom(&step);
    if (is_good) {
        cJSON *old = child_of(at, step.data);
        is_good = old != NULL ? json_replace(at, old, raw)
                              : cJSON_AddRawToObject(at, step.data, raw) != NULL;
    }
    text_release(&step);
    return is_good;
}
