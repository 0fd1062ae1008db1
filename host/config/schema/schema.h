/*
 * config/schema/schema.h - what a configuration may contain: every section and key with its type,
 * default, bounds, choices and help. The single source of truth: values are read and printed by
 * these tables, and man pages, examples and documentation are generated from them or checked
 * against them.
 *
 * The tables are constants; any thread may read them.
 */
#ifndef TAKE5_CONFIG_SCHEMA_SCHEMA_H
#define TAKE5_CONFIG_SCHEMA_SCHEMA_H

#include "config/value/schema_key.h"

/* The sections. A name that ends with a word in capitals stands for many: "strategy:NAME". */
struct schema_section {
    const char *name;
    const char *open; /* what keys besides those in the table are; NULL: there are none */
    const char *help;
};

/* Librdkafka properties that the host sets when nobody else does. */
struct schema_property {
    const char *section; /* "kafka" or "sink:kafka" */
    const char *name;
    const char *value;   /* NULL: depends on [take5] */
    bool is_optional;    /* only where this librdkafka knows it */
    const char *instead; /* only where this librdkafka does not know that one; NULL: everywhere */
    bool is_shared;      /* the default of [kafka] is the producer's too */
    const char *help;
};

/* Environment variables that are read, above the ini file. */
struct schema_variable {
    const char *name;
    const char *source; /* "environment variable NAME": the file of its places */
    const char *section;
    const char *key;
    const char *help;
};

/* All of each kind, in the order in which an example file has them. */
const struct schema_key *schema_keys(size_t *count);
const struct schema_section *schema_sections(size_t *count);
const struct schema_property *schema_properties(size_t *count);
const struct schema_variable *schema_variables(size_t *count);

/* The key in a section of the table ("strategy:NAME", not "strategy:alpha"); NULL: none. Keys of
 * "strategy:NAME" are the host's: no descriptor may declare a parameter of such a name. */
const struct schema_key *schema_find(const char *section, const char *key);
/* The table's section for one in a file: "strategy:alpha" gives "strategy:NAME". `name` gets what
 * stands behind the colon of such a section, else NULL; may be NULL. NULL: no such section. */
const struct schema_section *schema_section_of(const char *section, const char **name);

/* All rows of a section of the table ("strategy:NAME") at once: their defaults into a zeroed
 * `base` (false: no memory), and what their members hold. */
bool schema_set_defaults(void *base, const char *section);
void schema_release(void *base, const char *section);

#endif
