/*
 * config/schema.h - what a configuration may say: every section and key with its type, default,
 * bounds, choices and help. The single source of truth: values are read and printed by these
 * tables, and man pages, examples and documentation are generated from them or checked against
 * them.
 *
 * The tables are constants; any thread may read them.
 */
#ifndef TAKE5_CONFIG_SCHEMA_H
#define TAKE5_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
    SCHEMA_BOOLEAN = 1,  /* bool: yes/no, true/false, on/off, 1/0 */
    SCHEMA_INTEGER,      /* int64_t */
    SCHEMA_INTEGER_32,   /* uint32_t */
    SCHEMA_DURATION,     /* int64_t ns: "30s" */
    SCHEMA_MILLISECONDS, /* int64_t ns, written as a plain number of ms */
    SCHEMA_MINUTES,      /* int64_t ns, written as a plain number of minutes */
    SCHEMA_RATE,         /* int64_t a minute: "1000/min", or a plain number */
    SCHEMA_SIZE_32,      /* uint32_t bytes: "1MiB" */
    SCHEMA_ZONE,         /* struct time_zone: "UTC", "+05:30"; "none" */
    SCHEMA_TEXT,         /* char *, not empty */
    SCHEMA_OPTIONAL,     /* char *, may be empty */
    SCHEMA_PATH,         /* char *, made absolute */
    SCHEMA_WORD,         /* char *, one of the choices */
    SCHEMA_CHOICE,       /* an enum, one of the choices */
    SCHEMA_FLAG,         /* bool, one of two choices */
    SCHEMA_SET,          /* comma list of choices; the value of each is the offset of its bool */
    SCHEMA_LIST,         /* char **, comma list, NULL-terminated; NULL: not set */
    SCHEMA_TIME_FRAMES   /* uint32_t *, comma list of seconds, 0-terminated; NULL: not set */
};

struct schema_choice {
    const char *name;
    int64_t value;
};

#define SCHEMA_NO_BOUND INT64_MAX

struct schema_key {
    const char *section; /* "take5", "topic:ROLE", "strategy:NAME" */
    const char *key;
    enum schema_type type;
    const char *default_value;           /* the default as text; NULL: none, or see default_note */
    const char *default_note;            /* what the default depends on; NULL: on nothing */
    int64_t min, max;                    /* in the unit of the member; max SCHEMA_NO_BOUND: none */
    const struct schema_choice *choices; /* ends with a NULL name */
    size_t offset;                       /* into struct config, config_topic or config_deployment */
    bool is_fixed;                       /* a change needs a restart */
    const char *help;                    /* one line or a few, without line breaks */
};

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

/* The key in a section of the table ("strategy:NAME", not "strategy:alpha"); NULL: none. */
const struct schema_key *schema_find(const char *section, const char *key);
/* The table's section for one in a file: "strategy:alpha" gives "strategy:NAME". `name` gets what
 * stands behind the colon of such a section, else NULL; may be NULL. NULL: no such section. */
const struct schema_section *schema_section_of(const char *section, const char **name);

/* The host's own keys of [strategy:NAME], NULL-terminated: no descriptor may declare a parameter of
 * such a name. */
const char *const *schema_reserved_names(void);

/* The type for people: "a duration (250ms, 30s, 5m, 2h, 1d)". */
const char *schema_type_text(enum schema_type type);

#endif
