#include "rerun/rerun.h"

#include "base/array.h"
#include "checkpoint/store.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_reloads(struct rerun *rerun, FILE *file, const char *path, struct error *error) {
    size_t capacity = 0;
    char line[64];
    while (fgets(line, sizeof line, file) != NULL) {
        char *end;
        errno = 0;
        const uint64_t before = strtoull(line, &end, 10);
        if (errno != 0 || end == line || *end != '\n')
            return error_set(error, ERROR_INVALID, "%s:%zu: must be a number of messages", path,
                             rerun->reload_count + 1);
        if (!ARRAY_GROW(rerun->reloads, rerun->reload_count, capacity))
            return error_set_memory(error, "a list of reloads");
        rerun->reloads[rerun->reload_count++] = before;
    }
    return !ferror(file) || error_set_errno(error, errno, "cannot read %s", path);
}

static bool read_fatal(struct rerun *rerun, FILE *file, const char *path, struct error *error) {
    char line[64] = "", *end;
    if (fgets(line, sizeof line, file) == NULL && ferror(file))
        return error_set_errno(error, errno, "cannot read %s", path);
    errno = 0;
    const uint64_t before = strtoull(line, &end, 10);
    rerun->does_save = strcmp(end, " save\n") == 0;
    if (errno != 0 || end == line || (*end != '\n' && !rerun->does_save))
        return error_set(error, ERROR_INVALID, "%s:1: must be a number of messages", path);
    if (!ARRAY_RESIZE(rerun->reloads, rerun->reload_count + 1))
        return error_set_memory(error, "a list of reloads");
    rerun->reloads[rerun->reload_count] = before;
    rerun->has_fatal = true;
    return true;
}

/* One that is not there says nothing. */
static bool read_file(struct rerun *rerun, const char *name,
                      bool (*read)(struct rerun *rerun, FILE *file, const char *path,
                                   struct error *error),
                      struct error *error) {
    char *path = text_format("%s/%s", rerun->directory, name);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    bool did = path != NULL || error_set_memory(error, "a path");
    if (did && file == NULL)
        did = errno == ENOENT || error_set_errno(error, errno, "cannot open %s", path);
    else if (did)
        did = read(rerun, file, path, error);
    if (file != NULL)
        fclose(file);
    free(path);
    return did;
}

bool rerun_open(struct rerun *rerun, const char *directory, struct error *error) {
    *rerun = (struct rerun){.directory = directory};
    rerun->journal = text_format("%s/journal", directory);
    return (rerun->journal != NULL || error_set_memory(error, "a path")) &&
           read_file(rerun, "reloads", read_reloads, error) &&
           read_file(rerun, "fatal", read_fatal, error);
}

void rerun_close(struct rerun *rerun) {
    free(rerun->journal);
    free(rerun->reloads);
    *rerun = (struct rerun){0};
}

char *rerun_ini(const struct rerun *rerun, size_t phase) {
    return text_format("%s/%zu.ini", rerun->directory, phase);
}

static bool take_strategy(const char *folder, const char *name,
                          bool (*take)(void *context, const char *path), void *context,
                          struct error *error) {
    char *path = text_format("%s/%s", folder, name);
    const bool did = path != NULL && take(context, path);
    free(path);
    return did || error_set(error, ERROR_INVALID, "%s/%s cannot be run", folder, name);
}

static bool take_all(DIR *list, const char *folder, size_t phase,
                     bool (*take)(void *context, const char *path), void *context,
                     struct error *error) {
    char prefix[32];
    const size_t length = (size_t)snprintf(prefix, sizeof prefix, "%zu-", phase);
    const struct dirent *entry;
    bool did = true;
    while (did && (entry = readdir(list)) != NULL) {
        const size_t size = strlen(entry->d_name);
        if (strncmp(entry->d_name, prefix, length) == 0 && size > 3 &&
            strcmp(entry->d_name + size - 3, ".so") == 0)
            did = take_strategy(folder, entry->d_name, take, context, error);
    }
    return did;
}

bool rerun_each_strategy(const struct rerun *rerun, size_t phase,
                         bool (*take)(void *context, const char *path), void *context,
                         struct error *error) {
    char *folder = text_format("%s/strategies", rerun->directory);
    if (folder == NULL)
        return error_set_memory(error, "a path");
    DIR *list = opendir(folder);
    const bool did = list != NULL ? take_all(list, folder, phase, take, context, error)
                                  : error_set_errno(error, errno, "cannot read %s", folder);
    if (list != NULL)
        closedir(list);
    free(folder);
    return did;
}

bool rerun_beginning(void *context, int32_t partition, struct checkpoint *checkpoint,
                     struct error *error) {
    const struct rerun *rerun = context;
    char *path = text_format("%s/checkpoints/%" PRId32 ".checkpoint", rerun->directory, partition);
    if (path == NULL)
        return error_set_memory(error, "a path");
    const bool did = access(path, F_OK) != 0 || checkpoint_file_read(path, checkpoint, error);
    free(path);
    return did;
}

/* Not inlined, nor left out: a debugger finds it by its name. */
__attribute__((noinline, used)) void capsule_fatal_message_follows(void) {
    __asm__ volatile("");
}
