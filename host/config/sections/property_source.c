#include "config/sections/property_source.h"

#include "base/io.h"
#include "base/text.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "config/text/paths.h"
#include "config/text/quotes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A certificate chain is some KiB. */
#define FILE_SIZE_MAX ((size_t)64 * 1024)

static bool has_suffix(const char *text, const char *suffix, size_t *rest) {
    size_t size = strlen(text), suffix_size = strlen(suffix);
    if (size <= suffix_size || strcmp(text + size - suffix_size, suffix) != 0)
        return false;
    *rest = size - suffix_size;
    return true;
}

static char *read_value(int fd, size_t *size) {
    char *value = malloc(FILE_SIZE_MAX + 2);
    const ssize_t got = value != NULL ? io_read_all(fd, value, FILE_SIZE_MAX + 1) : -1;
    if (got < 0) {
        free(value);
        return NULL;
    }
    *size = (size_t)got;
    value[*size] = '\0';
    return value;
}

static void warn_of_readers(struct build *build, const struct assignment *a, const char *path,
                            mode_t mode) {
    if ((mode & S_IROTH) != 0)
        faults_warn(build->faults, a->place,
                    "[%s] %s: %s is readable by others (mode %04o): chmod o-r it", a->section,
                    a->key, path, (unsigned)(mode & 07777));
}

/* The content of a file, without the line break at its end. */
static char *value_of_file(struct build *build, const struct assignment *a, bool is_secret) {
    char *value = NULL;
    int fd = -1;
    char *path = path_absolute(a->directory, a->value);
    if (path == NULL) {
        build_out_of_memory(build);
        return NULL;
    }
    struct stat status;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        faults_add(build->faults, a->place, "[%s] %s: cannot open %s: %s", a->section, a->key, path,
                   strerror(errno));
        goto done;
    }
    if (!S_ISREG(status.st_mode)) {
        faults_add(build->faults, a->place, "[%s] %s: %s is not a regular file", a->section, a->key,
                   path);
        goto done;
    }
    size_t size = 0;
    value = read_value(fd, &size);
    if (value == NULL) {
        faults_add(build->faults, a->place, "[%s] %s: cannot read %s: %s", a->section, a->key, path,
                   strerror(errno));
        goto done;
    }
    while (size > 0 && (value[size - 1] == '\n' || value[size - 1] == '\r'))
        value[--size] = '\0';
    const char *wrong = size == 0                           ? "is empty"
                        : size > FILE_SIZE_MAX              ? "is longer than 64 KiB"
                        : memchr(value, '\0', size) != NULL ? "contains a NUL byte"
                                                            : NULL;
    if (wrong != NULL) {
        faults_add(build->faults, a->place, "[%s] %s: %s %s", a->section, a->key, path, wrong);
        free(value);
        value = NULL;
        goto done;
    }
    if (is_secret)
        warn_of_readers(build, a, path, status.st_mode);
    build_trust_file(build, path);

done:
    if (fd >= 0)
        close(fd);
    free(path);
    return value;
}

static char *value_of_variable(struct build *build, const struct assignment *a) {
    const char *value = environment_value(build->request->environment, a->value);
    if (value == NULL) {
        faults_add(build->faults, a->place,
                   "[%s] %s = %s: the environment variable does not exist, or is empty", a->section,
                   a->key, a->value);
        return NULL;
    }
    if (quotes_in(value, false)) {
        faults_add(build->faults, a->place,
                   "[%s] %s: the value of environment variable %s is in quotes, they would be "
                   "part of it",
                   a->section, a->key, a->value);
        return NULL;
    }
    char *copy = strdup(value);
    char *written = text_format("${%s}", a->value);
    const bool is_of_file = a->place.line > 0;
    if (copy == NULL || written == NULL ||
        (is_of_file && !veil_add(build->config, a->place, value, written)))
        build_out_of_memory(build);
    free(written);
    return copy;
}

/* As it stands. A secret in an ini file that others may read is worth a word. */
static char *value_inline(struct build *build, const struct assignment *a, bool is_secret) {
    struct stat status;
    if (is_secret && a->place.line > 0 && stat(a->place.file, &status) == 0)
        warn_of_readers(build, a, a->place.file, status.st_mode);
    char *copy = strdup(a->value);
    if (copy == NULL)
        build_out_of_memory(build);
    return copy;
}

bool property_resolve(struct build *build, const struct assignment *a, char **name, char **value) {
    size_t size = strlen(a->key);
    bool is_file = has_suffix(a->key, ".file", &size);
    bool is_variable = !is_file && has_suffix(a->key, ".env", &size);
    *value = NULL;
    *name = text_dup(a->key, size);
    if (*name == NULL) {
        build_out_of_memory(build);
        return false;
    }
    bool is_secret = config_is_secret(*name);
    if (is_file)
        *value = value_of_file(build, a, is_secret);
    else if (is_variable)
        *value = value_of_variable(build, a);
    else
        *value = value_inline(build, a, is_secret);
    if (*value != NULL)
        return true;
    free(*name);
    *name = NULL;
    return false;
}

bool property_check_once(struct build *build, const struct config_items *items, const char *name,
                         const struct assignment *a) {
    const struct config_item *known = config_items_find(items, name);
    bool is_twice = known != NULL && known->place.line > 0 && a->place.line > 0 &&
                    strcmp(known->place.file, a->place.file) == 0;
    if (is_twice)
        faults_add(build->faults, a->place, "[%s] %s is already set, at line %d", a->section, name,
                   known->place.line);
    return !is_twice;
}
