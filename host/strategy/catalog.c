#include "strategy/strategy_file.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_candidate(const struct dirent *entry) {
    const size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 3 && strcmp(entry->d_name + size - 3, ".so") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Whatever is wrong with the file is one fault; its text names the path. */
static bool read_one(const char *path, bool is_strict, gid_t allowed_group,
                     struct strategy_file *file, struct faults *faults) {
    struct error error;
    if ((is_strict && !strategy_file_modes(path, allowed_group, &error)) ||
        !strategy_file_read(path, file, &error)) {
        faults_add(faults, (struct place){NULL, 0}, "%s", error.text);
        return false;
    }
    if (!strategy_file_judge(file, &error)) {
        faults_add(faults, (struct place){NULL, 0}, "%s", error.text);
        strategy_file_release(file);
        return false;
    }
    return true;
}

/* Two files with one name: which one was meant is a guess, so neither is taken. */
static void drop_doubles(struct catalog *catalog, struct faults *faults) {
    const size_t count = catalog->count;
    bool *is_double = calloc(count + 1, sizeof *is_double);
    if (is_double == NULL) {
        faults_add(faults, (struct place){NULL, 0}, "out of memory for %zu strategies", count);
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
                       "%s (version %s) and %s (version %s) are both strategy %s: take one away",
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

bool catalog_scan(const char *directory, bool is_strict, gid_t allowed_group,
                  struct catalog *catalog, struct faults *faults) {
    const struct place nowhere = {NULL, 0};
    struct dirent **entries = NULL;
    struct error error;
    memset(catalog, 0, sizeof *catalog);
    if (is_strict && !strategy_file_modes(directory, allowed_group, &error)) {
        faults_add(faults, nowhere, "%s", error.text);
        return false;
    }
    const int found = scandir(directory, &entries, is_candidate, compare_names);
    if (found < 0) {
        error_set_errno(&error, errno, "%s: the directory cannot be read", directory);
        faults_add(faults, nowhere, "%s", error.text);
        return false;
    }
    catalog->files = calloc((size_t)found + 1, sizeof *catalog->files);
    for (int i = 0; i < found; i++) {
        char *path = text_format("%s/%s", directory, entries[i]->d_name);
        if (catalog->files == NULL || path == NULL)
            faults_add(faults, nowhere, "%s/%s: out of memory", directory, entries[i]->d_name);
        else if (read_one(path, is_strict, allowed_group, &catalog->files[catalog->count], faults))
            catalog->count++;
        free(path);
        free(entries[i]);
    }
    free(entries);
    if (catalog->files != NULL)
        drop_doubles(catalog, faults);
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
