#include "config/files.h"

#include "base/path_list.h"
#include "base/text.h"
#include "config/schema/schema.h"
#include "config/text/paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    const struct config *config;
    config_file_visit *visit;
    void *context;
    struct error *error;
};

static bool out_of_memory(const struct walk *walk) {
    return error_set_memory(walk->error, "the names of files");
}

static bool meet(const struct walk *walk, enum config_file_kind kind, const char *what,
                 const char *path, struct place place) {
    const struct config_file file = {kind, what, path, place};
    return path == NULL || walk->visit(walk->context, &file, walk->error);
}

/* ---- what lies in a directory ---- */

/* "x.so", "libx.so.1.2": found by its name, also when it cannot be read. */
static bool is_named_library(const char *name) {
    const char *mark = strstr(name, ".so");
    while (mark != NULL && mark[3] != '\0' && mark[3] != '.')
        mark = strstr(mark + 1, ".so");
    return mark != NULL && mark != name;
}

static bool is_elf(const char *path) {
    char begin[4];
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const bool is = file >= 0 && read(file, begin, sizeof begin) == sizeof begin &&
                    memcmp(begin, "\177ELF", sizeof begin) == 0;
    if (file >= 0)
        close(file);
    return is;
}

static bool meet_code(const struct walk *walk, const char *path, const char *name) {
    const char *const what = "a strategy or library";
    if (is_named_library(name) || is_elf(path))
        return meet(walk, CONFIG_FILE_READ, what, path, (struct place){0});
    return meet(walk, CONFIG_FILE_BESIDE, "a file in the strategy directory", path,
                (struct place){0});
}

/* Below the directory of strategies, where libraries may lie ($ORIGIN/lib), which else may be any:
 * somebody's home. */
static bool meet_library(const struct walk *walk, const char *path, const char *name) {
    return !is_named_library(name) ||
           meet(walk, CONFIG_FILE_READ, "a library of a strategy", path, (struct place){0});
}

static bool meet_authority(const struct walk *walk, const char *path, const char *name) {
    (void)name;
    return meet(walk, CONFIG_FILE_READ, "a certificate", path, (struct place){0});
}

typedef bool meet_entry(const struct walk *walk, const char *path, const char *name);

static bool walk_directory(const struct walk *walk, const char *directory, meet_entry *on_file,
                           meet_entry *on_file_below) {
    DIR *entries = opendir(directory);
    bool did = true;
    for (struct dirent *entry; did && entries != NULL && (entry = readdir(entries)) != NULL;) {
        struct stat status;
        char *path = path_join(directory, entry->d_name);
        if (path == NULL)
            did = out_of_memory(walk);
        else if (stat(path, &status) != 0)
            did = true;
        else if (S_ISREG(status.st_mode))
            did = on_file(walk, path, entry->d_name);
        else if (S_ISDIR(status.st_mode) && on_file_below != NULL && entry->d_name[0] != '.')
            did = walk_directory(walk, path, on_file_below, NULL);
        free(path);
    }
    if (entries != NULL)
        closedir(entries);
    return did;
}

/* ---- what settings name ---- */

static bool ends_with(const char *text, const char *end) {
    const size_t size = strlen(text), end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

/* Of librdkafka's properties those whose value is a path; it goes from the working directory. */
static bool is_path_property(const char *name) {
    return ends_with(name, ".location") || ends_with(name, ".keytab") || ends_with(name, ".path");
}

static bool meet_properties(const struct walk *walk, const char *section,
                            const struct config_items *items) {
    bool did = true;
    for (size_t i = 0; did && i < items->count; i++) {
        const struct config_item *item = &items->items[i];
        struct stat status;
        if (!is_path_property(item->name))
            continue;
        if (stat(item->text, &status) == 0 && S_ISDIR(status.st_mode)) {
            did = walk_directory(walk, item->text, meet_authority, NULL);
            continue;
        }
        char *what = text_format("[%s] %s", section, item->name);
        did = what != NULL ? meet(walk, CONFIG_FILE_READ, what, item->text, item->place)
                           : out_of_memory(walk);
        free(what);
    }
    return did;
}

/* Which of a strategy's parameters are files its descriptor knows, and nothing was loaded yet. */
static bool may_be_path(const char *text) {
    return strpbrk(text, "/.") != NULL && strchr(text, '\n') == NULL;
}

/* Relative paths begin at the ini file, those of the command line in the working directory. */
static char *path_of(const struct config_item *item) {
    char *directory = item->place.line > 0 ? path_directory(item->place.file) : NULL;
    char *path = path_absolute(directory, item->text);
    free(directory);
    return path;
}

static bool meet_settings(const struct walk *walk, const struct config_deployment *deployment) {
    bool did = true;
    for (size_t i = 0; did && i < deployment->settings.count; i++) {
        const struct config_item *item = &deployment->settings.items[i];
        if (!may_be_path(item->text))
            continue;
        char *what = text_format("[strategy:%s] %s", deployment->name, item->name);
        char *path = path_of(item);
        did = what != NULL && path != NULL ? meet(walk, CONFIG_FILE_READ, what, path, item->place)
                                           : out_of_memory(walk);
        free(path);
        free(what);
    }
    return did;
}

/* ---- all ---- */

static bool walk_strategies(const struct walk *walk, const char *directories) {
    const char *begin;
    size_t size;
    bool did = true;
    while (did && path_list_next(&directories, &begin, &size)) {
        char *directory = text_dup(begin, size);
        did = directory != NULL ? walk_directory(walk, directory, meet_code, meet_library)
                                : out_of_memory(walk);
        free(directory);
    }
    return did;
}

static bool meet_read(const struct walk *walk) {
    const struct config *config = walk->config;
    bool did = true;
    for (size_t i = 0; did && i < config->ini_file_count; i++)
        did = meet(walk, CONFIG_FILE_READ, "a configuration file", config->ini_files[i].path,
                   (struct place){0});
    for (size_t i = 0; did && i < config->source_count; i++)
        did = meet(walk, CONFIG_FILE_READ, "a file that provides a setting", config->sources[i],
                   (struct place){0});
    did = did && meet_properties(walk, "kafka", &config->kafka) &&
          meet_properties(walk, "sink:kafka", &config->producer);
    for (size_t i = 0; did && i < config->deployment_count; i++)
        did = meet_settings(walk, &config->deployments[i]);
    if (config->bundled_dir != NULL)
        did = did && walk_directory(walk, config->bundled_dir, meet_code, meet_library);
    return did && (config->strategy_dir == NULL || walk_strategies(walk, config->strategy_dir));
}

static bool meet_written(const struct walk *walk) {
    const struct config *config = walk->config;
    const struct {
        const char *section, *what, *path;
    } files[] = {
        {"log", "[log] path", config->log.path},
        {"sink:jsonl", "[sink:jsonl] path", config->sink_jsonl ? config->jsonl_path : NULL},
        {"series", "[series] path", config->series == SERIES_JSONL ? config->series_path : NULL},
        {"dead_letters", "[dead_letters] path",
         config->dead_letters == DEAD_LETTERS_JSONL ? config->dead_letters_path : NULL},
        {"journal", "[journal] path", config->journal_enabled ? config->journal_path : NULL},
    };
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    bool did = true;
    for (size_t i = 0; did && i < sizeof files / sizeof *files; i++)
        did = meet(walk, CONFIG_FILE_WRITTEN, files[i].what, files[i].path,
                   config->origins[schema_find(files[i].section, "path") - keys]);
    return did;
}

bool config_files(const struct config *config, config_file_visit *visit, void *context,
                  struct error *error) {
    const struct walk walk = {config, visit, context, error};
    return meet_read(&walk) && meet_written(&walk);
}
