/*
 * engine/core/topic_table.h - the topics that a host reads: made once, the same for its whole life.
 *
 * Indices, names and roles never change: records, offset trackers, lanes and the crash file know a
 * topic by its index or by the address of its name. A reload that would change them is refused
 * (config_can_reload).
 */
#ifndef TAKE5_ENGINE_CORE_TOPIC_TABLE_H
#define TAKE5_ENGINE_CORE_TOPIC_TABLE_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct topic {
    const char *role; /* what strategies call it */
    const char *name; /* Kafka's */
    size_t name_size;
};

struct topics {
    size_t count;
    struct topic items[];
};

/* The names are the configuration's, which must outlive it. NULL: out of memory; free() it. */
struct topics *topics_new(const struct config *config);

bool topics_find(const struct topics *topics, const char *name, uint32_t *index);
bool topics_find_role(const struct topics *topics, const char *role, uint32_t *index);

/* "-" if there is none. */
static inline const char *topics_name(const struct topics *topics, uint32_t index) {
    return index < topics->count ? topics->items[index].name : "-";
}

#endif
