#include "config/text/paths.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *path_join(const char *directory, const char *name) {
    size_t size = strlen(directory);
    bool has_slash = size > 0 && directory[size - 1] == '/';
    return text_format("%s%s%s", directory, has_slash ? "" : "/", name);
}

char *path_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return text_dup(".", 1);
    return slash == path ? text_dup("/", 1) : text_dup(path, (size_t)(slash - path));
}

/* Drops empty and "." steps, in place. */
static void tidy(char *path) {
    char *out = path;
    const char *in = path;
    while (*in != '\0') {
        while (*in == '/')
            in++;
        size_t step = strcspn(in, "/");
        bool is_nothing = step == 0 || (step == 1 && in[0] == '.');
        if (!is_nothing) {
            *out++ = '/';
            memmove(out, in, step);
            out += step;
        }
        in += step;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

char *path_absolute(const char *directory, const char *path) {
    char *absolute = NULL;
    if (path[0] == '/') {
        absolute = text_dup(path, strlen(path));
    } else if (directory != NULL && directory[0] == '/') {
        absolute = path_join(directory, path);
    } else {
        char *working = getcwd(NULL, 0);
        char *from = NULL;
        if (working != NULL)
            from = directory != NULL ? path_join(working, directory) : strdup(working);
        if (from != NULL)
            absolute = path_join(from, path);
        free(from);
        free(working);
    }
    if (absolute != NULL)
        tidy(absolute);
    return absolute;
}

const char *environment_value(const char *const *environment, const char *name) {
    size_t size = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++) {
        const char *entry = *environment;
        if (strncmp(entry, name, size) == 0 && entry[size] == '=')
            return entry[size + 1] != '\0' ? entry + size + 1 : NULL;
    }
    return NULL;
}

/* What the XDG rules call these, for a user's own. */
static const struct {
    const char *system;
    const char *variable;
    const char *below_home; /* NULL: never below HOME */
} homes[] = {
    [PATH_HOME_RUN] = {"/run/take5", "XDG_RUNTIME_DIR", NULL},
    [PATH_HOME_STATE] = {"/var/lib/take5", "XDG_STATE_HOME", ".local/state"},
    [PATH_HOME_CACHE] = {"/var/cache/take5", "XDG_CACHE_HOME", ".cache"},
};

static const char *absolute_value(const char *const *environment, const char *name) {
    const char *value = environment_value(environment, name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

char *path_home(enum path_home home, bool is_private, const char *const *environment) {
    if (!is_private)
        return strdup(homes[home].system);
    const char *own = absolute_value(environment, homes[home].variable);
    if (own != NULL)
        return path_join(own, "take5");
    const char *user = absolute_value(environment, "HOME");
    if (homes[home].below_home != NULL && user != NULL)
        return text_format("%s/%s/take5", user, homes[home].below_home);
    /* Named by the user, so that two users do not meet; who makes it must see that it is theirs. */
    const char *step = home == PATH_HOME_RUN ? "" : home == PATH_HOME_STATE ? "/state" : "/cache";
    return text_format("/tmp/take5-%u%s", (unsigned)getuid(), step);
}
