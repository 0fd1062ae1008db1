#include "strategy/plugin/strategy_file.h"

#include "base/array.h"
#include "base/path_list.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_candidate(const struct dirent *entry) {
    const size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 3 && strcmp(entry->d_name + size - 3, ".so") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_asked(char *const *only, const char *name) {
    if (only == NULL)
        return true;
    while (*only != NULL && strcmp(*only, name) != 0)
        only++;
    return *only != NULL;
}

/* Whatever is wrong with the file is one error; its text names the path. */
static bool read_one(const char *path, const struct trust *trust, struct strategy_file *file,
                     struct error *error) {
    if (!strategy_file_read_trusted(path, trust, file, error))
        return false;
    if (strategy_file_judge(file, error))
        return true;
    strategy_file_release(file);
    return false;
}

/* A file that was refused, by its number in the directory: reported once all others are known. */
struct refusal {
    char *path;
    struct error error;
};

/* Whether it is a library of one of the strategies. */
static bool is_library(const struct catalog *catalog, const char *path) {
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    for (size_t i = 0; i < catalog->count; i++)
        for (size_t j = 0; j < catalog->files[i].library_count; j++)
            if (catalog->files[i].libraries[j].device == status.st_dev &&
                catalog->files[i].libraries[j].inode == status.st_ino)
                return true;
    return false;
}

/* And released. */
static void add_refusals(const struct catalog *catalog, struct refusal *refusals, size_t count,
                         struct faults *faults) {
    for (size_t i = 0; i < count; i++) {
        if (!is_library(catalog, refusals[i].path))
            faults_add_error(faults, (struct place){NULL, 0}, &refusals[i].error);
        free(refusals[i].path);
    }
    free(refusals);
}

/* Two files with one name: which one was meant is a guess, so neither is taken. */
static void drop_doubles(struct catalog *catalog, struct faults *faults) {
    const size_t count = catalog->count;
    bool *is_double = calloc(count + 1, sizeof *is_double);
    if (is_double == NULL) {
        faults_add_memory(faults, (struct place){NULL, 0}, "the list of strategies");
        catalog_release(catalog);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            const struct strategy_file *a = &catalog->files[i], *b = &catalog->files[j];
            if (strcmp(a->name, b->name) != 0)
                continue;
            is_double[i] = is_double[j] = true;
            faults_add(faults, (struct place){NULL, 0},
                       "%s (version %s) and %s (version %s) are both strategy %s: remove one",
                       a->path, a->version, b->path, b->version, a->name);
        }
    }
    catalog->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_double[i])
            strategy_file_release(&catalog->files[i]);
        else
            catalog->files[catalog->count++] = catalog->files[i];
    }
    free(is_double);
}

/* Those of one directory, into an empty catalog. */
static bool scan(const char *directory, const struct trust *trust, struct catalog *catalog,
                 struct faults *faults) {
    const struct place nowhere = {NULL, 0};
    struct dirent **entries = NULL;
    struct error error;
    if (!trust_check(directory, trust, &error) && errno != ENOENT) {
        faults_add_error(faults, nowhere, &error);
        return false;
    }
    const int found = scandir(directory, &entries, is_candidate, compare_names);
    if (found < 0) {
        error_set_errno(&error, errno, "cannot read directory %s", directory);
        faults_add_error(faults, nowhere, &error);
        return false;
    }
    size_t refused = 0;
    struct refusal *refusals = calloc((size_t)found + 1, sizeof *refusals);
    catalog->files = calloc((size_t)found + 1, sizeof *catalog->files);
    for (int i = 0; i < found; i++) {
        if (!is_asked(catalog->only, entries[i]->d_name)) {
            free(entries[i]);
            continue;
        }
        char *path = text_format("%s/%s", directory, entries[i]->d_name);
        if (catalog->files == NULL || refusals == NULL || path == NULL) {
            faults_add_memory(faults, nowhere, entries[i]->d_name);
            free(path);
        } else if (read_one(path, trust, &catalog->files[catalog->count], &error)) {
            catalog->count++;
            free(path);
        } else {
            refusals[refused++] = (struct refusal){path, error};
        }
        free(entries[i]);
    }
    free(entries);
    add_refusals(catalog, refusals, refused, faults);
    if (catalog->files != NULL)
        drop_doubles(catalog, faults);
    return true;
}

/* Moves what the catalog lacks out of another one. */
static void add_missing(struct catalog *catalog, struct catalog *more, struct faults *faults) {
    const size_t own = catalog->count;
    if (more->count == 0)
        return;
    if (!ARRAY_RESIZE(catalog->files, own + more->count)) {
        faults_add_memory(faults, (struct place){NULL, 0}, "the list of strategies");
        return;
    }
    for (size_t i = 0; i < more->count; i++) {
        struct strategy_file *file = &more->files[i];
        if (catalog_find(catalog, file->name) == NULL) {
            catalog->files[catalog->count++] = *file;
            *file = (struct strategy_file){0};
        }
    }
}

/* Adds those of one more directory. */
static bool scan_more(const char *directory, const struct trust *trust, struct catalog *catalog,
                      struct faults *faults) {
    struct catalog more = {.only = catalog->only};
    const bool did = scan(directory, trust, &more, faults);
    if (did)
        add_missing(catalog, &more, faults);
    catalog_release(&more);
    return did;
}

/* In their order: what an earlier one has is not taken from a later one. */
static bool scan_all(const char *directories, const struct trust *trust, struct catalog *catalog,
                     struct faults *faults) {
    const char *begin;
    size_t size;
    bool did = true;
    while (did && path_list_next(&directories, &begin, &size)) {
        char *directory = text_dup(begin, size);
        if (directory == NULL)
            faults_add_memory(faults, (struct place){NULL, 0}, "the list of strategies");
        did = directory != NULL && scan_more(directory, trust, catalog, faults);
        free(directory);
    }
    return did;
}

bool catalog_scan(const char *directories, bool is_strict, gid_t allowed_group,
                  struct catalog *catalog, struct faults *faults) {
    const struct trust trust = {.is_off = !is_strict, .group = allowed_group};
    *catalog = (struct catalog){.only = catalog->only, .bundled = catalog->bundled};
    if (!scan_all(directories, &trust, catalog, faults)) {
        catalog_release(catalog);
        return false;
    }
    if (catalog->bundled != NULL && catalog->only == NULL)
        (void)scan_more(catalog->bundled, &trust, catalog, faults);
    return true;
}

void catalog_release(struct catalog *catalog) {
    for (size_t i = 0; i < catalog->count; i++)
        strategy_file_release(&catalog->files[i]);
    free(catalog->files);
    memset(catalog, 0, sizeof *catalog);
}

const struct strategy_file *catalog_find(const struct catalog *catalog, const char *name) {
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(catalog->files[i].name, name) == 0)
            return &catalog->files[i];
    return NULL;
}
