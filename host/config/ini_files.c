/*
 * The ini files, from the weakest to the strongest: the main file, strategies.d, take5.d. The first
 * two have each section once, so that none is written twice by mistake; a file of take5.d is there
 * to stand above what others say, key by key.
 */
#include "config/assign.h"
#include "config/in_force.h"
#include "config/ini_folder.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "config/text/ini.h"
#include "config/text/interpolation.h"
#include "config/text/paths.h"

#include <stdlib.h>
#include <string.h>

struct ini_files {
    struct build *build;
    enum config_ini_kind kind; /* of the files being read */
    struct config_items seen;  /* the sections of the files so far, but for drop-ins */
};

/* A repeated one is read all the same, so that what is wrong in it shows too. */
static void check_section_once(struct ini_files *files, const char *name, struct place place) {
    struct build *build = files->build;
    const struct config_item *first = config_items_find(&files->seen, name);
    if (first == NULL) {
        if (!config_items_set(&files->seen, name, "", place))
            build_out_of_memory(build);
        return;
    }
    bool is_same_file = strcmp(first->place.file, place.file) == 0; /* the reader has reported it */
    if (!is_same_file)
        faults_add(build->faults, place,
                   "duplicate section [%s], the first is at %s:%d; a file of take5.d may set "
                   "some of its keys again",
                   name, first->place.file, first->place.line);
}

static bool take_section(struct ini_files *files, const struct ini_section *section) {
    if (files->kind == CONFIG_INI_STRATEGIES && strncmp(section->name, "strategy:", 9) != 0) {
        faults_add(files->build->faults, section->place,
                   "[%s] in a file of strategies.d: only [strategy:NAME] is allowed here",
                   section->name);
        return false;
    }
    if (files->kind != CONFIG_INI_DROP_IN)
        check_section_once(files, section->name, section->place);
    return build_section(files->build, section->name, section->place);
}

void build_assign_entry(struct build *build, const char *section, const struct ini_entry *entry,
                        const char *directory) {
    struct interpolated value;
    struct error error;
    if (!interpolate(entry->value, build->request->environment, &value, &error)) {
        faults_add(build->faults, entry->place, "[%s] %s: %s", section, entry->key, error.text);
        return;
    }
    if (value.has_variables && !veil_add(build->config, entry->place, value.text, entry->value))
        build_out_of_memory(build);
    build_assign(build, &(struct assignment){.section = section,
                                             .key = entry->key,
                                             .value = value.text,
                                             .place = entry->place,
                                             .directory = directory});
    free(value.text);
}

static void take_file(struct ini_files *files, const struct config_ini *file) {
    struct build *build = files->build;
    struct ini ini = INI_INIT;
    char *directory = path_directory(file->path);
    if (directory == NULL) {
        build_out_of_memory(build);
        return;
    }
    const struct ini_rules rules = build_rules(build);
    files->kind = file->kind;
    ini_read(&ini, file->path, file->data, file->size, &rules, build->faults);

    size_t next = 0;
    for (size_t i = 0; i < ini.section_count; i++) {
        bool is_known = take_section(files, &ini.sections[i]);
        for (; next < ini.entry_count && ini.entries[next].section == i; next++)
            if (is_known)
                build_assign_entry(build, ini.sections[i].name, &ini.entries[next], directory);
    }
    free(directory);
    ini_release(&ini);
}

static void read_file(struct ini_files *files, const char *path) {
    struct build *build = files->build;
    struct config_ini *file = config_add_ini(build->config, files->kind, path, strlen(path));
    if (file == NULL) {
        build_out_of_memory(build);
        return;
    }
    file->data = ini_load(file->path, &file->size, build->faults);
    if (file->data != NULL)
        take_file(files, file);
    else
        build->is_unread |= file->kind == CONFIG_INI_MAIN;
}

static void read_beside(void *context, const char *path) {
    struct ini_files *files = context;
    read_file(files, path);
    build_trust_file(files->build, path);
}

static void read_folder(struct ini_files *files, enum config_ini_kind kind, const char *name) {
    struct build *build = files->build;
    files->kind = kind;
    if (!ini_folder_visit(build->request->path, name, read_beside, files, build->faults))
        build_out_of_memory(build);
}

static void set_path(struct build *build, const char *path) {
    build->config->path = path_absolute(NULL, path);
    if (build->config->path == NULL)
        build_out_of_memory(build);
}

static void read_all(struct ini_files *files) {
    set_path(files->build, files->build->request->path);
    files->kind = CONFIG_INI_MAIN;
    read_file(files, files->build->request->path);
    read_folder(files, CONFIG_INI_STRATEGIES, STRATEGY_FOLDER);
    read_folder(files, CONFIG_INI_DROP_IN, DROP_IN_FOLDER);
}

/* A worker takes what its supervisor has, whatever lies there now. */
static void take_in_force(struct ini_files *files) {
    struct build *build = files->build;
    struct error error;
    if (!in_force_read(build->config, build->request->in_force, &error))
        faults_add_error(build->faults, (struct place){.file = build->request->in_force}, &error);
    for (size_t i = 0; i < build->config->ini_file_count; i++) {
        const struct config_ini *file = &build->config->ini_files[i];
        if (file->kind == CONFIG_INI_MAIN)
            set_path(build, file->path);
        if (file->data != NULL)
            take_file(files, file);
    }
}

void ini_files_read(struct build *build) {
    struct ini_files files = {.build = build};
    if (build->request->in_force != NULL)
        take_in_force(&files);
    else if (build->request->path != NULL)
        read_all(&files);
    config_items_release(&files.seen);
}
