/*
 * config/value/value_list.h - lists with commas. Inside config.
 */
#ifndef TAKE5_CONFIG_VALUE_VALUE_LIST_H
#define TAKE5_CONFIG_VALUE_VALUE_LIST_H

#include "base/error.h"
#include "config/value/schema_key.h"

/* The items between the commas, trimmed, NULL-terminated (base/string_list.h). A line break parts
 * items too, and a comma at the end does no harm; two commas in a row are an error. NULL on
 * failure. */
char **value_list_split(const char *name, const char *text, struct error *error);

/* A list of seconds, 0-terminated: free() it. NULL on failure, also for an empty one. */
uint32_t *value_list_time_frames(const char *name, const char *text, struct error *error);

#endif
