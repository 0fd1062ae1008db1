/*
 * The ini files, from the weakest to the strongest: the main file, strategies.d, take5.d. The first
 * two have each section once, so that none is written twice by mistake; a file of take5.d is there
 * to stand above what others say, key by key.
 */
#include "base/array.h"
#include "config/assign.h"
#include "config/ini_folder.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "config/text/ini.h"
#include "config/text/interpolation.h"
#include "config/text/paths.h"

#include <stdlib.h>
#include <string.h>

enum ini_kind { INI_MAIN = 1, INI_STRATEGIES, INI_DROP_IN };

struct ini_files {
    struct build *build;
    enum ini_kind kind;       /* of the files being read */
    struct config_items seen; /* the sections of the files so far, but for drop-ins */
};

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
    if (files->kind == INI_STRATEGIES && strncmp(section->name, "strategy:", 9) != 0) {
        faults_add(files->build->faults, section->place,
                   "[%s] in a file of strategies.d: only [strategy:NAME] is allowed here",
                   section->name);
        return false;
    }
    if (files->kind != INI_DROP_IN)
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

static void read_ini(struct ini_files *files, const char *path) {
    struct build *build = files->build;
    struct ini ini = INI_INIT;
    char *directory = path_directory(path);
    const char *kept = keep_file(build, path);
    if (directory == NULL || kept == NULL)
        goto out;
    const struct ini_rules rules = build_rules(build);
    ini_read_file(&ini, kept, &rules, build->faults);
    build->is_unread |= ini.is_unread && files->kind == INI_MAIN;

    size_t next = 0;
    for (size_t i = 0; i < ini.section_count; i++) {
        bool is_known = take_section(files, &ini.sections[i]);
        for (; next < ini.entry_count && ini.entries[next].section == i; next++)
            if (is_known)
                build_assign_entry(build, ini.sections[i].name, &ini.entries[next], directory);
    }

out:
    free(directory);
    ini_release(&ini);
}

static void read_beside(void *context, const char *path) {
    struct ini_files *files = context;
    read_ini(files, path);
    build_trust_file(files->build, path);
}

static void read_folder(struct ini_files *files, enum ini_kind kind, const char *name) {
    struct build *build = files->build;
    files->kind = kind;
    if (!ini_folder_visit(build->request->path, name, read_beside, files, build->faults))
        build_out_of_memory(build);
}

void ini_files_read(struct build *build) {
    struct ini_files files = {.build = build, .kind = INI_MAIN};
    const char *path = build->request->path;
    if (path == NULL)
        return;
    build->config->path = path_absolute(NULL, path);
    if (build->config->path == NULL)
        build_out_of_memory(build);
    read_ini(&files, path);
    read_folder(&files, INI_STRATEGIES, STRATEGY_FOLDER);
    read_folder(&files, INI_DROP_IN, DROP_IN_FOLDER);
    config_items_release(&files.seen);
}
