/*
 * What is known of keys while files are read: by the tables, and by librdkafka.
 */
#include "config/assign.h"
#include "config/sections/receivers.h"

#include <string.h>
#include <strings.h>

static bool is_of_kafka(const struct schema_section *section) {
    return strcmp(section->name, "kafka") == 0 || strcmp(section->name, "sink:kafka") == 0;
}

static enum ini_value value_of(void *context, const char *section, const char *key) {
    const struct schema_section *known = schema_section_of(section, NULL);
    const struct schema_key *row = known != NULL ? schema_find(known->name, key) : NULL;
    (void)context;
    if (row != NULL)
        return row->type == SCHEMA_LIST || row->type == SCHEMA_SET ||
                       row->type == SCHEMA_TIME_FRAMES
                   ? INI_VALUE_LIST
                   : INI_VALUE_LINE;
    if (known == NULL || known->open == NULL)
        return INI_VALUE_TEXT; /* the key is refused, whatever its value is */
    if (is_of_kafka(known))
        return kafka_property_value(key);
    return strcmp(known->name, "strategy:NAME") == 0 ? INI_VALUE_TEXT : INI_VALUE_LINE;
}

static bool is_key_of(const char *section, const char *name, size_t size) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0 && strlen(keys[i].key) == size &&
            strncasecmp(keys[i].key, name, size) == 0)
            return true;
    return false;
}

/* Without ".file" or ".env" behind it. */
static size_t property_size(const char *name, size_t size) {
    static const char *const ends[] = {".file", ".env"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t end = strlen(ends[i]);
        if (size > end && strncasecmp(name + size - end, ends[i], end) == 0)
            return size - end;
    }
    return size;
}

static bool is_key(void *context, const char *section, const char *name, size_t size) {
    const struct build *build = context;
    const struct schema_section *known = schema_section_of(section, NULL);
    if (known == NULL)
        return false;
    return is_key_of(known->name, name, size) ||
           receiver_has_name(known->name, name, property_size(name, size)) ||
           (is_of_kafka(known) && build->kafka != NULL &&
            kafka_property_has_name(build->kafka, name, property_size(name, size)));
}

struct ini_rules build_rules(struct build *build) {
    return (struct ini_rules){.value_of = value_of, .is_key = is_key, .context = build};
}
