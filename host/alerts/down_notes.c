#include "alerts/down_notes.h"

#include "config/sections/workers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WHY_SIZE 256

/* The worker's name, if that is the name of a note. */
static bool take_name(const char *file, char name[WHY_SIZE]) {
    const size_t size = strlen(file), end = strlen(CONFIG_WORKER_DOWN);
    if (size <= end || size - end >= WHY_SIZE || strcmp(file + size - end, CONFIG_WORKER_DOWN) != 0)
        return false;
    memcpy(name, file, size - end);
    name[size - end] = '\0';
    return true;
}

/* False: it is gone meanwhile, or no file. */
static bool read_why(int directory, const char *file, char why[WHY_SIZE]) {
    const int fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    const ssize_t size = read(fd, why, WHY_SIZE - 1);
    (void)close(fd);
    why[size > 0 ? size : 0] = '\0';
    return size >= 0;
}

void down_notes_each(const char *run_dir, const char *worker,
                     void (*visit)(void *context, const char *name, const char *why),
                     void *context) {
    const bool is_main = strcmp(worker, CONFIG_WORKER_MAIN) == 0;
    char path[1024], name[WHY_SIZE], why[WHY_SIZE];
    if (snprintf(path, sizeof path, "%s/..", run_dir) >= (int)sizeof path)
        return;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (take_name(entry->d_name, name) && strcmp(name, worker) != 0 &&
            (is_main || strcmp(name, CONFIG_WORKER_MAIN) == 0) &&
            read_why(dirfd(directory), entry->d_name, why))
            visit(context, name, why);
    }
    (void)closedir(directory);
}
