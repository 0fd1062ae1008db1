/*
 * config/value.h - one value by its row of the schema: from text into a member, and back. Inside
 * config.
 */
#ifndef TAKE5_CONFIG_VALUE_H
#define TAKE5_CONFIG_VALUE_H

#include "base/text.h"
#include "config/schema.h"

struct error;

/* Reads `text` into the member of `base` that the key names; what a text or list member had is
 * freed. A path is taken as seen from `directory` (NULL: the working directory). On failure the
 * member is as it was, and the error says what was expected. */
bool value_set(void *base, const struct schema_key *key, const char *text, const char *directory,
               struct error *error);
/* Appends the value as a file would have it. Nothing for a text or list that is not set. */
void value_print(const void *base, const struct schema_key *key, struct text *out);
/* Frees what the member owns. */
void value_release(void *base, const struct schema_key *key);

/* All rows of a section of the table ("strategy:NAME") at once: their defaults into a zeroed
 * `base` (false: no memory), and what their members hold. */
bool value_set_defaults(void *base, const char *section);
void value_release_section(void *base, const char *section);
/* Whether two structs agree in this member. */
bool value_equal(const void *a, const void *b, const struct schema_key *key);

#endif
