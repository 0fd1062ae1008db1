/* The view's static half: what deployments are made of. */
#include "base/sync/counter.h"
#include "config/schema/items.h"
#include "engine/core/core.h"
#include "engine/view.h"

#include <string.h>

static void write_texts(struct json_writer *json, const char *name, char *const *texts,
                        size_t count) {
    json_begin_array(json, name);
    for (size_t i = 0; i < count; i++)
        json_text(json, NULL, texts[i]);
    json_end_array(json);
}

static void write_fields(struct json_writer *json, const struct deployment *deployment) {
    const struct description *description = deployment->description;
    const _Atomic uint64_t *absent = deployment->absent;
    json_begin_array(json, "fields");
    for (size_t i = 0; i < description->field_count; i++) {
        json_begin_object(json, NULL);
        json_text(json, "path", description->fields[i]);
        json_unsigned(json, "absent", counter_read(&absent[i]));
        json_unsigned(json, "sampled", counter_read(&absent[description->field_count]));
        json_end_object(json);
    }
    json_end_array(json);
}

static const char *value_of(const struct parameters *parameters, const char *name) {
    for (size_t i = 0; i < parameters->count; i++)
        if (strcmp(parameters->items[i].name, name) == 0)
            return config_is_secret(name) ? "***" : parameters->items[i].text;
    return NULL;
}

static void write_parameters(struct json_writer *json, const struct deployment *deployment) {
    const struct description *description = deployment->description;
    json_begin_array(json, "parameters");
    for (size_t i = 0; i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        json_begin_object(json, NULL);
        json_text(json, "name", parameter->name);
        json_text(json, "value", value_of(&deployment->parameters, parameter->name));
        json_text(json, "default", parameter->default_value);
        json_text(json, "min", parameter->min);
        json_text(json, "max", parameter->max);
        json_text(json, "help", parameter->help);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_one(struct json_writer *json, const struct deployment *deployment) {
    const struct description *description = deployment->description;
    json_begin_object(json, NULL);
    json_text(json, "name", deployment->name);
    json_text(json, "strategy", description->name);
    json_text(json, "version", description->version);
    json_text(json, "hash", deployment->hash);
    json_text(json, "summary", description->summary);
    json_text(json, "scope", description->scope == T5_SCOPE_GLOBAL ? "global" : "keyed");
    json_bool(json, "saves", description->has_save);
    json_fixed(json, "warm_up_s", (double)deployment->warm_up_ns / 1e9, 0);
    write_texts(json, "topics", description->topics, description->topic_count);
    write_fields(json, deployment);
    write_texts(json, "series", description->series, description->series_count);
    write_texts(json, "symbols", deployment->symbols, deployment->symbol_count);
    write_parameters(json, deployment);
    json_end_object(json);
}

void view_setup(struct engine *engine, struct json_writer *json) {
    lock_acquire(&engine->status_lock, status_lock);
    const struct deployment_set *set = engine->deployment_set;
    json_begin_array(json, NULL);
    for (size_t i = 0; set != NULL && i < set->count; i++)
        write_one(json, set->deployments[i]);
    json_end_array(json);
    lock_release(&engine->status_lock, status_lock);
}
