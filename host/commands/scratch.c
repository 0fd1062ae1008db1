#include "commands/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TAKE5_STRATEGY_DIR
#define TAKE5_STRATEGY_DIR "/usr/local/lib/take5/strategies"
#endif

bool scratch_init(struct scratch *scratch, struct error *error) {
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] != '/' || strlen(parent) > 64)
        parent = "/tmp";
    snprintf(scratch->directory, sizeof scratch->directory, "%s/take5-XXXXXX", parent);
    if (mkdtemp(scratch->directory) != NULL)
        return true;
    error_set_errno(error, errno, "cannot make a directory in %s", parent);
    scratch->directory[0] = '\0';
    return false;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void scratch_release(struct scratch *scratch) {
    if (scratch->directory[0] != '\0')
        nftw(scratch->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    scratch->directory[0] = '\0';
}

static bool is_overridden(const struct config_options *options, const char *section,
                          const char *key) {
    for (size_t i = 0; i < options->override_count; i++) {
        if (strcmp(options->overrides[i].section, section) == 0 &&
            strcmp(options->overrides[i].key, key) == 0)
            return true;
    }
    return false;
}

bool scratch_set(struct config_options *options, const char *section, const char *key,
                 const char *value) {
    if (is_overridden(options, section, key))
        return true;
    /* Keys of [kafka] have dots of their own: the first one ends the section. */
    char *text = text_format("%s.%s=%s", section, key, value);
    const bool did = text != NULL && config_options_add(options, text);
    free(text);
    return did;
}

bool scratch_set_directories(const struct scratch *scratch, struct config_options *options) {
    static const char *const names[] = {"run", "state", "cache"};
    bool did = true;
    for (size_t i = 0; did && i < sizeof names / sizeof *names; i++) {
        char key[16], path[sizeof scratch->directory + 16];
        snprintf(key, sizeof key, "%s_dir", names[i]);
        snprintf(path, sizeof path, "%s/%s", scratch->directory, names[i]);
        did = scratch_set(options, "take5", key, path);
    }
    return did;
}

/* Beside this program in a build tree, else where it was installed. */
static void find_strategies(char path[PATH_MAX]) {
    char program[PATH_MAX - 32];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size > 0) {
        program[size] = '\0';
        char *slash = strrchr(program, '/');
        if (slash != NULL)
            *slash = '\0';
        snprintf(path, PATH_MAX, "%s/../strategies", program);
        if (access(path, R_OK) == 0)
            return;
    }
    snprintf(path, PATH_MAX, "%s", TAKE5_STRATEGY_DIR);
}

bool scratch_set_strategies(struct config_options *options) {
    char path[PATH_MAX];
    if (is_overridden(options, "take5", "strategy_dir"))
        return true;
    find_strategies(path);
    return scratch_set(options, "take5", "strategy_dir", path) &&
           scratch_set(options, "take5", "strict_modes", "no") &&
           scratch_set(options, "strategy:console", "enabled", "no");
}
