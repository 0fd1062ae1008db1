#include "os/file_uses.h"

#include "base/array.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_LINKS 40 /* as the kernel */

static void release(struct file_use *use) {
    free(use->what);
    free(use->path);
    free(use->rest);
}

void file_uses_release(struct file_uses *uses) {
    for (size_t i = 0; i < uses->count; i++)
        release(&uses->items[i]);
    free(uses->items);
    *uses = (struct file_uses){0};
}

/* ---- which file it is ---- */

static void identify(struct file_use *use, const struct stat *status, bool is_open) {
    use->device = status->st_dev;
    use->inode = status->st_ino;
    /* One socket or pipe may well be input and output of a process. */
    use->is_comparable = is_open ? S_ISREG(status->st_mode) : !S_ISCHR(status->st_mode);
}

/* Cuts the last step off and puts it before `rest`. False: there is none. */
static bool step_up(char path[PATH_MAX], char rest[PATH_MAX]) {
    char longer[PATH_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
    char *slash = strrchr(path, '/');
    const char *step = slash != NULL ? slash + 1 : path;
    if (step[0] == '\0' || strcmp(path, ".") == 0)
        return false;
    const bool is_nothing = strcmp(step, ".") == 0;
    const int wanted = snprintf(longer, sizeof longer, "%s%s%s", is_nothing ? "" : "/",
                                is_nothing ? "" : step, rest);
    if (wanted >= (int)sizeof longer)
        return false;
    strcpy(rest, longer);
    if (slash == NULL)
        strcpy(path, ".");
    else
        slash[slash == path ? 1 : 0] = '\0';
    return true;
}

/* A link that leads to nothing is replaced by what it names. False: it is none. */
static bool follow(char path[PATH_MAX]) {
    char target[PATH_MAX], joined[PATH_MAX];
    const ssize_t size = readlink(path, target, sizeof target - 1);
    if (size < 0)
        return false;
    target[size] = '\0';
    const char *slash = strrchr(path, '/');
    const int folder = target[0] == '/' || slash == NULL ? 0 : (int)(slash - path) + 1;
    if (snprintf(joined, sizeof joined, "%.*s%s", folder, path, target) >= (int)sizeof joined)
        return false;
    strcpy(path, joined);
    return true;
}

/* The deepest directory that is there, and what is to come below it. What cannot be told (a path
 * that is too long) cannot be opened either. */
static bool find(struct file_use *use) {
    char path[PATH_MAX], rest[PATH_MAX] = "";
    struct stat status;
    int links = 0;
    if (strlen(use->path) >= sizeof path)
        return true;
    strcpy(path, use->path);
    while (stat(path, &status) != 0) {
        if (links < MOST_LINKS && follow(path))
            links++;
        else if (!step_up(path, rest))
            return true;
    }
    identify(use, &status, false);
    use->rest = strdup(rest);
    return use->rest != NULL;
}

static bool is_same(const struct file_use *a, const struct file_use *b) {
    return a->is_comparable && b->is_comparable && a->device == b->device && a->inode == b->inode &&
           strcmp(a->rest, b->rest) == 0;
}

/* ---- the set ---- */

static const struct file_use *find_clash(const struct file_uses *uses, const struct file_use *use) {
    for (size_t i = 0; i < uses->count; i++) {
        const struct file_use *other = &uses->items[i];
        if ((use->kind == FILE_USE_WRITTEN || other->kind == FILE_USE_WRITTEN) &&
            is_same(use, other))
            return other;
    }
    return NULL;
}

static bool append(struct file_uses *uses, const struct file_use *use) {
    if (!ARRAY_RESIZE(uses->items, uses->count + 1))
        return false;
    uses->items[uses->count++] = *use;
    return true;
}

/* Takes `use` over. */
static const struct file_use *add(struct file_uses *uses, struct file_use *use, bool is_whole,
                                  struct error *error) {
    error->code = ERROR_NONE;
    const struct file_use *clash = is_whole ? find_clash(uses, use) : NULL;
    if (clash == NULL && is_whole && append(uses, use))
        return NULL;
    if (clash == NULL)
        error_set_memory(error, "the names of files");
    release(use);
    return clash;
}

static struct file_use make(enum file_use_kind kind, const char *what, const char *path) {
    return (struct file_use){.kind = kind, .what = strdup(what), .path = strdup(path)};
}

static const struct file_use *add_open(struct file_uses *uses, enum file_use_kind kind,
                                       const char *what, int file, struct error *error) {
    struct stat status;
    struct file_use use = make(kind, what, "-");
    use.rest = strdup("");
    if (fstat(file, &status) == 0)
        identify(&use, &status, true);
    return add(uses, &use, use.what != NULL && use.path != NULL && use.rest != NULL, error);
}

const struct file_use *file_uses_clash(struct file_uses *uses, enum file_use_kind kind,
                                       const char *what, const char *path, struct error *error) {
    if (strcmp(path, "-") == 0)
        return add_open(uses, kind, what, kind == FILE_USE_WRITTEN ? STDOUT_FILENO : STDIN_FILENO,
                        error);
    struct file_use use = make(kind, what, path);
    const bool is_whole = use.what != NULL && use.path != NULL && find(&use);
    return add(uses, &use, is_whole, error);
}

static bool judge(const struct file_use *clash, enum file_use_kind kind, const char *what,
                  const char *path, struct error *error) {
    if (clash == NULL)
        return error->code == ERROR_NONE;
    const bool is_writer = kind == FILE_USE_WRITTEN;
    return error_set(error, ERROR_INVALID, "%s: %s would write to %s, %s: choose another file",
                     is_writer ? path : clash->path, is_writer ? what : clash->what,
                     is_writer ? clash->path : path, is_writer ? clash->what : what);
}

bool file_uses_add(struct file_uses *uses, enum file_use_kind kind, const char *what,
                   const char *path, struct error *error) {
    return judge(file_uses_clash(uses, kind, what, path, error), kind, what, path, error);
}

bool file_uses_add_open(struct file_uses *uses, enum file_use_kind kind, const char *what, int file,
                        struct error *error) {
    return judge(add_open(uses, kind, what, file, error), kind, what, "-", error);
}
