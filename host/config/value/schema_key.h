/*
 * config/value/schema_key.h - what one key may contain: a row of the tables in
 * config/schema/schema.h.
 */
#ifndef TAKE5_CONFIG_VALUE_SCHEMA_KEY_H
#define TAKE5_CONFIG_VALUE_SCHEMA_KEY_H

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
    SCHEMA_SIZE,         /* int64_t bytes: "2GiB" */
    SCHEMA_ZONE,         /* struct time_zone: "UTC", "+05:30"; "none" */
    SCHEMA_TEXT,         /* char *, not empty */
    SCHEMA_OPTIONAL,     /* char *, may be empty */
    SCHEMA_PATH,         /* char *, made absolute */
    SCHEMA_PATHS,        /* char *, a comma list, each made absolute (base/path_list.h) */
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
    size_t offset;    /* into struct config, config_topic, _deployment or _worker */
    bool is_fixed;    /* a change needs a restart */
    const char *help; /* one line or a few, without line breaks */
};

/* The type for people: "a duration (250ms, 30s, 5m, 2h, 1d)". */
const char *schema_type_text(enum schema_type type);

#endif
