/*
 * config/text/continuation.h - whether an indented line goes on with the value above it, or is a
 * key or a section that its writer meant to begin there. Inside config.
 *
 * What may stand in a further line depends on the value: nothing, items of a list, a PEM text, or
 * any text. A name with = or : behind it is a key, wherever the configuration knows such a key (in
 * any case of dead letters), and where it looks like one; what values of several lines really have
 * is none: the end of a base64 text, a PEM text's headers, "host:port", "http://", "NYSE:IBM".
 */
#ifndef TAKE5_CONFIG_TEXT_CONTINUATION_H
#define TAKE5_CONFIG_TEXT_CONTINUATION_H

#include <stdbool.h>
#include <stddef.h>

/* What a value may be: how it may go on in further lines. */
enum ini_value {
    INI_VALUE_TEXT = 0, /* any text, also of several lines */
    INI_VALUE_LINE,     /* one line */
    INI_VALUE_LIST,     /* items with commas or line breaks between them */
    INI_VALUE_HOSTS,    /* such a list of "host:port" */
    INI_VALUE_PEM
};

/* What is known of the keys. Without rules every value is a text. */
struct ini_rules {
    enum ini_value (*value_of)(void *context, const char *section, const char *key);
    /* Whether there is a key of that name in the section, in any case of dead_letters. */
    bool (*is_key)(void *context, const char *section, const char *name, size_t size);
    void *context;
};

enum continuation {
    CONTINUATION_VALUE = 1, /* it is one */
    CONTINUATION_SECTION,
    CONTINUATION_KEY,
    CONTINUATION_STRAY /* neither, but nothing that this value may have */
};

/* The value above, as far as it was read. */
struct continuation_of {
    const struct ini_rules *rules; /* may be NULL */
    const char *section, *key;
    const char *value;
};

/* `text` is a line without its comment. For a section or a key, `size` is how much of the
 * line names it. */
enum continuation continuation_judge(const struct continuation_of *of, const char *text,
                                     size_t *size);

#endif
