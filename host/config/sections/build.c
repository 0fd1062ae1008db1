#include "config/sections/build.h"

#include "base/array.h"
#include "config/text/paths.h"
#include "config/value/value.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SIZE 64
#define NAME_LETTERS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

void build_out_of_memory(struct build *build) {
    build->is_oom = true;
    faults_add(build->faults, (struct place){0}, "out of memory while loading the configuration");
}

bool build_value(struct build *build, void *base, const struct schema_key *key,
                 const struct assignment *assignment) {
    struct error error;
    if (value_set(base, key, assignment->value, assignment->directory, &error))
        return true;
    faults_add(build->faults, assignment->place, "[%s] %s", assignment->section, error.text);
    return false;
}

struct place build_origin(const struct config *config, const char *section, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    return config->origins[schema_find(section, key) - keys];
}

bool build_check_name(struct build *build, const char *kind, const char *name, struct place place) {
    if (name[0] == '\0') {
        faults_add(build->faults, place, "[%s:] needs a name, as in [%s:momentum]", kind, kind);
        return false;
    }
    /* It becomes part of file names, message headers and signal ids. */
    bool is_name = name[strspn(name, NAME_LETTERS)] == '\0' && name[0] != '.' && name[0] != '-' &&
                   strlen(name) <= NAME_MAX_SIZE;
    if (!is_name)
        faults_add(build->faults, place,
                   "[%s:%s]: a name has at most %d letters, digits, '_', '-' and '.', and "
                   "does not start with '-' or '.'",
                   kind, name, NAME_MAX_SIZE);
    return is_name;
}

void build_trust_file(struct build *build, const char *path) {
    struct config *config = build->config;
    char *copy = path_absolute(NULL, path);
    if (copy == NULL || !ARRAY_RESIZE(config->sources, config->source_count + 1)) {
        free(copy);
        build_out_of_memory(build);
        return;
    }
    config->sources[config->source_count++] = copy;
}
