/*
 * config/sections/property_source.h - values that stand elsewhere: PROPERTY.file and PROPERTY.env.
 * Inside config.
 */
#ifndef TAKE5_CONFIG_SECTIONS_PROPERTY_SOURCE_H
#define TAKE5_CONFIG_SECTIONS_PROPERTY_SOURCE_H

#include "config/sections/build.h"

/* The property's name without ".file" or ".env", and its value from where it stands; both the
 * caller's, free() them. False with a fault. A secret that others may read is warned of. */
bool property_resolve(struct build *build, const struct assignment *assignment, char **name,
                      char **value);

/* That one file does not set it twice, in one of these ways or another; else a fault. */
bool property_check_once(struct build *build, const struct config_items *items, const char *name,
                         const struct assignment *a);

#endif
