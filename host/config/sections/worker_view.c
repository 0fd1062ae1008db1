/*
 * What one worker sees of the whole configuration (config/sections/workers.h).
 */
#include "config/sections/workers.h"

#include "base/text.h"
#include "config/schema/items.h"
#include "config/schema/schema.h"
#include "config/sections/build.h"
#include "config/value/value.h"

#include <stdlib.h>
#include <string.h>

/* Takes `text` over; NULL: no memory. */
static void replace(struct build *build, char **target, char *text) {
    if (text == NULL) {
        build_out_of_memory(build);
        return;
    }
    free(*target);
    *target = text;
}

static bool is_default(const struct config *config, const char *section, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    return config->origins[schema_find(section, key) - keys].file == NULL;
}

/* A file that two processes would write. */
static void own_file(struct build *build, const char *section, char **path, const char *name) {
    const struct config *config = build->config;
    replace(build, path,
            is_default(config, section, "path")
                ? text_format("%s/%s", config->state_dir, name)
                : text_format("%s.%s", *path, build->request->worker));
}

static void own_group(struct build *build) {
    struct config *config = build->config;
    replace(build, &config->group_id, config_worker_group(config, build->request->worker));
    const struct config_item *item = config_items_find(&config->kafka, "group.id");
    const struct place place = item != NULL ? item->place : (struct place){0};
    if (config->group_id == NULL ||
        !config_items_set(&config->kafka, "group.id", config->group_id, place))
        build_out_of_memory(build);
}

static void own_directories(struct build *build) {
    struct config *config = build->config;
    const char *name = build->request->worker;
    const bool is_main = strcmp(name, CONFIG_WORKER_MAIN) == 0;
    replace(build, &config->control_socket, config_worker_socket(config, name));
    replace(build, &config->run_dir, config_worker_run_dir(config, name));
    if (is_main)
        return;
    replace(build, &config->state_dir, config_worker_state_dir(config, name));
    replace(build, &config->cache_dir, text_format("%s/workers/%s", config->cache_dir, name));
    own_file(build, "sink:jsonl", &config->jsonl_path, "signals.jsonl");
    own_file(build, "series", &config->series_path, "series.jsonl");
    own_file(build, "dead_letters", &config->dead_letters_path, "dead_letters.jsonl");
    own_file(build, "journal", &config->journal_path, "journal");
}

/* Of the whole. */
static void keep_whole(struct build *build) {
    struct config *config = build->config;
    replace(build, &config->whole_group, text_dup(config->group_id, strlen(config->group_id)));
    replace(build, &config->whole_state_dir,
            text_dup(config->state_dir, strlen(config->state_dir)));
}

void worker_view_finish(struct build *build) {
    struct config *config = build->config;
    const char *name = build->request->worker;
    if (name == NULL)
        return;
    keep_whole(build);
    own_directories(build);
    own_group(build);
    const int64_t lanes = config_worker_lanes(config, name);
    if (lanes > 0)
        config->lanes = lanes;
    for (size_t i = 0; i < config->deployment_count; i++)
        config->deployments[i].is_elsewhere =
            strcmp(config_worker_of(config, &config->deployments[i]), name) != 0;
    value_release(config, schema_find("log", "path"));
    replace(build, &config->worker, text_dup(name, strlen(name)));
    config->log.worker = config->worker;
}
