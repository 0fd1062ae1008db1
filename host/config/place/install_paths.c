#include "config/place/install_paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef TAKE5_PREFIX
#define TAKE5_PREFIX       "/usr"
#define TAKE5_BINDIR       "bin"
#define TAKE5_LIBDIR       "lib"
#define TAKE5_SYSCONFDIR   "etc"
#define TAKE5_CONFIG_FILE  "/etc/take5/take5.ini"
#define TAKE5_STRATEGY_DIR "/usr/lib/take5/strategies"
#endif

/* Cuts `tail` off; false: the path does not end so. */
static bool cut(char *path, const char *tail) {
    const size_t size = strlen(path), tail_size = strlen(tail);
    if (size < tail_size || strcmp(path + size - tail_size, tail) != 0)
        return false;
    path[size - tail_size] = '\0';
    return true;
}

/* The directory of the program; "" when it cannot be found. */
static void find_directory(char directory[PATH_MAX]) {
    const ssize_t size = readlink("/proc/self/exe", directory, PATH_MAX - 1);
    directory[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        *slash = '\0';
}

static bool is_configured_prefix(const char *prefix) {
    struct stat here, configured;
    return stat(prefix[0] != '\0' ? prefix : "/", &here) == 0 &&
           stat(TAKE5_PREFIX, &configured) == 0 && here.st_dev == configured.st_dev &&
           here.st_ino == configured.st_ino;
}

/* Fills `path` if the file is there, or lies where this user may not look. */
static bool find(char path[PATH_MAX], const char *prefix, const char *name) {
    char found[PATH_MAX];
    const int size = snprintf(found, sizeof found, "%s/%s", prefix, name);
    if (size >= PATH_MAX || (access(found, F_OK) != 0 && errno != EACCES))
        return false;
    memcpy(path, found, (size_t)size + 1);
    return true;
}

void install_paths_find(struct install_paths *paths) {
    char directory[PATH_MAX];
    *paths = (struct install_paths){TAKE5_CONFIG_FILE, TAKE5_STRATEGY_DIR, ""};
    find_directory(directory);
    if (TAKE5_LIBDIR[0] != '/' && cut(directory, "/" TAKE5_BINDIR)) {
        if (!is_configured_prefix(directory) &&
            find(paths->strategy_dir, directory, TAKE5_LIBDIR "/take5/strategies"))
            (void)find(paths->config_file, directory, TAKE5_SYSCONFDIR "/take5/take5.ini");
    } else if (cut(directory, "/host") && find(paths->bundled_dir, directory, "strategies")) {
        return;
    }
    memcpy(paths->bundled_dir, paths->strategy_dir, sizeof paths->bundled_dir);
}
