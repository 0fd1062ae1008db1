#include "source/replay/replay_parts.h"

#include "base/array.h"

#include <stdlib.h>

struct topic_parts {
    struct file_part *items; /* by partition number */
    size_t count;
};

struct file_parts {
    uint32_t topic_count;
    struct topic_parts topics[];
};

struct file_parts *file_parts_new(uint32_t topic_count) {
    struct file_parts *parts = calloc(1, sizeof *parts + topic_count * sizeof(struct topic_parts));
    if (parts != NULL)
        parts->topic_count = topic_count;
    return parts;
}

void file_parts_free(struct file_parts *parts) {
    if (parts == NULL)
        return;
    for (uint32_t i = 0; i < parts->topic_count; i++)
        free(parts->topics[i].items);
    free(parts);
}

struct file_part *file_parts_at(struct file_parts *parts, uint32_t topic, int32_t partition) {
    struct topic_parts *of_topic = &parts->topics[topic];
    size_t at = (size_t)partition;
    return ARRAY_REACH(of_topic->items, at, of_topic->count) ? &of_topic->items[at] : NULL;
}
