#include "preflight/preflight.h"

#include "base/text.h"
#include "config/files.h"
#include "config/schema/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wanted {
    const char *what;  /* "[take5] state_dir" */
    const char *value; /* what it is set to */
    const char *path;  /* the directory of it */
    struct place place;
    bool is_own; /* the host's alone */
};

static void refuse(const struct wanted *wanted, const char *path, const char *why,
                   struct faults *faults) {
    if (strcmp(path, wanted->value) == 0)
        faults_add(faults, wanted->place, "%s = %s: %s", wanted->what, path, why);
    else
        faults_add(faults, wanted->place, "%s = %s cannot be made: %s: %s", wanted->what,
                   wanted->value, path, why);
}

/* As whom the service would write: this user, or for root whom the directory belongs to. */
static bool may_write(const char *path, const struct stat *status) {
    const bool is_for_owner = geteuid() == 0 && status->st_uid != 0;
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0)
        return false;
    errno = EACCES;
    return !is_for_owner || (status->st_mode & (S_IWUSR | S_IXUSR)) == (S_IWUSR | S_IXUSR);
}

static bool is_foreign(const struct stat *status, const struct config *config) {
    return geteuid() != 0 && status->st_uid != geteuid() &&
           (config->strict_modes || status->st_uid != 0);
}

static void judge(const struct config *config, const struct wanted *wanted, const char *path,
                  const struct stat *status, struct faults *faults) {
    const bool is_there = strcmp(path, wanted->path) == 0;
    if (!S_ISDIR(status->st_mode))
        refuse(wanted, path, "not a directory", faults);
    else if (wanted->is_own && is_there && is_foreign(status, config))
        faults_add(faults, wanted->place,
                   "%s = %s: owned by user %" PRIuMAX ", not by the user of this process (%" PRIuMAX
                   ")",
                   wanted->what, path, (uintmax_t)status->st_uid, (uintmax_t)geteuid());
    else if (!may_write(path, status))
        refuse(wanted, path, strerror(errno), faults);
}

/* The directory, or what is there on the way to it. */
static void check(const struct config *config, const struct wanted *wanted, struct faults *faults) {
    char *path = text_dup(wanted->path, strlen(wanted->path));
    struct stat status;
    bool is_found = false;
    while (path != NULL && !(is_found = stat(path, &status) == 0) && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || path[1] == '\0')
            break;
        slash[slash == path ? 1 : 0] = '\0';
    }
    if (path == NULL)
        faults_add_memory(faults, wanted->place, wanted->what);
    else if (!is_found)
        refuse(wanted, path, strerror(errno), faults);
    else
        judge(config, wanted, path, &status, faults);
    free(path);
}

static struct place origin(const struct config *config, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    return config->origins[schema_find("take5", key) - keys];
}

struct visit {
    const struct config *config;
    struct faults *faults;
};

/* A file that is written: its directory. */
static bool check_file(void *context, const struct config_file *file, struct error *error) {
    const struct visit *visit = context;
    const char *slash = strrchr(file->path, '/');
    if (file->kind != CONFIG_FILE_WRITTEN || slash == NULL)
        return true;
    char *directory = text_dup(file->path, slash > file->path ? (size_t)(slash - file->path) : 1);
    if (directory == NULL)
        return error_set_memory(error, "a path");
    struct stat status;
    if (stat(file->path, &status) == 0 && S_ISDIR(status.st_mode))
        faults_add(visit->faults, file->place, "%s = %s: is a directory", file->what, file->path);
    const struct wanted wanted = {file->what, file->path, directory, file->place, false};
    if (strcmp(directory, visit->config->state_dir) != 0) /* which is looked at by itself */
        check(visit->config, &wanted, visit->faults);
    free(directory);
    return true;
}

void preflight_directories(const struct config *config, struct faults *faults) {
    const struct wanted directories[] = {
        {"[take5] run_dir", config->run_dir, config->run_dir, origin(config, "run_dir"), true},
        {"[take5] state_dir", config->state_dir, config->state_dir, origin(config, "state_dir"),
         true},
        {"[take5] cache_dir", config->cache_dir, config->cache_dir, origin(config, "cache_dir"),
         true},
    };
    struct visit visit = {config, faults};
    struct error error;
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        check(config, &directories[i], faults);
    if (!config_files(config, check_file, &visit, &error))
        faults_add_error(faults, (struct place){0}, &error);
}
