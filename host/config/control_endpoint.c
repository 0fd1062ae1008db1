#include "config/control_endpoint.h"

#include "base/text.h"
#include "config/assign.h"
#include "config/ini_folder.h"
#include "config/schema/veil.h"
#include "config/text/ini.h"
#include "config/text/paths.h"
#include "config/value/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *section, *key;
} wanted[] = {
    {"take5", "run_dir"},
    {"take5", "shutdown_timeout"},
    {"control", "socket"},
};

static bool is_wanted(const char *section, const char *key) {
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (strcmp(section, wanted[i].section) == 0 && strcmp(key, wanted[i].key) == 0)
            return true;
    }
    return false;
}

static bool set_defaults(struct build *build) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    struct error error;
    build->config->origins = calloc(count, sizeof *build->config->origins);
    if (build->config->origins == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (is_wanted(keys[i].section, keys[i].key) && keys[i].default_value != NULL &&
            !value_set(build->config, &keys[i], keys[i].default_value, NULL, &error))
            return false;
    }
    return true;
}

struct reading {
    struct build *build;
    struct config_control *control;
};

/* What is wrong in a value that is wanted is a fault; of the rest no more than that there is. */
static void read_file(void *context, const char *path) {
    const struct reading *reading = context;
    struct build *build = reading->build;
    struct faults passed_over = FAULTS_INIT;
    struct ini ini = INI_INIT;
    char *directory = path_directory(path);
    if (directory == NULL) {
        build_out_of_memory(build);
        goto out;
    }
    const struct ini_rules rules = build_rules(build);
    ini_read_file(&ini, path, &rules, &passed_over);
    reading->control->is_in_part |= passed_over.error_count > 0;
    for (size_t i = 0; i < ini.entry_count; i++) {
        const char *section = ini.sections[ini.entries[i].section].name;
        if (is_wanted(section, ini.entries[i].key))
            build_assign_entry(build, section, &ini.entries[i], directory);
    }

out:
    free(directory);
    ini_release(&ini);
    faults_release(&passed_over);
}

/* The main file, and what stands above it. */
static void read_files(struct build *build, struct config_control *control) {
    const char *path = build->request->path;
    struct reading reading = {build, control};
    struct faults passed_over = FAULTS_INIT;
    build->config->path = path_absolute(NULL, path);
    if (build->config->path == NULL)
        build_out_of_memory(build);
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0) {
        if (!build->request->is_path_optional)
            faults_add(build->faults, (struct place){.file = path}, "cannot be read: %s",
                       strerror(errno));
        return;
    }
    read_file(&reading, path);
    if (!ini_folder_visit(path, DROP_IN_FOLDER, read_file, &reading, &passed_over))
        build_out_of_memory(build);
    control->is_in_part |= passed_over.error_count > 0;
    faults_release(&passed_over);
}

static void read_overrides(struct build *build) {
    for (size_t i = 0; i < build->request->override_count; i++) {
        const struct config_override *override = &build->request->overrides[i];
        if (strcmp(override->section, "take5") == 0 || strcmp(override->section, "control") == 0)
            build_assign(build, &(struct assignment){.section = override->section,
                                                     .key = override->key,
                                                     .value = override->value,
                                                     .place = {.file = CONFIG_COMMAND_LINE}});
    }
}

bool config_control_read(const struct config_request *request, struct config_control *control,
                         struct faults *faults) {
    const size_t errors_before = faults->error_count, first_fault = faults->count;
    struct build build = {.request = request, .faults = faults};
    *control = (struct config_control){0};
    build.config = calloc(1, sizeof *build.config);
    if (build.config == NULL || !set_defaults(&build)) {
        build_out_of_memory(&build);
        goto done;
    }
    if (request->path != NULL)
        read_files(&build, control);
    read_overrides(&build);
    build_finish_control(&build);
    config_veil(build.config, faults, first_fault);
    if (faults->error_count == errors_before) {
        control->socket = build.config->control_socket;
        build.config->control_socket = NULL;
        control->shutdown_timeout_ns = build.config->shutdown_timeout_ns;
    }

done:
    config_free(build.config);
    return faults->error_count == errors_before;
}

void config_control_release(struct config_control *control) {
    free(control->socket);
    control->socket = NULL;
}
