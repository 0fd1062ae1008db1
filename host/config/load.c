/*
 * A configuration from its sources: defaults, ini files, environment, command line.
 */
#include "config/assign.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "config/value/value.h"

#include <stdlib.h>
#include <string.h>

static bool is_named_section(const char *section) {
    const char *colon = strchr(section, ':');
    return colon != NULL && colon[1] >= 'A' && colon[1] <= 'Z';
}

static bool ends_with(const char *text, const char *end) {
    const size_t size = strlen(text), end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

/* Whoever may list processes reads it there. Workers have it from their supervisor. */
static void warn_of_secret(struct build *build, const struct config_override *override,
                           struct place place) {
    const bool is_elsewhere = ends_with(override->key, ".file") || ends_with(override->key, ".env");
    if (build->request->worker == NULL && !is_elsewhere && config_is_secret(override->key))
        faults_warn(build->faults, place,
                    "[%s] %s: every user of this machine can read the command line: put the secret "
                    "into a file or the environment (%s.file, %s.env, or ${VARIABLE} in an ini "
                    "file)",
                    override->section, override->key, override->key, override->key);
}

static void read_overrides(struct build *build) {
    for (size_t i = 0; i < build->request->override_count; i++) {
        const struct config_override *override = &build->request->overrides[i];
        const struct place place = {.file = override->origin != NULL ? override->origin
                                                                     : CONFIG_COMMAND_LINE};
        warn_of_secret(build, override, place);
        if (build_section(build, override->section, place))
            build_assign(build, &(struct assignment){
                                    .section = override->section,
                                    .key = override->key,
                                    .value = override->value,
                                    .place = place,
                                });
    }
}

static bool set_defaults(struct build *build) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    struct config *config = build->config;
    struct error error;
    config->origins = calloc(count, sizeof *config->origins);
    if (config->origins == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (is_named_section(keys[i].section) || keys[i].default_value == NULL)
            continue;
        if (!value_set(config, &keys[i], keys[i].default_value, NULL, &error)) {
            faults_add(build->faults, (struct place){0}, "default: [%s] %s", keys[i].section,
                       error.text);
            return false;
        }
    }
    return topics_set_defaults(build) && kafka_set_defaults(build);
}

static bool prepare(struct build *build) {
    struct error error;
    build->config = calloc(1, sizeof *build->config);
    if (build->config == NULL) {
        build_out_of_memory(build);
        return false;
    }
    build->kafka = kafka_properties_new(&error);
    if (build->kafka == NULL) {
        faults_add_error(build->faults, (struct place){0}, &error);
        return false;
    }
    if (set_defaults(build))
        return true;
    build_out_of_memory(build);
    return false;
}

static void read_all(struct build *build, size_t errors_before) {
    const size_t first_fault = build->faults->count;
    ini_files_read(build);
    environment_assign(build);
    read_overrides(build);
    build_finish(build);
    build_trust(build);
    config_veil(build->config, build->faults, first_fault);
    if (build->faults->error_count == errors_before)
        worker_view_finish(build);
}

static struct config *load(const struct config_request *request, bool is_anyway,
                           struct faults *faults) {
    const size_t errors_before = faults->error_count;
    struct build build = {.request = request, .faults = faults};
    bool did = prepare(&build);
    if (did)
        read_all(&build, errors_before);
    const bool is_something = !build.is_oom && !faults->is_oom && !build.is_unread;
    did = did && (faults->error_count == errors_before || (is_anyway && is_something));
    kafka_properties_free(build.kafka);
    if (did)
        return build.config;
    config_free(build.config);
    return NULL;
}

struct config *config_load(const struct config_request *request, struct faults *faults) {
    return load(request, false, faults);
}

struct config *config_load_anyway(const struct config_request *request, struct faults *faults) {
    return load(request, true, faults);
}

void config_free(struct config *config) {
    if (config == NULL)
        return;
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (!is_named_section(keys[i].section))
            value_release(config, &keys[i]);
    for (size_t i = 0; i < config->topic_count; i++) {
        free(config->topics[i].role);
        free(config->topics[i].name);
    }
    free(config->topics);
    for (size_t i = 0; i < config->deployment_count; i++)
        config_deployment_release(&config->deployments[i]);
    free(config->deployments);
    for (size_t i = 0; i < config->worker_count; i++)
        config_worker_release(&config->workers[i]);
    free(config->workers);
    free(config->worker);
    free(config->whole_group);
    free(config->whole_state_dir);
    config_choice_release(config);
    config_items_release(&config->log_levels);
    config_items_release(&config->kafka);
    config_items_release(&config->producer);
    config_items_release(&config->postgres);
    config_items_release(&config->webhook);
    config_items_release(&config->alerts_items);
    free(config->bootstrap_servers);
    free(config->producer_servers);
    free(config->group_id);
    free(config->assignor);
    for (size_t i = 0; i < config->ini_file_count; i++) {
        free(config->ini_files[i].path);
        free(config->ini_files[i].data);
    }
    free(config->ini_files);
    for (size_t i = 0; i < config->source_count; i++)
        free(config->sources[i]);
    free(config->sources);
    free(config->bundled_dir);
    veils_release(config);
    free(config->origins);
    free(config->path);
    free(config);
}
