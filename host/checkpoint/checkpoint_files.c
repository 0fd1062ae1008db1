#include "checkpoint/checkpoint_files.h"

#include "base/array.h"
#include "base/io.h"
#include "os/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (INT64_C(8) << 30)
#define GLOBAL   "global"

static const char *const suffixes[] = {
    [FILE_CHECKPOINT] = ".checkpoint",
    [FILE_JOURNAL] = ".journal",
    [FILE_BESIDE] = ".checkpoint.new",
};

/* ---- names ---- */

const char *files_place(int32_t partition, char text[FILES_PLACE_SIZE]) {
    if (partition < 0)
        snprintf(text, FILES_PLACE_SIZE, GLOBAL);
    else
        snprintf(text, FILES_PLACE_SIZE, "%" PRId32, partition);
    return text;
}

/* The digits at the beginning, in their only spelling; returns what follows, or NULL. */
static const char *parse_number(const char *name, uint64_t most, uint64_t *number) {
    const char *at = name;
    if (*at == '0' && at[1] >= '0' && at[1] <= '9')
        return NULL;
    for (*number = 0; *at >= '0' && *at <= '9'; at++) {
        const unsigned digit = (unsigned)(*at - '0');
        if (*number > (most - digit) / 10)
            return NULL;
        *number = *number * 10 + digit;
    }
    return at > name ? at : NULL;
}

bool files_place_parse(const char *name, int32_t *partition) {
    uint64_t number;
    if (strcmp(name, GLOBAL) == 0) {
        *partition = -1;
        return true;
    }
    const char *rest = parse_number(name, INT32_MAX, &number);
    if (rest == NULL || *rest != '\0')
        return false;
    *partition = (int32_t)number;
    return true;
}

char *files_directory(const char *state_dir, int32_t partition) {
    char place[FILES_PLACE_SIZE];
    return text_format("%s/checkpoints/%s", state_dir, files_place(partition, place));
}

char *files_path(const char *state_dir, int32_t partition, uint64_t number, enum file_kind kind) {
    char place[FILES_PLACE_SIZE];
    return text_format("%s/checkpoints/%s/%" PRIu64 "%s", state_dir, files_place(partition, place),
                       number, suffixes[kind]);
}

static bool parse_name(const char *name, struct file_name *parsed) {
    const char *suffix = parse_number(name, UINT64_MAX, &parsed->number);
    if (suffix == NULL || (*suffix != '.'))
        return false;
    for (parsed->kind = FILE_CHECKPOINT; parsed->kind < FILE_ASIDE; parsed->kind++) {
        if (strcmp(suffix, suffixes[parsed->kind]) == 0)
            break;
    }
    return true;
}

/* ---- lists ---- */

static int compare_names(const void *left, const void *right) {
    const struct file_name *a = left, *b = right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->kind > b->kind) - (a->kind < b->kind);
}

void file_list_release(struct file_list *list) {
    free(list->items);
    memset(list, 0, sizeof *list);
}

static bool read_names(DIR *entries, struct file_list *list) {
    struct file_name name;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (!parse_name(entry->d_name, &name))
            continue;
        if (!ARRAY_GROW(list->items, list->count, list->capacity))
            return false;
        list->items[list->count++] = name;
    }
    return true;
}

bool files_list(const char *directory, bool must_be_private, struct file_list *list,
                struct error *error) {
    memset(list, 0, sizeof *list);
    if (must_be_private && !private_directory_check(directory, error))
        return errno == ENOENT;
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return errno == ENOENT || error_set_errno(error, errno, "cannot read %s", directory);
    const bool did = read_names(entries, list);
    closedir(entries);
    if (!did) {
        file_list_release(list);
        return error_set_memory(error, directory);
    }
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, compare_names);
    return true;
}

/* ---- directories ---- */

bool files_sync_directory(const char *directory, struct error *error) {
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool did = fd >= 0 && fsync(fd) == 0;
    const int errnum = errno;
    if (fd >= 0)
        close(fd);
    return did || error_set_errno(error, errnum, "cannot sync %s", directory);
}

bool files_make_one(const char *above, const char *directory, struct error *error) {
    if (mkdir(directory, 0700) == 0)
        return files_sync_directory(above, error);
    if (errno != EEXIST)
        return error_set_errno(error, errno, "cannot make %s", directory);
    return private_directory_check(directory, error);
}

bool files_make_directory(const char *state_dir, int32_t partition, struct error *error) {
    char *all = text_format("%s/checkpoints", state_dir);
    char *own = files_directory(state_dir, partition);
    const bool did = all != NULL && own != NULL
                         ? files_make_one(state_dir, all, error) && files_make_one(all, own, error)
                         : error_set_memory(error, "a path");
    free(all);
    free(own);
    return did;
}

/* ---- reading ---- */

enum file_outcome files_read(const char *path, char **bytes, size_t *size, struct error *error) {
    const int fd = private_file_open(path, O_RDONLY, error);
    *bytes = NULL;
    if (fd < 0 && errno == ENOENT)
        return FILE_NONE;
    if (fd < 0)
        return error->code == ERROR_INVALID ? FILE_REFUSED : FILE_UNREADABLE;
    *bytes = io_read_whole(fd, MAX_FILE, size);
    if (*bytes == NULL)
        error_set_errno(error, errno, "cannot read %s", path);
    close(fd);
    return *bytes != NULL ? FILE_READ : FILE_UNREADABLE;
}

static enum file_outcome judge(const char *path, int32_t partition, uint64_t number,
                               const char *group, const struct checkpoint *checkpoint,
                               struct error *error) {
    char stored[FILES_PLACE_SIZE], named[FILES_PLACE_SIZE];
    if (checkpoint->partition != partition || checkpoint->number != number) {
        error_set(error, ERROR_INVALID,
                  "%s: it is number %" PRIu64 " of %s, and is named %" PRIu64 " of %s", path,
                  checkpoint->number, files_place(checkpoint->partition, stored), number,
                  files_place(partition, named));
        return FILE_DAMAGED;
    }
    if (group != NULL && strcmp(checkpoint->group, group) != 0) {
        error_set(error, ERROR_INVALID,
                  "%s: it is of the group \"%s\", and this host's group.id is \"%s\": offsets of "
                  "another group mean nothing here",
                  path, checkpoint->group, group);
        return FILE_REFUSED;
    }
    return FILE_READ;
}

enum file_outcome files_read_checkpoint(const char *path, int32_t partition, uint64_t number,
                                        const char *group, struct checkpoint *checkpoint,
                                        struct error *error) {
    char *bytes;
    size_t size;
    enum file_outcome outcome = files_read(path, &bytes, &size, error);
    if (outcome != FILE_READ)
        return outcome;
    if (checkpoint_decode(checkpoint, bytes, size, error)) {
        outcome = judge(path, partition, number, group, checkpoint, error);
    } else {
        outcome = error->code == ERROR_MEMORY  ? FILE_UNREADABLE
                  : error->code == ERROR_STATE ? FILE_REFUSED
                                               : FILE_DAMAGED;
        error_prefix(error, "%s: ", path);
    }
    free(bytes);
    if (outcome != FILE_READ)
        checkpoint_release(checkpoint);
    return outcome;
}

void files_set_aside(const char *path, enum file_outcome outcome, struct log *log,
                     const struct error *error) {
    const char *suffix = outcome == FILE_DAMAGED   ? ".damaged"
                         : outcome == FILE_REFUSED ? ".refused"
                                                   : NULL;
    char *aside = suffix != NULL ? text_format("%s%s", path, suffix) : NULL;
    if (aside != NULL && rename(path, aside) == 0)
        log_event(log, LOG_LEVEL_ERROR, "engine", "checkpoint.rejected",
                  "not used, and kept for inspection as %s: %s", aside, error->text);
    else
        log_event(log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable", "not used: %s",
                  error->text);
    free(aside);
}

/* ---- writing ---- */

static bool write_synced(const char *path, const struct text *bytes, struct error *error) {
    const int fd = private_file_create(path, error);
    if (fd < 0)
        return false;
    const bool did = io_write_all(fd, bytes->data, bytes->size) && fsync(fd) == 0;
    const int errnum = errno;
    close(fd);
    if (did)
        return true;
    unlink(path);
    return error_set_errno(error, errnum, "cannot write %s (%zu bytes)", path, bytes->size);
}

bool files_write(const char *state_dir, int32_t partition, uint64_t number,
                 const struct text *bytes, struct error *error) {
    char *directory = files_directory(state_dir, partition);
    char *path = files_path(state_dir, partition, number, FILE_CHECKPOINT);
    char *beside = files_path(state_dir, partition, number, FILE_BESIDE);
    bool did = false;
    if (directory == NULL || path == NULL || beside == NULL)
        error_set_memory(error, "a path");
    else if (files_make_directory(state_dir, partition, error) &&
             write_synced(beside, bytes, error)) {
        did = rename(beside, path) == 0 ||
              error_set_errno(error, errno, "cannot rename %s to %s", beside, path);
        if (did)
            did = files_sync_directory(directory, error);
        else
            unlink(beside);
    }
    free(directory);
    free(path);
    free(beside);
    return did;
}

char *files_write_refused(const char *state_dir, int32_t partition, uint64_t number,
                          const char *name, const struct text *bytes, struct error *error) {
    char *directory = files_directory(state_dir, partition);
    char *path = directory != NULL
                     ? text_format("%s/%" PRIu64 ".%s.refused", directory, number, name)
                     : NULL;
    bool did = false;
    if (path == NULL)
        error_set_memory(error, "a path");
    else
        did = files_make_directory(state_dir, partition, error) &&
              write_synced(path, bytes, error) && files_sync_directory(directory, error);
    free(directory);
    if (did)
        return path;
    free(path);
    return NULL;
}
