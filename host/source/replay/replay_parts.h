/*
 * source/replay/replay_parts.h - what replay knows of each (topic, partition).
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_PARTS_H
#define TAKE5_SOURCE_REPLAY_REPLAY_PARTS_H

#include <stdint.h>

/* Partition numbers above are not believed. */
#define FILE_PARTS_MAX_PARTITION 65535

struct file_part {
    int64_t next;  /* the offset that a line without one gets */
    int64_t begin; /* where the listener wants to begin: what lies below is left out */
};

struct file_parts;

/* NULL when memory runs out. */
struct file_parts *file_parts_new(uint32_t topic_count);
void file_parts_free(struct file_parts *parts);

/* Made, with zeros, when it is first asked for. NULL when memory runs out. Valid until another one
 * of that topic is asked for. */
struct file_part *file_parts_at(struct file_parts *parts, uint32_t topic, int32_t partition);

#endif
