#include "strategy/plugin/generation.h"

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "os/at_fork.h"
#include "os/private_file.h"
#include "strategy/plugin/elf_private.h"
#include "strategy/plugin/guard.h"

#include <take5/note.h>

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
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

static bool check_directory(const char *directory, const struct trust *trust, struct error *error) {
    struct stat status;
    struct statvfs system;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cannot create cache directory %s", directory);
    if (stat(directory, &status) != 0 || statvfs(directory, &system) != 0)
        return error_set_errno(error, errno, "cannot stat cache directory %s", directory);
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INVALID, "cache directory %s: not a directory", directory);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return error_set(error, ERROR_INVALID,
                         "cache directory %s: owned by user %" PRIuMAX
                         ", this process is user %" PRIuMAX
                         ": `chown` it or set cache_dir to another directory",
                         directory, (uintmax_t)status.st_uid, (uintmax_t)geteuid());
    if (!trust->is_off && (status.st_mode & S_IWOTH) != 0)
        return error_set(error, ERROR_INVALID,
                         "cache directory %s: mode %04o lets everyone write code to it: `chmod"
                         " 0700` it",
                         directory, (unsigned)(status.st_mode & 07777));
    if ((system.f_flag & ST_NOEXEC) != 0)
        return error_set(
            error, ERROR_INVALID,
            "cache directory %s: is on a file system that is mounted noexec, so no"
            " strategy can be loaded from it: set cache_dir to another directory, such as"
            " /var/cache/take5",
            directory);
    return true;
}

/* NAME-HASH-NUMBER and `ending`, with the hash in 32 hexadecimal digits. */
static bool is_copy_name(const char *name, const char *ending) {
    const size_t size = strlen(name), ending_size = strlen(ending);
    if (size < ending_size || strcmp(name + size - ending_size, ending) != 0)
        return false;
    size_t at = size - ending_size;
    const size_t number_end = at;
    while (at > 0 && isdigit((unsigned char)name[at - 1]))
        at--;
    if (at == number_end || at < 1 + 1 + 32 + 1 || name[at - 1] != '-')
        return false;
    const char *hash = name + at - 1 - 32;
    return strspn(hash, "0123456789abcdef") == 32 && hash[-1] == '-';
}

/* A directory of libraries, and what is in it: files alone. */
static void remove_libraries(int parent, const char *name) {
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(fd, entry->d_name, 0);
    (void)closedir(listing);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

static void remove_old_copies(const char *directory) {
    DIR *listing = opendir(directory);
    if (listing == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (is_copy_name(entry->d_name, ".so"))
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
        else if (is_copy_name(entry->d_name, ".d"))
            remove_libraries(dirfd(listing), entry->d_name);
    }
    (void)closedir(listing);
}

/* The lock is held shared by every process that uses the directory. Who gets it exclusively is
 * alone, and may clean up. */
static int lock_directory(const char *directory, struct error *error) {
    char *path = text_format("%s/" LOCK_NAME, directory);
    if (path == NULL) {
        error_set_memory(error, "a path");
        return -1;
    }
    const int lock = private_file_open(path, O_RDWR | O_CREAT, error);
    if (lock >= 0) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0)
            remove_old_copies(directory);
        (void)flock(lock, LOCK_SH);
        at_fork_close(lock);
    }
    free(path);
    return lock;
}

struct generations *generations_new(const char *cache_dir, const struct trust *trust,
                                    struct error *error) {
    if (!check_directory(cache_dir, trust, error))
        return NULL;
    struct generations *generations = calloc(1, sizeof *generations);
    if (generations == NULL) {
        error_set_memory(error, "generations");
        return NULL;
    }
    generations->lock = -1;
    generations->directory = text_dup(cache_dir, strlen(cache_dir));
    if (generations->directory == NULL)
        error_set_memory(error, "a path");
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
    free(generation->library_dir);
    free(generation);
}

static void remove_copies(const struct generation *generation) {
    (void)unlink(generation->cache_path);
    if (generation->library_dir != NULL)
        remove_libraries(AT_FDCWD, generation->library_dir);
}

void generations_free(struct generations *generations) {
    if (generations == NULL)
        return;
    for (size_t i = 0; i < generations->count; i++) {
        remove_copies(generations->items[i]);
        generation_free(generations->items[i]);
    }
    free(generations->items);
    free(generations->directory);
    if (generations->lock >= 0) {
        at_fork_forget(generations->lock);
        (void)close(generations->lock);
    }
    free(generations);
}

/* EEXIST: the name is taken by another process's copy. */
static bool write_copy(const char *path, const char *bytes, size_t size, int *failure) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    *failure = 0;
    if (fd < 0) {
        *failure = errno;
        return false;
    }
    if (!io_write_all(fd, bytes, size) || fchmod(fd, 0444) != 0)
        *failure = errno;
    if (close(fd) != 0 && *failure == 0)
        *failure = errno;
    if (*failure != 0)
        (void)unlink(path);
    return *failure == 0;
}

/* Where the copies of one generation go. */
struct placing {
    const struct generation *generation;
    const struct strategy_file *file;
    char path[PATH_MAX]; /* of the library that was asked for last */
};

static bool library_place(const struct placing *placing, size_t index, char path[PATH_MAX]) {
    const char *name = placing->file->libraries[index].name, *slash = strrchr(name, '/');
    const int size = snprintf(path, PATH_MAX, "%s/%zu-%s", placing->generation->library_dir, index,
                              slash != NULL ? slash + 1 : name);
    return size > 0 && size < PATH_MAX;
}

/* The path of a library of its own, by the name that it is needed by. */
static const char *place_needed(void *context, const char *needed) {
    struct placing *placing = context;
    for (size_t i = 0; i < placing->file->library_count; i++)
        if (strcmp(placing->file->libraries[i].name, needed) == 0)
            return library_place(placing, placing->file->libraries[i].same_as, placing->path)
                       ? placing->path
                       : NULL;
    return NULL;
}

static bool write_private(struct placing *placing, const char *path, const char *bytes, size_t size,
                          bool is_library, int *failure, struct error *error) {
    char *copy;
    size_t copy_size;
    *failure = 0;
    if (!elf_private_copy(bytes, size, is_library, place_needed, placing, &copy, &copy_size, error))
        return false;
    const bool did = write_copy(path, copy, copy_size, failure);
    free(copy);
    return did || error_set_errno(error, *failure, "cannot write %s", path);
}

static bool write_libraries(struct placing *placing, struct error *error) {
    const struct strategy_file *file = placing->file;
    const char *directory = placing->generation->library_dir;
    int failure;
    if (mkdir(directory, 0700) != 0)
        return error_set_errno(error, errno, "cannot create %s", directory);
    for (size_t i = 0; i < file->library_count; i++) {
        const struct strategy_library *library = &file->libraries[i];
        char path[PATH_MAX];
        if (library->same_as != i)
            continue;
        const bool did =
            library_place(placing, i, path)
                ? write_private(placing, path, library->bytes, library->size, true, &failure, error)
                : error_set(error, ERROR_INVALID, "the path of its copy is too long");
        if (!did)
            return error_prefix(error, "%s: its library %s: ", file->path, library->path);
    }
    return true;
}

/* The file itself goes first: its name, if it can be had, is that of the directory too. */
static bool write_copies(struct generation *generation, const struct strategy_file *file,
                         int *failure, struct error *error) {
    struct placing placing = {.generation = generation, .file = file};
    if (!generation->is_rewritten)
        return write_copy(generation->cache_path, file->bytes, file->size, failure) ||
               error_set_errno(error, *failure, "cannot write %s", generation->cache_path);
    if (!write_private(&placing, generation->cache_path, file->bytes, file->size, false, failure,
                       error))
        return false;
    if (file->library_count == 0 || write_libraries(&placing, error))
        return true;
    remove_copies(generation);
    return false;
}

/* Finds a number whose name is free, and writes the copies under it. */
static bool place_copy(struct generations *generations, struct generation *generation,
                       const struct strategy_file *file, struct error *error) {
    char hash[HASH_TEXT_SIZE];
    int failure = 0;
    hash_text(file->hash, hash);
    generation->is_rewritten = file->library_count > 0 || file->unique_count > 0;
    do {
        generation->number = ++generations->last_number;
        free(generation->cache_path);
        free(generation->library_dir);
        generation->library_dir = NULL;
        generation->cache_path = text_format("%s/%s-%s-%" PRIu32 ".so", generations->directory,
                                             file->name, hash, generation->number);
        if (file->library_count > 0)
            generation->library_dir = text_format("%s/%s-%s-%" PRIu32 ".d", generations->directory,
                                                  file->name, hash, generation->number);
        if (generation->cache_path == NULL ||
            (file->library_count > 0 && generation->library_dir == NULL))
            return error_set_memory(error, "a path");
        if (write_copies(generation, file, &failure, error))
            return true;
    } while (failure == EEXIST);
    return false;
}

struct generation *generations_copy(struct generations *generations,
                                    const struct strategy_file *file, struct error *error) {
    struct generation *generation = calloc(1, sizeof *generation);
    if (generation == NULL ||
        !ARRAY_GROW(generations->items, generations->count, generations->capacity)) {
        error_set_memory(error, "a generation");
        goto failed;
    }
    generation->hash = file->hash;
    generation->static_tls = file->static_tls;
    generation->flags = file->flags;
    generation->name = text_dup(file->name, strlen(file->name));
    generation->source_path = text_dup(file->path, strlen(file->path));
    memcpy(generation->note_version, file->version, sizeof generation->note_version);
    if (generation->name == NULL || generation->source_path == NULL) {
        error_set_memory(error, "a generation");
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

/* The loader's message, without the copy's path at its beginning: people know the source's. */
static const char *loader_error(const struct generation *generation) {
    const char *text = dlerror();
    if (text == NULL)
        return "the loader gave no reason";
    const size_t size = strlen(generation->cache_path);
    if (strncmp(text, generation->cache_path, size) == 0 && text[size] == ':')
        text += size + 1;
    return text + strspn(text, " ");
}

/* The reserve for thread-local storage that must lie at a fixed place is small, and what was loaded
 * keeps its part of it. */
static void add_loader_fault(const struct generation *generation, struct faults *faults) {
    const struct place place = {generation->source_path, 0};
    const char *problem = loader_error(generation);
    if (strstr(problem, "static TLS") == NULL) {
        faults_add(faults, place, "cannot be loaded: %s", problem);
        return;
    }
    faults_add(faults, place,
               "cannot be loaded: %s: each version loaded since the start uses part "
               "of a small reserve%s; restart the host to load this one, and build it without "
               "-ftls-model=initial-exec for unlimited reloads",
               problem, generation->static_tls > 0 ? " (see `take5 inspect`)" : "");
}

bool generation_open(struct generation *generation, struct faults *faults) {
    const struct place place = {generation->source_path, 0};
    struct guard guard;
    (void)guard_begin(&guard);
    void *library = dlopen(generation->cache_path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    generation->changes = guard_end(&guard);
    if (library == NULL) {
        add_loader_fault(generation, faults);
        return false;
    }
    generation->is_mapped = true;
    const t5_strategy *descriptor = dlsym(library, T5_DESCRIPTOR_SYMBOL);
    if (descriptor == NULL) {
        faults_add(faults, place, "has no symbol " T5_DESCRIPTOR_SYMBOL ": %s",
                   loader_error(generation));
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
        remove_copies(generation);
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
