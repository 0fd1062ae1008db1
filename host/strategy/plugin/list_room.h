/*
 * strategy/plugin/list_room.h - how long an array of a loaded file is, as its symbol table says:
 * whether a list that should end with NULL ends within it.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_LIST_ROOM_H
#define TAKE5_STRATEGY_PLUGIN_LIST_ROOM_H

#include <stddef.h>
#include <stdint.h>

/* Entries from `list` to the end of the array that it lies in. SIZE_MAX: not known, because the
 * file has no symbols any more, or the list is no static one. */
size_t list_room(const void *const *list);

#endif
