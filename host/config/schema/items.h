/*
 * config/schema/items.h - lists of names with texts, as config.h has them.
 */
#ifndef TAKE5_CONFIG_SCHEMA_ITEMS_H
#define TAKE5_CONFIG_SCHEMA_ITEMS_H

#include "config/schema/settings.h"

/* Sets a name's text; one that is there is replaced, and keeps its position. False: no memory, and
 * nothing changed. */
bool config_items_set(struct config_items *items, const char *name, const char *text,
                      struct place place);
/* NULL when there is none of that name. */
const struct config_item *config_items_find(const struct config_items *items, const char *name);
void config_items_release(struct config_items *items);

/* Whether a value of this name is to be kept from every screen and log. */
bool config_is_secret(const char *name);

#endif
