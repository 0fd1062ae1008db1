#include "cli/choice.h"

#include "base/array.h"

#include "cli/temp_dir.h"
#include "strategy/plugin/strategy_file.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool choice_is_strategy(const char *argument) {
    const size_t size = strlen(argument);
    return (size > 3 && strcmp(argument + size - 3, ".so") == 0) || is_directory(argument);
}

void choice_release(struct choice *choice) {
    for (size_t i = 0; i < choice->file_count; i++)
        free(choice->files[i]);
    free(choice->files);
    free(choice->directory);
    *choice = (struct choice){0};
}

/* ---- arguments ---- */

/* Its directory and its name there. Free both. */
static bool split(const char *path, char **directory, char **name) {
    char *first = strdup(path), *second = strdup(path);
    *directory = first != NULL ? strdup(dirname(first)) : NULL;
    *name = second != NULL ? strdup(basename(second)) : NULL;
    free(first);
    free(second);
    if (*directory != NULL && *name != NULL)
        return true;
    free(*directory);
    free(*name);
    print_err("out of memory");
    return false;
}

/* Takes `name` over. */
static bool add_file(struct choice *choice, char *name) {
    if (!ARRAY_RESIZE(choice->files, choice->file_count + 2)) {
        free(name);
        print_err("out of memory");
        return false;
    }
    choice->files[choice->file_count++] = name;
    choice->files[choice->file_count] = NULL;
    return true;
}

static bool add_directory(struct choice *choice, const char *path) {
    if (choice->directory != NULL) {
        print_err(
            "%s: give one directory of strategies, or files of one directory: the first is in %s",
            path, choice->directory);
        return false;
    }
    choice->directory = strdup(path);
    if (choice->directory == NULL)
        print_err("out of memory");
    return choice->directory != NULL;
}

bool choice_add(struct choice *choice, const char *argument) {
    struct stat status;
    char *directory, *name;
    if (stat(argument, &status) != 0) {
        print_err("%s: %s", argument, strerror(errno));
        return false;
    }
    if (S_ISDIR(status.st_mode))
        return add_directory(choice, argument);
    if (!split(argument, &directory, &name))
        return false;
    const bool is_beside = choice->directory != NULL && choice->files != NULL &&
                           strcmp(choice->directory, directory) == 0;
    const bool did = is_beside || add_directory(choice, directory);
    free(directory);
    if (!did) {
        free(name);
        return false;
    }
    return add_file(choice, name);
}

/* ---- options ---- */

static const char *named_directory(const struct config_options *options) {
    const char *found = NULL;
    for (size_t i = 0; i < options->override_count; i++)
        if (strcmp(options->overrides[i].section, "take5") == 0 &&
            strcmp(options->overrides[i].key, "strategy_dir") == 0)
            found = options->overrides[i].value;
    return found;
}

bool choice_apply(struct choice *choice, struct config_options *options) {
    const char *named = named_directory(options);
    if (choice->directory != NULL) {
        options->is_bare = true;
        return config_options_set(options, "take5.strategy_dir", choice->directory) &&
               temp_dir_set(options, "take5", "strict_modes", "no");
    }
    if (named == NULL)
        return true;
    choice->directory = strdup(named);
    if (choice->directory == NULL)
        print_err("out of memory");
    return choice->directory != NULL;
}

/* ---- the configuration ---- */

struct leaving {
    const struct catalog *catalog;
    struct text names; /* of those that are left out */
};

static bool is_own(const struct config_deployment *deployment) {
    return deployment->place.file != NULL &&
           strcmp(deployment->place.file, CONFIG_COMMAND_LINE) == 0;
}

static bool keeps(void *context, const struct config_deployment *deployment) {
    struct leaving *leaving = context;
    if (is_own(deployment) || catalog_find(leaving->catalog, deployment->plugin) != NULL)
        return true;
    if (deployment->is_enabled)
        text_printf(&leaving->names, "%s%s", leaving->names.size > 0 ? ", " : "", deployment->name);
    return false;
}

/* What is wrong with the files is reported when they run. */
static bool leave_out(struct choice *choice, struct config *config) {
    struct catalog catalog = {.only = choice->files, .bundled = config->bundled_dir};
    struct faults faults = FAULTS_INIT;
    struct leaving leaving = {.catalog = &catalog};
    text_init(&leaving.names);
    const bool has_catalog =
        catalog_scan(config->strategy_dir, false, (gid_t)-1, &catalog, &faults);
    const bool did = !has_catalog || config_choose(config, choice->files, keeps, &leaving);
    if (!did)
        print_err("out of memory");
    else if (leaving.names.size > 0 && !choice->has_reported)
        print_err("skipped, because their strategies are not among the selected ones in %s: %s",
                  config->strategy_dir, leaving.names.data);
    choice->has_reported = true;
    text_release(&leaving.names);
    faults_release(&faults);
    catalog_release(&catalog);
    return did;
}

/* The configuration is taken over. */
static struct config *choose(struct choice *choice, struct config *config) {
    if (config == NULL || choice->directory == NULL || leave_out(choice, config))
        return config;
    config_free(config);
    return NULL;
}

struct config *choice_load(struct choice *choice, const struct config_options *options) {
    return choose(choice, config_options_load(options));
}

struct config *choice_load_anyway(struct choice *choice, const struct config_options *options,
                                  bool *has_errors) {
    return choose(choice, config_options_load_anyway(options, has_errors));
}
