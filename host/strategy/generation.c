#include "strategy/generation.h"

#include "base/text.h"
#include "strategy/guard.h"

#include <take5/note.h>

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOCK_NAME ".lock"

struct generations {
    char *directory;
    int lock; /* shared while this process lives */
    struct generation **items;
    size_t count, capacity;
    size_t forgotten_count; /* mapped, but no longer listed */
    uint32_t last_number;
};

/* ---- the cache directory ---- */

static bool check_directory(const char *directory, struct error *error) {
    struct stat status;
    struct statvfs system;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cache directory %s: cannot be made", directory);
    if (stat(directory, &status) != 0 || statvfs(directory, &system) != 0)
        return error_set_errno(error, errno, "cache directory %s: cannot be looked at", directory);
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INVALID, "cache directory %s: is no directory", directory);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return error_set(error, ERROR_INVALID,
                         "cache directory %s: belongs to user %" PRIuMAX ", this is user %" PRIuMAX
                         ": `chown` it or set cache_dir to another",
                         directory, (uintmax_t)status.st_uid, (uintmax_t)geteuid());
    if ((status.st_mode & S_IWOTH) != 0)
        return error_set(error, ERROR_INVALID,
                         "cache directory %s: mode %04o lets everybody put code into it: `chmod"
                         " 0700` it",
                         directory, (unsigned)(status.st_mode & 07777));
    if ((system.f_flag & ST_NOEXEC) != 0)
        return error_set(error, ERROR_INVALID,
                         "cache directory %s: lies on a file system that is mounted noexec, so no"
                         " strategy can be loaded from it: set cache_dir to another, such as"
                         " /var/cache/take5",
                         directory);
    return true;
}

/* NAME-HASH-NUMBER.so, with the hash in 32 hexadecimal digits. */
static bool is_copy_name(const char *name) {
    const size_t size = strlen(name);
    if (size < 3 || strcmp(name + size - 3, ".so") != 0)
        return false;
    size_t at = size - 3;
    const size_t number_end = at;
    while (at > 0 && isdigit((unsigned char)name[at - 1]))
        at--;
    if (at == number_end || at < 1 + 1 + 32 + 1 || name[at - 1] != '-')
        return false;
    const char *hash = name + at - 1 - 32;
    return strspn(hash, "0123456789abcdef") == 32 && hash[-1] == '-';
}

static void remove_old_copies(const char *directory) {
    DIR *listing = opendir(directory);
    if (listing == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (is_copy_name(entry->d_name))
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    (void)closedir(listing);
}

/* The lock is held shared by every process that uses the directory. Who gets it exclusively is
 * alone, and may clean up. */
static int lock_directory(const char *directory, struct error *error) {
    char *path = text_format("%s/" LOCK_NAME, directory);
    if (path == NULL) {
        error_set_memory(error, strlen(directory), "a path");
        return -1;
    }
    const int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) {
        error_set_errno(error, errno, "%s: cannot be opened", path);
    } else {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0)
            remove_old_copies(directory);
        (void)flock(lock, LOCK_SH);
    }
    free(path);
    return lock;
}

struct generations *generations_new(const char *cache_dir, struct error *error) {
    if (!check_directory(cache_dir, error))
        return NULL;
    struct generations *generations = calloc(1, sizeof *generations);
    if (generations == NULL) {
        error_set_memory(error, sizeof *generations, "generations");
        return NULL;
    }
    generations->lock = -1;
    generations->directory = text_dup(cache_dir, strlen(cache_dir));
    if (generations->directory == NULL)
        error_set_memory(error, strlen(cache_dir), "a path");
    else
        generations->lock = lock_directory(cache_dir, error);
    if (generations->lock >= 0)
        return generations;
    generations_free(generations);
    return NULL;
}

/* ---- copies ---- */

static void generation_free(struct generation *generation) {
    if (generation == NULL)
        return;
    description_free(generation->description);
    free(generation->name);
    free(generation->source_path);
    free(generation->cache_path);
    free(generation);
}

void generations_free(struct generations *generations) {
    if (generations == NULL)
        return;
    for (size_t i = 0; i < generations->count; i++) {
        (void)unlink(generations->items[i]->cache_path);
        generation_free(generations->items[i]);
    }
    free(generations->items);
    free(generations->directory);
    if (generations->lock >= 0)
        (void)close(generations->lock);
    free(generations);
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        const ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* EEXIST: the name is taken by another process's copy. */
static bool write_copy(const char *path, const struct strategy_file *file, int *failure) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    *failure = 0;
    if (fd < 0) {
        *failure = errno;
        return false;
    }
    if (!write_all(fd, file->bytes, file->size) || fchmod(fd, 0444) != 0)
        *failure = errno;
    if (close(fd) != 0 && *failure == 0)
        *failure = errno;
    if (*failure != 0)
        (void)unlink(path);
    return *failure == 0;
}

/* Finds a number whose name is free, and writes the copy under it. */
static bool place_copy(struct generations *generations, struct generation *generation,
                       const struct strategy_file *file, struct error *error) {
    char hash[HASH_TEXT_SIZE];
    int failure;
    hash_text(file->hash, hash);
    do {
        generation->number = ++generations->last_number;
        free(generation->cache_path);
        generation->cache_path = text_format("%s/%s-%s-%" PRIu32 ".so", generations->directory,
                                             file->name, hash, generation->number);
        if (generation->cache_path == NULL)
            return error_set_memory(error, strlen(file->path), "a path");
        if (write_copy(generation->cache_path, file, &failure))
            return true;
    } while (failure == EEXIST);
    return error_set_errno(error, failure, "%s: cannot be written", generation->cache_path);
}

static bool reserve_one(struct generations *generations) {
    if (generations->count < generations->capacity)
        return true;
    const size_t larger = generations->capacity > 0 ? generations->capacity * 2 : 16;
    struct generation **items = reallocarray(generations->items, larger, sizeof(*items));
    if (items == NULL)
        return false;
    generations->items = items;
    generations->capacity = larger;
    return true;
}

struct generation *generations_copy(struct generations *generations,
                                    const struct strategy_file *file, struct error *error) {
    struct generation *generation = calloc(1, sizeof *generation);
    if (generation == NULL || !reserve_one(generations)) {
        error_set_memory(error, sizeof *generation, "a generation");
        goto failed;
    }
    generation->hash = file->hash;
    generation->name = text_dup(file->name, strlen(file->name));
    generation->source_path = text_dup(file->path, strlen(file->path));
    memcpy(generation->note_version, file->version, sizeof generation->note_version);
    if (generation->name == NULL || generation->source_path == NULL) {
        error_set_memory(error, strlen(file->path), "a generation");
        goto failed;
    }
    if (!place_copy(generations, generation, file, error))
        goto failed;
    generations->items[generations->count++] = generation;
    return generation;
failed:
    generation_free(generation);
    return NULL;
}

/* ---- mapping ---- */

/* What the loader said, without the copy's path at its beginning: people know the source's. */
static const char *loader_complaint(const struct generation *generation) {
    const char *text = dlerror();
    if (text == NULL)
        return "the loader gives no reason";
    const size_t size = strlen(generation->cache_path);
    if (strncmp(text, generation->cache_path, size) == 0 && text[size] == ':')
        text += size + 1;
    return text + strspn(text, " ");
}

bool generation_open(struct generation *generation, struct faults *faults) {
    const struct place place = {generation->source_path, 0};
    struct guard guard;
    guard_begin(&guard);
    void *library = dlopen(generation->cache_path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    generation->has_changed_fp = guard_end(&guard);
    if (library == NULL) {
        faults_add(faults, place, "cannot be loaded: %s", loader_complaint(generation));
        return false;
    }
    generation->is_mapped = true;
    const t5_strategy *descriptor = dlsym(library, T5_DESCRIPTOR_SYMBOL);
    if (descriptor == NULL) {
        faults_add(faults, place, "has no symbol " T5_DESCRIPTOR_SYMBOL ": %s",
                   loader_complaint(generation));
        return false;
    }
    generation->description = description_new(descriptor, generation->source_path, generation->name,
                                              generation->note_version, faults);
    if (generation->description == NULL)
        return false;
    generation->descriptor = descriptor;
    return true;
}

void generations_discard(struct generations *generations, struct generation *generation) {
    for (size_t i = 0; i < generations->count; i++) {
        if (generations->items[i] != generation)
            continue;
        generations->items[i] = generations->items[--generations->count];
        if (generation->is_mapped)
            generations->forgotten_count++;
        (void)unlink(generation->cache_path);
        generation_free(generation);
        return;
    }
}

size_t generations_count(const struct generations *generations) {
    size_t count = generations->forgotten_count;
    for (size_t i = 0; i < generations->count; i++)
        count += generations->items[i]->is_mapped;
    return count;
}
