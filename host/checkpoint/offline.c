/* What `take5 checkpoint` reads: files of a service that may be running, for any user that may read
 * them. */
#include "base/array.h"
#include "base/io.h"
#include "checkpoint/checkpoint_files.h"
#include "checkpoint/journal_file.h"
#include "checkpoint/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (INT64_C(8) << 30)

/* ---- lists ---- */

struct listing {
    struct checkpoint_file *items;
    size_t count, capacity;
};

void checkpoint_files_free(struct checkpoint_file *files, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(files[i].path);
    free(files);
}

/* A file that was removed meanwhile is not an error. */
static bool add_file(struct listing *listing, const char *state_dir, int32_t partition,
                     const struct file_name *name) {
    struct stat status;
    char *path = files_path(state_dir, partition, name->number, name->kind);
    if (path == NULL)
        return false;
    if (lstat(path, &status) != 0) {
        free(path);
        return true;
    }
    if (!ARRAY_GROW(listing->items, listing->count, listing->capacity)) {
        free(path);
        return false;
    }
    listing->items[listing->count++] =
        (struct checkpoint_file){.partition = partition,
                                 .number = name->number,
                                 .is_journal = name->kind == FILE_JOURNAL,
                                 .path = path,
                                 .size = (uint64_t)status.st_size};
    return true;
}

static bool add_place(struct listing *listing, const char *state_dir, int32_t partition,
                      struct error *error) {
    struct file_list files = {0};
    char *directory = files_directory(state_dir, partition);
    bool did = directory != NULL ? files_list(directory, false, &files, error)
                                 : error_set_memory(error, "a path");
    for (size_t i = 0; did && i < files.count; i++) {
        if (files.items[i].kind <= FILE_JOURNAL &&
            !add_file(listing, state_dir, partition, &files.items[i]))
            did = error_set_memory(error, "a list of files");
    }
    file_list_release(&files);
    free(directory);
    return did;
}

static int compare_files(const void *left, const void *right) {
    const struct checkpoint_file *a = left, *b = right;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (int)a->is_journal - (int)b->is_journal;
}

bool checkpoint_files_list(const char *state_dir, struct checkpoint_file **files, size_t *count,
                           struct error *error) {
    struct listing listing = {0};
    int32_t partition;
    *files = NULL;
    *count = 0;
    char *directory = text_format("%s/checkpoints", state_dir);
    if (directory == NULL)
        return error_set_memory(error, "a path");
    DIR *places = opendir(directory);
    bool did = places != NULL || errno == ENOENT ||
               error_set_errno(error, errno, "cannot read %s", directory);
    for (const struct dirent *entry; did && places != NULL && (entry = readdir(places)) != NULL;)
        did = !files_place_parse(entry->d_name, &partition) ||
              add_place(&listing, state_dir, partition, error);
    if (places != NULL)
        closedir(places);
    free(directory);
    if (!did) {
        checkpoint_files_free(listing.items, listing.count);
        return false;
    }
    if (listing.count > 0)
        qsort(listing.items, listing.count, sizeof *listing.items, compare_files);
    *files = listing.items;
    *count = listing.count;
    return true;
}

/* ---- files ---- */

static char *read_whole(const char *path, size_t *size, struct error *error) {
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "cannot open %s", path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    char *bytes = NULL;
    if (!S_ISREG(status.st_mode)) {
        error_set(error, ERROR_INVALID, "%s: not a regular file", path);
    } else {
        bytes = io_read_whole(fd, MAX_FILE, size);
        if (bytes == NULL)
            error_set_errno(error, errno, "cannot read %s", path);
    }
    close(fd);
    return bytes;
}

bool checkpoint_file_read(const char *path, struct checkpoint *checkpoint, struct error *error) {
    size_t size;
    char *bytes = read_whole(path, &size, error);
    if (bytes == NULL)
        return false;
    const bool did =
        checkpoint_decode(checkpoint, bytes, size, error) || error_prefix(error, "%s: ", path);
    free(bytes);
    return did;
}

bool checkpoint_journal_check(const char *path, uint64_t *torn, struct error *error) {
    struct journal_shape shape;
    size_t size;
    char *bytes = read_whole(path, &size, error);
    if (bytes == NULL)
        return false;
    bool did =
        journal_read(bytes, size, NULL, NULL, &shape, error) || error_prefix(error, "%s: ", path);
    if (did && shape.whole < size && !shape.is_torn)
        did = error_set(error, ERROR_INVALID, "%s: journal is damaged behind byte %zu of %zu", path,
                        shape.whole, size);
    *torn = did ? size - shape.whole : 0;
    free(bytes);
    return did;
}
