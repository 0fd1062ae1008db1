/*
 * What a reload cannot change.
 */
#include "config/assign.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "config/value/value.h"

#include <string.h>

#define RESTART "a reload cannot change this, restart the host"

/* The value for people; never empty. One with variables as it is written. */
static const char *shown(const struct config *config, struct place place, const char *value) {
    const char *written = veil_find(config, place);
    return written != NULL ? written : value != NULL && value[0] != '\0' ? value : "(none)";
}

static bool compare_key(const struct config *running, const struct config *next, size_t index,
                        struct faults *faults) {
    size_t count;
    const struct schema_key *key = &schema_keys(&count)[index];
    if (value_equal(running, next, key))
        return true;
    struct text old_text, new_text;
    text_init(&old_text);
    text_init(&new_text);
    value_print(running, key, &old_text);
    value_print(next, key, &new_text);
    if (text_is_oom(&old_text) || text_is_oom(&new_text))
        faults_add_memory(faults, next->origins[index], key->key);
    else
        faults_add(faults, next->origins[index], "[%s] %s is now %s, was %s: " RESTART,
                   key->section, key->key, shown(next, next->origins[index], new_text.data),
                   shown(running, running->origins[index], old_text.data));
    text_release(&old_text);
    text_release(&new_text);
    return false;
}

/* The configurations that the two items are of; an item may be NULL. */
struct difference {
    const struct config *running, *next;
    const char *section;
    const char *name;
    const struct config_item *old_item, *new_item;
};

static const char *shown_item(const struct config *config, const struct config_item *item) {
    return item != NULL ? shown(config, item->place, item->text) : "(none)";
}

static void report_item(const struct difference *of, struct faults *faults) {
    struct place place = of->new_item != NULL ? of->new_item->place : (struct place){0};
    if (config_is_secret(of->name)) {
        faults_add(faults, place, "[%s] %s has changed: " RESTART, of->section, of->name);
        return;
    }
    faults_add(faults, place, "[%s] %s is now %s, was %s: " RESTART, of->section, of->name,
               shown_item(of->next, of->new_item), shown_item(of->running, of->old_item));
}

/* `of` has the configurations and the section. */
static bool compare_items(struct difference of, const struct config_items *running,
                          const struct config_items *next, struct faults *faults) {
    bool is_same = true;
    for (size_t i = 0; i < next->count; i++) {
        of.new_item = &next->items[i];
        of.name = of.new_item->name;
        of.old_item = config_items_find(running, of.name);
        if (of.old_item != NULL && strcmp(of.old_item->text, of.new_item->text) == 0)
            continue;
        report_item(&of, faults);
        is_same = false;
    }
    of.new_item = NULL;
    for (size_t i = 0; i < running->count; i++) {
        of.old_item = &running->items[i];
        of.name = of.old_item->name;
        if (config_items_find(next, of.name) != NULL)
            continue;
        report_item(&of, faults);
        is_same = false;
    }
    return is_same;
}

static bool compare_topics(const struct config *running, const struct config *next,
                           struct faults *faults) {
    bool is_same = true;
    for (size_t i = 0; i < next->topic_count; i++) {
        const struct config_topic *topic = &next->topics[i];
        const struct config_topic *old_topic = config_topic_by_role(running, topic->role, NULL);
        if (old_topic != NULL && strcmp(old_topic->name, topic->name) == 0)
            continue;
        faults_add(faults, topic->place, "[topic:%s] topic is now %s, was %s: " RESTART,
                   topic->role, shown(next, topic->place, topic->name),
                   old_topic != NULL ? shown(running, old_topic->place, old_topic->name)
                                     : "(none)");
        is_same = false;
    }
    for (size_t i = 0; i < running->topic_count; i++) {
        const struct config_topic *topic = &running->topics[i];
        if (config_topic_by_role(next, topic->role, NULL) != NULL)
            continue;
        faults_add(faults, (struct place){0}, "[topic:%s] was removed, was %s: " RESTART,
                   topic->role, shown(running, topic->place, topic->name));
        is_same = false;
    }
    return is_same;
}

bool config_can_reload(const struct config *running, const struct config *next,
                       struct faults *faults) {
    bool is_same = true;
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++) {
        bool is_named = strcmp(keys[i].section, "topic:ROLE") == 0 ||
                        strcmp(keys[i].section, "strategy:NAME") == 0;
        if (keys[i].is_fixed && !is_named)
            is_same = compare_key(running, next, i, faults) && is_same;
    }
    is_same = compare_topics(running, next, faults) && is_same;
    const struct difference kafka = {running, next, "kafka", NULL, NULL, NULL};
    const struct difference producer = {running, next, "sink:kafka", NULL, NULL, NULL};
    bool is_kafka_same = compare_items(kafka, &running->kafka, &next->kafka, faults);
    /* What the producer has from [kafka] was reported there. */
    if (is_kafka_same)
        is_same = compare_items(producer, &running->producer, &next->producer, faults) && is_same;
    const struct difference postgres = {running, next, "sink:postgres", NULL, NULL, NULL};
    const struct difference webhook = {running, next, "sink:webhook", NULL, NULL, NULL};
    const struct difference alerts = {running, next, "alerts", NULL, NULL, NULL};
    is_same = compare_items(postgres, &running->postgres, &next->postgres, faults) && is_same;
    is_same = compare_items(webhook, &running->webhook, &next->webhook, faults) && is_same;
    is_same = compare_items(alerts, &running->alerts_items, &next->alerts_items, faults) && is_same;
    return is_same && is_kafka_same;
}
