/*
 * config/text/ini.h - one ini file as a list of sections and entries, each with its line.
 *
 * The grammar is inih's, made strict: [section], key = value (or key: value), lines that begin with
 * ; or # are comments, " ;" begins a comment within a line, and a line that is indented deeper than
 * the key above it continues its value (joined by a line break). Keys and sections may be indented
 * themselves. Refused, each with its line and all at once: what is neither, text behind a section's
 * bracket, keys before the first section, keys without a name, one key twice in a section, one
 * section twice, lines or section names longer than inih takes, NUL and other control characters,
 * what is not UTF-8, and a line that would continue a value but looks like a section or a key, or
 * is nothing that this value may have (config/text/continuation.h). A BOM, CRLF and a last line
 * without a line break are fine.
 */
#ifndef TAKE5_CONFIG_TEXT_INI_H
#define TAKE5_CONFIG_TEXT_INI_H

#include "base/faults.h"
#include "config/text/continuation.h"

#include <stdbool.h>
#include <stddef.h>

struct ini_entry {
    size_t section; /* index */
    char *key;
    char *value;
    struct place place;
};

struct ini_section {
    char *name;
    struct place place;
};

struct ini {
    struct ini_section *sections; /* in the order of the file; those without keys too */
    size_t section_count;
    struct ini_entry *entries; /* in the order of the file */
    size_t entry_count;
    size_t section_capacity, entry_capacity;
};

#define INI_INIT                                                                                   \
    { 0 }

/* Larger files are refused: they are something else. */
#define INI_FILE_SIZE_MAX ((size_t)4 << 20)

/* The bytes of a file, for ini_read(); free() them. NULL with a fault. */
char *ini_load(const char *path, size_t *size, struct faults *faults);

/* Reads a file. `rules` may be NULL. `path` is borrowed: places point to it, so it must outlive
 * them. False when there was a fault; `ini` then holds what could be read, so that its values can
 * still be checked. */
bool ini_read_file(struct ini *ini, const char *path, const struct ini_rules *rules,
                   struct faults *faults);

/* As ini_read_file for bytes in memory. */
bool ini_read(struct ini *ini, const char *path, const char *data, size_t size,
              const struct ini_rules *rules, struct faults *faults);

void ini_release(struct ini *ini);

#endif
