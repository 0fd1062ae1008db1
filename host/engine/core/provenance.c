#include "engine/core/provenance.h"

#include "base/clock.h"
#include "base/io.h"
#include "checkpoint/store.h"
#include "config/schema/schema.h"
#include "config/value/value.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SIZE (1024 * 1024)

/* ---- what runs ---- */

static void put_host_key(struct json_writer *json, const struct config *config,
                         const struct schema_key *key) {
    char name[64];
    struct text value;
    text_init(&value);
    value_print(config, key, &value);
    snprintf(name, sizeof name, "%s.%s", key->section, key->key);
    json_bytes(json, name, value.data != NULL ? value.data : "", value.size);
    json->text->is_oom |= text_is_oom(&value);
    text_release(&value);
}

/* The host's settings that influence what a strategy is handed, or may emit. */
static void put_host(struct json_writer *json, const struct config *config) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    json_begin_object(json, "host");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, "decode") == 0)
            put_host_key(json, config, &keys[i]);
    }
    put_host_key(json, config, schema_find("take5", "max_signals_per_callback"));
    put_host_key(json, config, schema_find("take5", "max_timers"));
    json_end_object(json);
}

static void put_topics(struct text *list, const struct deployment *deployment) {
    const struct description *description = deployment->description;
    for (size_t i = 0; i < description->topic_count; i++) {
        for (size_t topic = 0; topic < deployment->topic_count; topic++) {
            if (deployment->topics[topic] == i)
                text_printf(list, "%s%s", list->size > 0 ? "," : "", description->topics[i]);
        }
    }
}

static void put_list(struct json_writer *json, const char *name, struct text *list) {
    if (list->size > 0)
        json_bytes(json, name, list->data, list->size);
    json->text->is_oom |= text_is_oom(list);
    text_reset(list);
}

/* Filters, and all parameters with their values. */
static void put_settings(struct json_writer *json, const struct deployment *deployment) {
    struct text list;
    text_init(&list);
    json_begin_object(json, "settings");
    for (size_t i = 0; i < deployment->symbol_count; i++)
        text_printf(&list, "%s%s", i > 0 ? "," : "", deployment->symbols[i]);
    put_list(json, "symbols", &list);
    for (const uint32_t *frame = deployment->time_frames; frame != NULL && *frame != 0; frame++)
        text_printf(&list, "%s%" PRIu32, list.size > 0 ? "," : "", *frame);
    put_list(json, "time_frames", &list);
    put_topics(&list, deployment);
    put_list(json, "topics", &list);
    for (size_t i = 0; i < deployment->parameters.count; i++)
        json_text(json, deployment->parameters.items[i].name, deployment->parameters.items[i].text);
    json_end_object(json);
    text_release(&list);
}

static void put_files(struct json_writer *json, const struct parameters *parameters) {
    json_begin_object(json, "files");
    for (size_t i = 0; i < parameters->count; i++)
        if (parameters->items[i].content[0] != '\0')
            json_text(json, parameters->items[i].name, parameters->items[i].content);
    json_end_object(json);
}

static void put_deployment(struct json_writer *json, const struct deployment *deployment) {
    json_begin_object(json, NULL);
    json_text(json, "name", deployment->name);
    json_text(json, "strategy", deployment->description->name);
    json_text(json, "version", deployment->description->version);
    json_text(json, "hash", deployment->hash);
    if (deployment->shadow_of != NULL)
        json_text(json, "shadow_of", deployment->shadow_of);
    if (deployment->promoted_from != NULL)
        json_text(json, "promoted_from", deployment->promoted_from);
    put_settings(json, deployment);
    put_files(json, &deployment->parameters);
    json_end_object(json);
}

void provenance_put(struct json_writer *json, const struct config *config,
                    const struct deployment_set *deployment_set) {
    put_host(json, config);
    json_begin_array(json, "deployments");
    for (size_t i = 0; i < deployment_set->count; i++)
        put_deployment(json, deployment_set->deployments[i]);
    json_end_array(json);
}

/* ---- from which position on ---- */

static void put_behind(struct json_writer *json, const struct engine *engine,
                       const struct task *task) {
    /* A GLOBAL one's are of all partitions, and no stretch of one number. */
    const size_t count =
        task->partition->number != PARTITION_GLOBAL ? task->partition->topic_count : 0;
    json_begin_object(json, task->deployment->name);
    for (size_t i = 0; i < count; i++) {
        if (task->deployment->topics[i] != NOT_WANTED && task->position[i] != SOURCE_NO_OFFSET)
            json_integer(json, topics_name(engine->topics, (uint32_t)i), task->position[i]);
    }
    json_end_object(json);
}

static void put_partition(struct json_writer *json, const struct engine *engine,
                          const struct partition *partition) {
    json_begin_object(json, NULL);
    json_integer(json, "partition", partition->number);
    json_begin_object(json, "next");
    for (size_t i = 0; i < partition->topic_count; i++) {
        if (offset_tracker_is_owned(&partition->topics[i]) &&
            partition->topics[i].next != SOURCE_NO_OFFSET)
            json_integer(json, topics_name(engine->topics, (uint32_t)i), partition->topics[i].next);
    }
    json_end_object(json);
    json_begin_object(json, "behind");
    for (size_t i = 0; i < partition->task_count; i++) {
        if (atomic_load(&partition->tasks[i]->suspension) != SUSPENDED_NOT)
            put_behind(json, engine, partition->tasks[i]);
    }
    json_end_object(json);
    json_end_object(json);
}

static void put_partitions(struct json_writer *json, const struct engine *engine) {
    lock_only_writer(status_lock);
    json_begin_array(json, "partitions");
    for (size_t i = 0; i < engine->partition_count; i++)
        put_partition(json, engine, engine->partitions[i]);
    json_end_array(json);
}

/* ---- the file ---- */

static bool make_room(const char *path, const char *older, int *file, struct error *error) {
    struct stat status;
    *file = private_file_open(path, O_WRONLY | O_APPEND | O_CREAT, error);
    if (*file < 0 || fstat(*file, &status) != 0 || status.st_size < MAX_SIZE)
        return *file >= 0;
    close(*file);
    if (rename(path, older) != 0) {
        *file = -1;
        return error_set_errno(error, errno, "cannot rename %s", path);
    }
    *file = private_file_open(path, O_WRONLY | O_APPEND | O_CREAT, error);
    return *file >= 0;
}

static bool append(const char *state_dir, const struct text *line, struct error *error) {
    char *path = text_format("%s/" PROVENANCE_FILE, state_dir);
    char *older = text_format("%s/" PROVENANCE_OLDER, state_dir);
    int file = -1;
    bool did = (path != NULL && older != NULL && !text_is_oom(line)) ||
               error_set_memory(error, "a line of " PROVENANCE_FILE);
    did = did && make_room(path, older, &file, error);
    if (did && !io_write_all(file, line->data, line->size))
        did = error_set_errno(error, errno, "cannot write %s", path);
    if (file >= 0)
        close(file);
    free(path);
    free(older);
    return did;
}

static void append_or_report(const struct config *config, struct log *log,
                             const struct text *line) {
    struct error error;
    if (!append(config->state_dir, line, &error))
        log_event(log, LOG_LEVEL_WARNING, "engine", "provenance.failed",
                  "from here on it is not recorded what runs, so `take5 prove` cannot decide: %s",
                  error.text);
}

static struct json_writer begin_line(struct text *line) {
    text_init(line);
    struct json_writer json = json_writer_of(line);
    json_begin_object(&json, NULL);
    json_integer(&json, "time_ms", clock_wall_ns() / NS_PER_MS);
    return json;
}

static void end_line(struct json_writer *json, const struct config *config, struct log *log) {
    json_end_object(json);
    text_putc(json->text, '\n');
    append_or_report(config, log, json->text);
    text_release(json->text);
}

void provenance_note(struct engine *engine) {
    struct text line;
    if (engine->store == NULL)
        return;
    struct json_writer json = begin_line(&line);
    provenance_put(&json, engine->config, engine->deployment_set);
    put_partitions(&json, engine);
    end_line(&json, engine->config, engine->log);
}

void provenance_note_besides(const struct config *config, struct log *log, const struct task *task,
                             const char *what) {
    struct text line;
    struct json_writer json = begin_line(&line);
    json_begin_object(&json, "besides");
    json_text(&json, "deployment", task->deployment->name);
    json_integer(&json, "partition", task->partition->number);
    json_text(&json, "what", what);
    json_end_object(&json);
    end_line(&json, config, log);
}

void provenance_note_gap(const struct config *config, struct log *log, const struct task *task,
                         const char *topic, int64_t from, int64_t to) {
    struct text line;
    struct json_writer json = begin_line(&line);
    json_begin_object(&json, "gap");
    json_text(&json, "deployment", task->deployment->name);
    json_integer(&json, "partition", task->partition->number);
    json_text(&json, "topic", topic);
    json_integer(&json, "from", from);
    json_integer(&json, "to", to);
    json_end_object(&json);
    end_line(&json, config, log);
}
