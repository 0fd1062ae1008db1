#include "config/ini_folder.h"

#include "config/text/paths.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_ini(const struct dirent *entry) {
    size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 4 && strcmp(entry->d_name + size - 4, ".ini") == 0;
}

/* By bytes: alphasort goes by the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool ini_folder_visit(const char *main_path, const char *folder,
                      void (*visit)(void *context, const char *path), void *context,
                      struct faults *faults) {
    struct dirent **entries = NULL;
    char *above = path_directory(main_path);
    char *directory = above != NULL ? path_join(above, folder) : NULL;
    bool did = directory != NULL;
    const int count = did ? scandir(directory, &entries, is_ini, by_name) : 0;
    if (count < 0 && errno != ENOENT)
        faults_add(faults, (struct place){.file = directory}, "cannot be read: %s",
                   strerror(errno));
    for (int i = 0; i < count; i++) {
        char *path = path_join(directory, entries[i]->d_name);
        if (path != NULL)
            visit(context, path);
        did = did && path != NULL;
        free(path);
        free(entries[i]);
    }
    free(entries);
    free(directory);
    free(above);
    return did;
}
