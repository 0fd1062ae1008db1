/*
 * The effective settings, one a line, with where each is from.
 */
#include "config/assign.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "config/sections/receivers.h"
#include "config/value/value.h"

#include <stdio.h>
#include <string.h>

static void print_origin(struct place place, struct text *out) {
    if (place.file == NULL)
        text_puts(out, " (default)\n");
    else if (place.line > 0)
        text_printf(out, " (%s:%d)\n", place.file, place.line);
    else
        text_printf(out, " (%s)\n", place.file);
}

/* A value of more than one line stays on its line. */
static void print_value(const char *value, struct text *out) {
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            text_puts(out, "\\n");
        else
            text_putc(out, *value);
    }
}

static void print_item(const struct config *config, const char *section,
                       const struct config_item *item, struct text *out) {
    const char *written = veil_find(config, item->place);
    text_printf(out, "%s.%s = ", section, item->name);
    print_value(config_is_secret(item->name) ? "***" : written != NULL ? written : item->text, out);
    print_origin(item->place, out);
}

static void print_items(const struct config *config, const char *section,
                        const struct config_items *items, struct text *out) {
    for (size_t i = 0; i < items->count; i++)
        print_item(config, section, &items->items[i], out);
}

/* Of a row of the schema that was set at `place`. */
static void print_key(const struct config *config, const char *section, const void *base,
                      const struct schema_key *key, struct place place, struct text *out) {
    const char *written = veil_find(config, place);
    text_printf(out, "%s.%s = ", section, key->key);
    if (written != NULL)
        print_value(written, out);
    else
        value_print(base, key, out);
    print_origin(place, out);
}

static void print_section(const struct config *config, const char *section, struct text *out) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, section) != 0)
            continue;
        print_key(config, section, config, &keys[i], config->origins[i], out);
    }
    if (strcmp(section, "log") == 0)
        print_items(config, section, &config->log_levels, out);
    else if (strcmp(section, "kafka") == 0)
        print_items(config, section, &config->kafka, out);
    else if (strcmp(section, "sink:kafka") == 0)
        print_items(config, section, &config->producer, out);
    else if (receiver_items(config, section) != NULL)
        print_items(config, section, receiver_items(config, section), out);
}

static void print_topics(const struct config *config, struct text *out) {
    for (size_t i = 0; i < config->topic_count; i++) {
        const struct config_topic *topic = &config->topics[i];
        const char *written = veil_find(config, topic->place);
        text_printf(out, "topic:%s.topic = %s", topic->role,
                    written != NULL ? written : topic->name);
        print_origin(topic->place, out);
    }
}

/* What every section of a kind has: "strategy:NAME". */
static void print_keys(const struct config *config, const char *kind, const char *section,
                       const void *base, const struct config_items *given, struct text *out) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, kind) != 0)
            continue;
        const struct config_item *key = config_items_find(given, keys[i].key);
        print_key(config, section, base, &keys[i], key != NULL ? key->place : (struct place){0},
                  out);
    }
}

static void print_worker(const struct config *config, const struct config_worker *worker,
                         struct text *out) {
    char section[128];
    snprintf(section, sizeof section, "worker:%s", worker->name);
    print_keys(config, "worker:NAME", section, worker, &worker->keys, out);
}

static void print_deployment(const struct config *config,
                             const struct config_deployment *deployment, struct text *out) {
    char section[128];
    snprintf(section, sizeof section, "strategy:%s", deployment->name);
    print_keys(config, "strategy:NAME", section, deployment, &deployment->keys, out);
    print_items(config, section, &deployment->settings, out);
}

void config_print(const struct config *config, struct text *out) {
    size_t count;
    const struct schema_section *sections = schema_sections(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(sections[i].name, "topic:ROLE") == 0)
            print_topics(config, out);
        else if (strcmp(sections[i].name, "strategy:NAME") != 0 &&
                 strcmp(sections[i].name, "worker:NAME") != 0)
            print_section(config, sections[i].name, out);
    }
    for (size_t i = 0; i < config->deployment_count; i++)
        print_deployment(config, &config->deployments[i], out);
    for (size_t i = 0; i < config->worker_count; i++)
        print_worker(config, &config->workers[i], out);
}
