/*
 * conformance/script/json_edit.h - changing single members of a message's document.
 */
#ifndef TAKE5_CONFORMANCE_SCRIPT_JSON_EDIT_H
#define TAKE5_CONFORMANCE_SCRIPT_JSON_EDIT_H

#include <cjson/cJSON.h>

#include <stdbool.h>
#include <stddef.h>

/* Every value below the root, parents before their children. */
struct json_nodes {
    cJSON **items;
    cJSON **parents;
    size_t count;
};

/* Only those that `wanted` likes; NULL: all. False when memory runs out. */
bool json_nodes_list(struct json_nodes *nodes, cJSON *root, bool (*wanted)(const cJSON *item));
void json_nodes_release(struct json_nodes *nodes);

/* Puts `raw`, a JSON text, in the place of a value. False when memory runs out. */
bool json_replace(cJSON *parent, cJSON *item, const char *raw);
void json_remove(cJSON *parent, cJSON *item);

/* Whether one of a field path's alternatives is there. */
bool json_has_path(const cJSON *root, const char *path);
/* Puts `raw` at the first alternative of a field path, making the objects on the way; what stands
 * in the way is replaced. False when memory runs out. */
bool json_put_path(cJSON *root, const char *path, const char *raw);

#endif
