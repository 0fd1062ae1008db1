/*
 * What a reload cannot change.
 */
#include "config/build.h"
#include "config/items.h"
#include "config/value/value.h"

#include <string.h>

#define RESTART "a reload cannot change this, restart the host"

/* The value for people; never empty. */
static const char *shown(const struct text *text) {
    return text->size > 0 ? text->data : "(none)";
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
                   key->section, key->key, shown(&new_text), shown(&old_text));
    text_release(&old_text);
    text_release(&new_text);
    return false;
}

static void report_item(const char *section, const char *name, const struct config_item *old_item,
                        const struct config_item *new_item, struct faults *faults) {
    struct place place = new_item != NULL ? new_item->place : (struct place){0};
    if (config_is_secret(name)) {
        faults_add(faults, place, "[%s] %s has changed: " RESTART, section, name);
        return;
    }
    faults_add(faults, place, "[%s] %s is now %s, was %s: " RESTART, section, name,
               new_item != NULL ? new_item->text : "(none)",
               old_item != NULL ? old_item->text : "(none)");
}

static bool compare_items(const char *section, const struct config_items *running,
                          const struct config_items *next, struct faults *faults) {
    bool is_same = true;
    for (size_t i = 0; i < next->count; i++) {
        const struct config_item *item = &next->items[i];
        const struct config_item *old_item = config_items_find(running, item->name);
        if (old_item != NULL && strcmp(old_item->text, item->text) == 0)
            continue;
        report_item(section, item->name, old_item, item, faults);
        is_same = false;
    }
    for (size_t i = 0; i < running->count; i++) {
        const struct config_item *item = &running->items[i];
        if (config_items_find(next, item->name) != NULL)
            continue;
        report_item(section, item->name, item, NULL, faults);
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
                   topic->role, topic->name, old_topic != NULL ? old_topic->name : "(none)");
        is_same = false;
    }
    for (size_t i = 0; i < running->topic_count; i++) {
        const struct config_topic *topic = &running->topics[i];
        if (config_topic_by_role(next, topic->role, NULL) != NULL)
            continue;
        faults_add(faults, (struct place){0}, "[topic:%s] was removed, was %s: " RESTART,
                   topic->role, topic->name);
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
    bool is_kafka_same = compare_items("kafka", &running->kafka, &next->kafka, faults);
    /* What the producer has from [kafka] was reported there. */
    if (is_kafka_same)
        is_same =
            compare_items("sink:kafka", &running->producer, &next->producer, faults) && is_same;
    return is_same && is_kafka_same;
}
