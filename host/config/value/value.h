/*
 * config/value/value.h - one value by its row of the schema: from text into a member, and back.
 */
#ifndef TAKE5_CONFIG_VALUE_VALUE_H
#define TAKE5_CONFIG_VALUE_VALUE_H

#include "base/text.h"
#include "config/value/schema_key.h"

struct error;

/* Reads `text` into the member of `base` that the key names; what a text or list member had is
 * freed. A path is taken as seen from `directory` (NULL: the working directory). On failure the
 * member is as it was, and the error has what was expected. */
bool value_set(void *base, const struct schema_key *key, const char *text, const char *directory,
               struct error *error);
/* Appends the value as a file would have it. Nothing for a text or list that is not set. */
void value_print(const void *base, const struct schema_key *key, struct text *out);
/* Frees what the member owns. */
void value_release(void *base, const struct schema_key *key);

/* Whether two structs agree in this member. */
bool value_equal(const void *a, const void *b, const struct schema_key *key);

#endif
