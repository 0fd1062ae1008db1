#include "cli/temp_dir.h"

#include "config/place/install_paths.h"
#include "config/schema/items.h"
#include "config/schema/schema.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "take5-"

bool temp_dir_init(struct temp_dir *temp, struct error *error) {
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] != '/' || strlen(parent) > 64)
        parent = "/tmp";
    snprintf(temp->directory, sizeof temp->directory, "%s/" PREFIX "XXXXXX", parent);
    if (mkdtemp(temp->directory) != NULL)
        return true;
    error_set_errno(error, errno, "cannot create a directory in %s", parent);
    temp->directory[0] = '\0';
    return false;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void temp_dir_release(struct temp_dir *temp) {
    if (temp->directory[0] != '\0')
        nftw(temp->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    temp->directory[0] = '\0';
}

bool temp_dir_discard(const char *directory) {
    const char *slash = strrchr(directory, '/');
    return directory[0] == '/' && strncmp(slash + 1, PREFIX, strlen(PREFIX)) == 0 &&
           strlen(slash + 1) == strlen(PREFIX "XXXXXX") &&
           nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0;
}

bool temp_dir_is_overridden(const struct config_options *options, const char *section,
                            const char *key) {
    for (size_t i = 0; i < options->override_count; i++) {
        if (strcmp(options->overrides[i].section, section) == 0 &&
            strcmp(options->overrides[i].key, key) == 0)
            return true;
    }
    return false;
}

bool temp_dir_set(struct config_options *options, const char *section, const char *key,
                  const char *value) {
    char name[128];
    if (temp_dir_is_overridden(options, section, key))
        return true;
    /* Keys of [kafka] have dots of their own: the first one ends the section. */
    snprintf(name, sizeof name, "%s.%s", section, key);
    return config_options_set(options, name, value);
}

bool temp_dir_is_settled(const struct config *config, const char *section, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count), *found = schema_find(section, key);
    return found != NULL && config->origins[found - keys].file != NULL;
}

bool temp_dir_has(const struct temp_dir *temp, const char *path) {
    const size_t size = strlen(temp->directory);
    return size > 0 && strncmp(path, temp->directory, size) == 0 && path[size] == '/';
}

bool temp_dir_set_directories(const struct temp_dir *temp, struct config_options *options,
                              const struct config *settled) {
    static const char *const names[] = {"run", "state", "cache"};
    bool did = true;
    for (size_t i = 0; did && i < sizeof names / sizeof *names; i++) {
        char key[16], path[sizeof temp->directory + 16];
        snprintf(key, sizeof key, "%s_dir", names[i]);
        snprintf(path, sizeof path, "%s/%s", temp->directory, names[i]);
        if (settled == NULL || !temp_dir_is_settled(settled, "take5", key))
            did = temp_dir_set(options, "take5", key, path);
    }
    return did;
}

static bool is_console_settled(const struct config *config) {
    const struct config_deployment *console = config_deployment_find(config, "console");
    return console != NULL && config_items_find(&console->keys, "enabled") != NULL;
}

bool temp_dir_set_strategies(struct config_options *options, const struct config *settled) {
    struct install_paths paths;
    if (temp_dir_is_overridden(options, "take5", "strategy_dir"))
        return true;
    install_paths_find(&paths);
    return temp_dir_set(options, "take5", "strategy_dir", paths.bundled_dir) &&
           ((settled != NULL && temp_dir_is_settled(settled, "take5", "strict_modes")) ||
            temp_dir_set(options, "take5", "strict_modes", "no")) &&
           ((settled != NULL && is_console_settled(settled)) ||
            temp_dir_set(options, "strategy:console", "enabled", "no"));
}
