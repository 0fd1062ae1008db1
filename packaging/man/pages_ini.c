#include "pages.h"

#include "base/clock.h"
#include "base/units.h"
#include "config/schema/schema.h"
#include "roff.h"

#include <inttypes.h>
#include <string.h>

static bool is_chosen(const struct schema_key *key) {
    return key->choices != NULL;
}

static void choices(FILE *file, const struct schema_key *key) {
    fputs(key->type == SCHEMA_SET ? "any of " : "one of ", file);
    for (const struct schema_choice *choice = key->choices; choice->name != NULL; choice++) {
        fprintf(file, "%s\\fB", choice == key->choices ? "" : ", ");
        roff_text(file, choice->name);
        fputs("\\fP", file);
    }
}

/* A bound in the unit in which people write it. */
static void bound(FILE *file, enum schema_type type, int64_t value) {
    char text[32];
    switch (type) {
    case SCHEMA_DURATION:
        format_duration(value, text, sizeof text);
        break;
    case SCHEMA_MILLISECONDS:
        snprintf(text, sizeof text, "%lld", (long long)(value / NS_PER_MS));
        break;
    case SCHEMA_MINUTES:
        snprintf(text, sizeof text, "%lld", (long long)(value / (60 * NS_PER_S)));
        break;
    default:
        snprintf(text, sizeof text, "%" PRId64, value);
    }
    roff_text(file, text);
}

static bool has_bounds(enum schema_type type) {
    switch (type) {
    case SCHEMA_INTEGER:
    case SCHEMA_INTEGER_32:
    case SCHEMA_DURATION:
    case SCHEMA_MILLISECONDS:
    case SCHEMA_MINUTES:
    case SCHEMA_RATE:
    case SCHEMA_SIZE_32:
        return true;
    default:
        return false;
    }
}

static void bounds(FILE *file, const struct schema_key *key) {
    if (!has_bounds(key->type))
        return;
    fputs(key->max == SCHEMA_NO_BOUND ? ", at least " : ", ", file);
    bound(file, key->type, key->min);
    if (key->max == SCHEMA_NO_BOUND)
        return;
    fputs(" to ", file);
    bound(file, key->type, key->max);
}

static void default_of(FILE *file, const struct schema_key *key) {
    fputs("Default: ", file);
    roff_text(file, key->default_value != NULL  ? key->default_value
                    : key->default_note != NULL ? key->default_note
                                                : "none");
    fputs(".\n", file);
}

/* The variable that stands above a key, if there is one. */
static void variable_of(FILE *file, const char *section, const char *key) {
    size_t count;
    const struct schema_variable *variables = schema_variables(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(variables[i].section, section) != 0 || strcmp(variables[i].key, key) != 0)
            continue;
        fputs("Environment: \\fB", file);
        roff_text(file, variables[i].name);
        fputs("\\fP.\n", file);
    }
}

static void one_key(FILE *file, const struct schema_key *key) {
    roff_entry(file, key->key, "");
    roff_line(file, key->help);
    fputs("Takes ", file);
    if (is_chosen(key))
        choices(file, key);
    else
        roff_text(file, schema_type_text(key->type));
    bounds(file, key);
    fputs(".\n", file);
    default_of(file, key);
    variable_of(file, key->section, key->key);
    if (key->is_fixed)
        fputs("A change needs a restart.\n", file);
}

static void one_property(FILE *file, const struct schema_property *property) {
    roff_entry(file, property->name, "");
    roff_line(file, property->help);
    if (property->value != NULL) {
        fputs("Default: ", file);
        roff_text(file, property->value);
        fputs(".\n", file);
    }
    variable_of(file, property->section, property->name);
}

static void one_section(FILE *file, const struct schema_section *section) {
    size_t count;
    fputs(".SS [", file);
    roff_text(file, section->name);
    fputs("]\n", file);
    roff_line(file, section->help);
    if (section->open != NULL) {
        fputs(".PP\nFurther keys: ", file);
        roff_text(file, section->open);
        fputs(".\n", file);
    }
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, section->name) == 0)
            one_key(file, &keys[i]);
    }
    const struct schema_property *properties = schema_properties(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(properties[i].section, section->name) == 0)
            one_property(file, &properties[i]);
    }
}

void pages_sections(FILE *file) {
    size_t count;
    const struct schema_section *sections = schema_sections(&count);
    for (size_t i = 0; i < count; i++)
        one_section(file, &sections[i]);
}

void pages_environment(FILE *file) {
    size_t count;
    const struct schema_variable *variables = schema_variables(&count);
    for (size_t i = 0; i < count; i++) {
        roff_entry(file, variables[i].name, "");
        roff_line(file, variables[i].help);
        fputs("Stands above ", file);
        roff_text(file, variables[i].key);
        fputs(" of [", file);
        roff_text(file, variables[i].section);
        fputs("].\n", file);
    }
}
