/*
 * A configuration from its sources: defaults, ini files, environment, command line.
 */
#include "base/array.h"
#include "base/text.h"
#include "config/build.h"
#include "config/items.h"
#include "config/text/ini.h"
#include "config/text/paths.h"
#include "config/value/value.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void build_out_of_memory(struct build *build) {
    faults_add(build->faults, (struct place){0}, "out of memory while loading the configuration");
}

static bool is_named_section(const char *section) {
    const char *colon = strchr(section, ':');
    return colon != NULL && colon[1] >= 'A' && colon[1] <= 'Z';
}

/* Takes a path over, so that places may point to it as long as the configuration lives. */
static const char *keep_file(struct build *build, const char *path) {
    struct config *config = build->config;
    char *copy = strdup(path);
    if (copy == NULL || !ARRAY_RESIZE(config->files, config->file_count + 1)) {
        free(copy);
        build_out_of_memory(build);
        return NULL;
    }
    config->files[config->file_count++] = copy;
    return copy;
}

/* `seen` are the sections of the files so far. A repeated one is read all the same, so that what is
 * wrong in it shows too. */
static void check_section_once(struct build *build, struct config_items *seen, const char *name,
                               struct place place) {
    const struct config_item *first = config_items_find(seen, name);
    if (first == NULL) {
        if (!config_items_set(seen, name, "", place))
            build_out_of_memory(build);
        return;
    }
    bool is_same_file = strcmp(first->place.file, place.file) == 0; /* the reader has said so */
    if (!is_same_file)
        faults_add(build->faults, place, "duplicate section [%s], the first is at %s:%d", name,
                   first->place.file, first->place.line);
}

static bool take_section(struct build *build, const struct ini_section *section,
                         struct config_items *seen, bool is_main) {
    if (!is_main && strncmp(section->name, "strategy:", 9) != 0) {
        faults_add(build->faults, section->place,
                   "[%s] in a file of strategies.d: only [strategy:NAME] is allowed here",
                   section->name);
        return false;
    }
    check_section_once(build, seen, section->name, section->place);
    return build_section(build, section->name, section->place);
}

static void read_ini(struct build *build, const char *path, struct config_items *seen,
                     bool is_main) {
    struct ini ini = INI_INIT;
    char *directory = path_directory(path);
    const char *kept = keep_file(build, path);
    if (directory == NULL || kept == NULL)
        goto out;
    const struct ini_rules rules = build_rules(build);
    ini_read_file(&ini, kept, &rules, build->faults);

    size_t next = 0;
    for (size_t i = 0; i < ini.section_count; i++) {
        bool is_known = take_section(build, &ini.sections[i], seen, is_main);
        for (; next < ini.entry_count && ini.entries[next].section == i; next++) {
            const struct ini_entry *entry = &ini.entries[next];
            if (is_known)
                build_assign(build, &(struct assignment){.section = ini.sections[i].name,
                                                         .key = entry->key,
                                                         .value = entry->value,
                                                         .place = entry->place,
                                                         .directory = directory});
        }
    }

out:
    free(directory);
    ini_release(&ini);
}

static int is_ini(const struct dirent *entry) {
    size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 4 && strcmp(entry->d_name + size - 4, ".ini") == 0;
}

/* By bytes: alphasort goes by the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_strategies(struct build *build, const char *main_path, struct config_items *seen) {
    struct dirent **entries = NULL;
    char *directory = path_directory(main_path);
    char *folder = directory != NULL ? path_join(directory, "strategies.d") : NULL;
    if (folder == NULL) {
        build_out_of_memory(build);
        goto out;
    }
    int count = scandir(folder, &entries, is_ini, by_name);
    if (count < 0 && errno != ENOENT)
        faults_add(build->faults, (struct place){.file = folder}, "cannot be read: %s",
                   strerror(errno));
    for (int i = 0; i < count; i++) {
        char *path = path_join(folder, entries[i]->d_name);
        if (path != NULL) {
            read_ini(build, path, seen, false);
            build_trust_file(build, path);
        } else {
            build_out_of_memory(build);
        }
        free(path);
        free(entries[i]);
    }

out:
    free(entries);
    free(folder);
    free(directory);
}

static void read_files(struct build *build) {
    const char *path = build->request->path;
    if (path == NULL)
        return;
    build->config->path = path_absolute(NULL, path);
    if (build->config->path == NULL)
        build_out_of_memory(build);
    struct config_items seen = {0};
    read_ini(build, path, &seen, true);
    read_strategies(build, path, &seen);
    config_items_release(&seen);
}

static void read_overrides(struct build *build) {
    const struct place place = {.file = "command line"};
    for (size_t i = 0; i < build->request->override_count; i++) {
        const struct config_override *override = &build->request->overrides[i];
        if (build_section(build, override->section, place))
            build_assign(build, &(struct assignment){.section = override->section,
                                                     .key = override->key,
                                                     .value = override->value,
                                                     .place = place});
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

struct config *config_load(const struct config_request *request, struct faults *faults) {
    const size_t errors_before = faults->error_count;
    struct error error;
    struct build build = {.request = request, .faults = faults};
    build.config = calloc(1, sizeof *build.config);
    if (build.config == NULL) {
        build_out_of_memory(&build);
        return NULL;
    }
    build.kafka = kafka_properties_new(&error);
    if (build.kafka == NULL) {
        faults_add_error(faults, (struct place){0}, &error);
        goto failed;
    }
    if (!set_defaults(&build)) {
        build_out_of_memory(&build);
        goto failed;
    }
    read_files(&build);
    environment_assign(&build);
    read_overrides(&build);
    build_finish(&build);
    build_trust(&build);
    if (faults->error_count == errors_before)
        worker_view_finish(&build);
    if (faults->error_count > errors_before)
        goto failed;
    kafka_properties_free(build.kafka);
    return build.config;

failed:
    kafka_properties_free(build.kafka);
    config_free(build.config);
    return NULL;
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
    config_choice_release(config);
    config_items_release(&config->log_levels);
    config_items_release(&config->kafka);
    config_items_release(&config->producer);
    free(config->bootstrap_servers);
    free(config->producer_servers);
    free(config->group_id);
    free(config->assignor);
    for (size_t i = 0; i < config->file_count; i++)
        free(config->files[i]);
    free(config->files);
    for (size_t i = 0; i < config->source_count; i++)
        free(config->sources[i]);
    free(config->sources);
    free(config->origins);
    free(config->path);
    free(config);
}
