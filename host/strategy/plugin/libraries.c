#include "strategy/plugin/libraries.h"

#include "base/text.h"
#include "os/private_file.h"
#include "strategy/plugin/elf_check.h"
#include "strategy/plugin/elf_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_LIBRARIES 64

/* Where one file's needs are looked for. */
struct search {
    const char *kept;     /* there alone; NULL: */
    char *origin;         /* directory of the file that needs, */
    const char *path;     /* its own search path, or NULL, */
    const char *strategy; /* and the directory of the strategy */
};

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return text_dup(".", 1);
    return slash == path ? text_dup("/", 1) : text_dup(path, (size_t)(slash - path));
}

/* What a process can have but one of. */
static bool is_runtime(const char *name) {
    static const char *const names[] = {
        "libc.so.",     "libm.so.",      "libpthread.so.", "libdl.so.",  "librt.so.", "ld-linux",
        "libgcc_s.so.", "libstdc++.so.", "libc++.so",      "libc++abi.", "linux-vdso"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* ---- where it lies ---- */

/* DIRECTORY/NAME if there is a file of that name. */
static char *find_in(const char *directory, const char *name) {
    struct stat status;
    char *path = text_format("%s/%s", directory, name);
    if (path != NULL && stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
        return path;
    free(path);
    return NULL;
}

/* How long `$ORIGIN` or `${ORIGIN}` is at the text's beginning; 0: it is not there. */
static size_t origin_size(const char *text, size_t size) {
    static const char *const forms[] = {"$ORIGIN", "${ORIGIN}"};
    for (size_t i = 0; i < 2; i++) {
        const size_t length = strlen(forms[i]);
        if (size >= length && memcmp(text, forms[i], length) == 0)
            return length;
    }
    return 0;
}

/* A directory or path as the loader reads it, which fills in $ORIGIN wherever it stands. */
static char *expand(const char *entry, size_t size, const char *origin, bool *has_origin) {
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < size;) {
        const size_t length = origin_size(entry + i, size - i);
        if (length > 0)
            text_printf(&text, "%s", origin);
        else
            text_append(&text, entry + i, 1);
        *has_origin |= length > 0;
        i += length > 0 ? length : 1;
    }
    return text_take(&text);
}

/* Whether a path leads to the directory or to something below it, however it is written. */
static bool is_within(const char *path, const char *directory) {
    char *real = realpath(path, NULL), *base = realpath(directory, NULL);
    const size_t size = base != NULL && strcmp(base, "/") != 0 ? strlen(base) : 0;
    const bool is_in = real != NULL && base != NULL && strncmp(real, base, size) == 0 &&
                       (real[size] == '/' || real[size] == '\0');
    free(real);
    free(base);
    return is_in;
}

/* A file found below the strategy's directory, by way of it or of a link that leads there. */
static bool is_own(const struct search *search, const char *directory, const char *found) {
    return is_within(directory, search->strategy) || is_within(found, search->strategy);
}

/* NAME in that directory. `*is_elsewhere`: it is there, and not the strategy's own. */
static char *find_by_entry(const struct search *search, const char *entry, size_t size,
                           const char *name, bool *is_elsewhere) {
    bool has_origin = false;
    char *directory = size > 0 ? expand(entry, size, search->origin, &has_origin)
                               : text_dup(".", 1); /* so says the loader */
    char *found = directory != NULL ? find_in(directory, name) : NULL;
    *is_elsewhere = found != NULL && !has_origin && !is_own(search, directory, found);
    free(directory);
    if (!*is_elsewhere)
        return found;
    free(found);
    return NULL;
}

/* Through the file's own search path. `*is_elsewhere`: an entry without $ORIGIN has it. */
static char *find_by_path(const struct search *search, const char *name, bool *is_elsewhere) {
    const char *entry = search->path;
    while (entry != NULL) {
        const char *end = strchr(entry, ':');
        const size_t size = end != NULL ? (size_t)(end - entry) : strlen(entry);
        char *found = find_by_entry(search, entry, size, name, is_elsewhere);
        if (found != NULL || *is_elsewhere)
            return found;
        entry = end != NULL ? end + 1 : NULL;
    }
    return NULL;
}

/* NULL: it is not the strategy's own. */
static char *find_library(const struct search *search, const char *needed) {
    const char *slash = strrchr(needed, '/');
    const char *name = slash != NULL ? slash + 1 : needed;
    bool is_elsewhere = false;
    char *found = NULL;
    if (is_runtime(name) || name[0] == '\0')
        return NULL;
    if (search->kept != NULL)
        return find_in(search->kept, name);
    if (slash == NULL)
        found = find_by_path(search, name, &is_elsewhere);
    else if (slash > needed) /* the search path does not count */
        found = find_by_entry(search, needed, (size_t)(slash - needed), name, &is_elsewhere);
    if (found != NULL || is_elsewhere || needed[0] == '/')
        return found;
    found = find_in(search->origin, name);
    return found != NULL ? found : find_in(search->strategy, name);
}

/* ---- reading it ---- */

static bool has_library(const struct strategy_file *file, const char *needed) {
    for (size_t i = 0; i < file->library_count; i++)
        if (strcmp(file->libraries[i].name, needed) == 0)
            return true;
    return false;
}

static size_t find_same(const struct strategy_file *file, size_t index) {
    const struct strategy_library *library = &file->libraries[index];
    for (size_t i = 0; i < index; i++)
        if (file->libraries[i].device == library->device &&
            file->libraries[i].inode == library->inode)
            return i;
    return index;
}

/* Opened as the file itself was. */
static bool read_library(struct strategy_library *library, const struct trust *trust, bool is_kept,
                         struct error *error) {
    struct strategy_file read = {.path = library->path};
    struct stat status;
    const int fd = is_kept ? private_file_open(library->path, O_RDONLY, error)
                           : trust_open(library->path, O_RDONLY, trust, error);
    if (fd < 0)
        return false;
    const bool is_good = strategy_bytes_read(&read, fd, error) && elf_check_library(&read, error);
    if (fstat(fd, &status) == 0) {
        library->device = status.st_dev;
        library->inode = status.st_ino;
    }
    (void)close(fd);
    library->bytes = read.bytes;
    library->size = read.size;
    return is_good;
}

/* Takes the path over. */
static bool add_library(struct strategy_file *file, const char *needed, char *path,
                        const struct trust *trust, bool is_kept, struct error *error) {
    if (file->library_count == MOST_LIBRARIES) {
        free(path);
        return error_set(error, ERROR_INVALID, "needs more than %d libraries of its own",
                         MOST_LIBRARIES);
    }
    struct strategy_library *library = &file->libraries[file->library_count++];
    library->name = text_dup(needed, strlen(needed));
    library->path = path;
    const bool is_good = library->name != NULL ? read_library(library, trust, is_kept, error)
                                               : error_set_memory(error, "a library");
    library->same_as = find_same(file, file->library_count - 1);
    return is_good || error_prefix(error, "needs %s: %s: ", needed, path);
}

/* Where libraries may lie, and how they are opened. */
struct places {
    const struct trust *trust;
    const char *kept;
    const char *strategy; /* directory of the strategy */
};

/* Adds what one file needs. `path` is where it lies. */
static bool add_needs(struct strategy_file *file, const char *path, const char *bytes, size_t size,
                      const struct places *places, struct error *error) {
    struct elf_dynamic dynamic;
    if (!elf_dynamic_read(bytes, size, &dynamic, error))
        return false;
    struct search search = {places->kept, directory_of(path), dynamic.search, places->strategy};
    bool is_good = search.origin != NULL || error_set_memory(error, "a path");
    file->unique_count += dynamic.unique_count;
    file->static_tls += dynamic.static_tls;
    for (size_t i = 0; is_good && i < dynamic.needed_count; i++) {
        const char *needed = dynamic.needed[i];
        char *found = has_library(file, needed) ? NULL : find_library(&search, needed);
        if (found != NULL)
            is_good = add_library(file, needed, found, places->trust, places->kept != NULL, error);
    }
    free(search.origin);
    elf_dynamic_release(&dynamic);
    return is_good;
}

bool libraries_read(struct strategy_file *file, const struct trust *trust, const char *kept,
                    struct error *error) {
    char *strategy = directory_of(file->path);
    file->libraries = calloc(MOST_LIBRARIES, sizeof *file->libraries);
    bool is_good = (strategy != NULL && file->libraries != NULL) ||
                   error_set_memory(error, "the libraries of a strategy");
    const struct places places = {trust, kept, strategy};
    is_good = is_good && add_needs(file, file->path, file->bytes, file->size, &places, error);
    for (size_t i = 0; is_good && i < file->library_count; i++) {
        const struct strategy_library *library = &file->libraries[i];
        if (library->same_as != i)
            continue;
        is_good = add_needs(file, library->path, library->bytes, library->size, &places, error) ||
                  error_prefix(error, "needs %s: %s: ", library->name, library->path);
    }
    free(strategy);
    return is_good;
}

void libraries_release(struct strategy_file *file) {
    for (size_t i = 0; i < file->library_count; i++) {
        free(file->libraries[i].name);
        free(file->libraries[i].path);
        free(file->libraries[i].bytes);
    }
    free(file->libraries);
    file->libraries = NULL;
    file->library_count = 0;
}

struct hash libraries_hash(const struct strategy_file *file) {
    struct hash hash = hash_bytes(file->bytes, file->size);
    for (size_t i = 0; i < file->library_count; i++) {
        const struct strategy_library *library = &file->libraries[i];
        const struct hash parts[] = {hash, hash_bytes(library->name, strlen(library->name)),
                                     hash_bytes(library->bytes, library->size)};
        hash = hash_bytes(parts, sizeof parts);
    }
    return hash;
}
