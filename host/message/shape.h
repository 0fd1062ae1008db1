/*
 * message/shape.h - which topic a message belongs to, by the names of its members: for recordings
 * and dead letters that do not say. Any thread.
 */
#ifndef TAKE5_MESSAGE_SHAPE_H
#define TAKE5_MESSAGE_SHAPE_H

#include <stddef.h>
#include <stdint.h>

/* What a member of the message indicates, as a bit; 0: nothing. The name has no escapes. */
uint32_t shape_member(const char *name, size_t size);
/* The role of the topic that all bits together indicate: "bar_trends", "historic_stats" or
 * "asset_trends"; NULL: none. */
const char *shape_role(uint32_t bits);

#endif
