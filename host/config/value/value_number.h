/*
 * config/value/value_number.h - numbers with units, by their type in the schema. Inside config.
 */
#ifndef TAKE5_CONFIG_VALUE_VALUE_NUMBER_H
#define TAKE5_CONFIG_VALUE_VALUE_NUMBER_H

#include "base/error.h"
#include "base/text.h"
#include "config/value/schema_key.h"

/* Reads a value within the key's bounds, in the unit of its member. */
bool value_number_parse(const struct schema_key *key, const char *text, int64_t *value,
                        struct error *error);
/* Appends a value (or a bound) as a file would have it. */
void value_number_print(enum schema_type type, int64_t value, struct text *out);

#endif
