#include "os/trust.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS 40

const struct trust trust_strict = {false, TRUST_NO_GROUP};
const struct trust trust_any = {true, TRUST_NO_GROUP};

/* ---- what is found on the way ---- */

static bool is_owned(const struct stat *status, const struct trust *trust) {
    return status->st_uid == 0 || status->st_uid == geteuid() ||
           (trust->group != TRUST_NO_GROUP && status->st_gid == trust->group);
}

static bool check_owner(const char *path, const struct stat *status, const struct trust *trust,
                        struct error *error) {
    return is_owned(status, trust) ||
           error_set(error, ERROR_INVALID,
                     "%s: owned by user %" PRIuMAX
                     ", not by root or the user of this process (%" PRIuMAX
                     "): `chown` it%s, or set strict_modes = no",
                     path, (uintmax_t)status->st_uid, (uintmax_t)geteuid(),
                     S_ISLNK(status->st_mode) ? "" : ", or give it the [control] group");
}

static bool check_writers(const char *path, const struct stat *status, bool is_last,
                          const struct trust *trust, struct error *error) {
    const unsigned mode = status->st_mode & 07777;
    const bool is_of_group = trust->group != TRUST_NO_GROUP && status->st_gid == trust->group;
    if (!is_last && S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0)
        return true;
    if ((mode & S_IWOTH) != 0)
        return error_set(error, ERROR_INVALID,
                         "%s: mode %04o lets everyone write: `chmod o-w` it, or set strict_modes ="
                         " no",
                         path, mode);
    if ((mode & S_IWGRP) != 0 && !is_of_group)
        return error_set(error, ERROR_INVALID,
                         "%s: mode %04o lets group %" PRIuMAX
                         " write: `chmod g-w` it, or make that group the [control] group, or set"
                         " strict_modes = no",
                         path, mode, (uintmax_t)status->st_gid);
    return true;
}

/* ---- the way ---- */

struct walk {
    const char *path; /* as it was asked for */
    const struct trust *trust;
    int fd;            /* of the directory that was reached, O_PATH */
    struct text shown; /* its path */
    char *rest;        /* what is still to go */
    int links;
    bool is_way_alone; /* what it ends in is not looked at */
    struct error *error;
};

/* Faults name the part that is wrong; when that is not the whole path, the path too. */
static bool explain(struct walk *walk, const char *part, bool did) {
    if (!did && strcmp(part, walk->path) != 0 && walk->error->code == ERROR_INVALID)
        error_prefix(walk->error, "%s is not safe: ", walk->path);
    return did;
}

static bool fail(struct walk *walk, int errnum) {
    error_set_errno(walk->error, errnum, "cannot stat %s", walk->path);
    errno = errnum;
    return false;
}

static bool look(struct walk *walk, const char *part, int fd, bool is_last, struct stat *status) {
    if (fstat(fd, status) != 0)
        return fail(walk, errno);
    if (walk->is_way_alone && is_last && !S_ISLNK(status->st_mode))
        return true;
    bool did = check_owner(part, status, walk->trust, walk->error);
    if (did && !S_ISLNK(status->st_mode)) /* a link's mode says nothing */
        did = check_writers(part, status, is_last, walk->trust, walk->error);
    if (!did)
        errno = EPERM;
    return explain(walk, part, did);
}

/* From the root. */
static bool restart(struct walk *walk) {
    if (walk->fd >= 0)
        close(walk->fd);
    text_reset(&walk->shown);
    walk->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    return walk->fd >= 0 ? look(walk, "/", walk->fd, walk->rest[0] == '\0', &status)
                         : fail(walk, errno);
}

/* Goes on with the link's target, then the rest. */
static bool follow(struct walk *walk, int link) {
    char target[PATH_MAX];
    const ssize_t size = readlinkat(link, "", target, sizeof target - 1);
    if (size < 0)
        return fail(walk, errno);
    if (++walk->links > MAX_LINKS)
        return fail(walk, ELOOP);
    target[size] = '\0';
    char *rest = text_format("%s/%s", target, walk->rest);
    if (rest == NULL)
        return fail(walk, ENOMEM);
    free(walk->rest);
    walk->rest = rest;
    return target[0] != '/' || restart(walk);
}

static bool enter(struct walk *walk, int directory, const char *name) {
    close(walk->fd);
    walk->fd = directory;
    if (strcmp(name, "..") == 0) {
        const char *slash = strrchr(walk->shown.data, '/');
        walk->shown.size = slash != NULL ? (size_t)(slash - walk->shown.data) : 0;
        if (walk->shown.capacity > 0)
            walk->shown.data[walk->shown.size] = '\0';
    } else {
        text_printf(&walk->shown, "/%s", name);
    }
    return !text_is_oom(&walk->shown) || fail(walk, ENOMEM);
}

/* One part of the path. `*end` gets the last one when it is a file, which is not entered. */
static bool step(struct walk *walk, const char *name, bool is_last, char **end) {
    const int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(walk, errno);
    struct stat status;
    char *part = strcmp(name, "..") == 0 ? text_format("%s/..", walk->shown.data)
                                         : text_format("%s/%s", walk->shown.data, name);
    bool did = part != NULL ? look(walk, part, fd, is_last, &status) : fail(walk, ENOMEM);
    free(part);
    if (did && S_ISDIR(status.st_mode))
        return enter(walk, fd, name); /* keeps the descriptor */
    if (did && S_ISLNK(status.st_mode))
        did = follow(walk, fd);
    else if (did && !is_last)
        did = fail(walk, ENOTDIR);
    else if (did && (*end = text_dup(name, strlen(name))) == NULL)
        did = fail(walk, ENOMEM);
    close(fd);
    return did;
}

/* The next part, out of the rest. */
static char *next_part(struct walk *walk, bool *is_last) {
    const char *from = walk->rest + strspn(walk->rest, "/");
    const size_t size = strcspn(from, "/");
    char *name = text_dup(from, size);
    from += size;
    from += strspn(from, "/");
    *is_last = *from == '\0';
    memmove(walk->rest, from, strlen(from) + 1);
    return name;
}

static bool go(struct walk *walk, char **end) {
    if (!restart(walk))
        return false;
    while (walk->rest[strspn(walk->rest, "/")] != '\0') {
        bool is_last;
        char *name = next_part(walk, &is_last);
        if (name == NULL)
            return fail(walk, ENOMEM);
        const bool did = strcmp(name, ".") == 0 || step(walk, name, is_last, end);
        const int errnum = errno;
        free(name);
        errno = errnum;
        if (!did)
            return false;
    }
    return true;
}

static bool begin(struct walk *walk, const char *path, const struct trust *trust,
                  struct error *error) {
    char here[PATH_MAX];
    *walk = (struct walk){.path = path, .trust = trust, .fd = -1, .error = error};
    text_init(&walk->shown);
    if (path[0] == '/')
        walk->rest = text_dup(path, strlen(path));
    else if (getcwd(here, sizeof here) != NULL)
        walk->rest = text_format("%s/%s", here, path);
    else
        return fail(walk, errno);
    return walk->rest != NULL || fail(walk, ENOMEM);
}

static void end_walk(struct walk *walk) {
    const int errnum = errno;
    if (walk->fd >= 0)
        close(walk->fd);
    free(walk->rest);
    text_release(&walk->shown);
    errno = errnum;
}

/* ---- what is asked for ---- */

static bool check_kind(const char *path, int fd, int flags, struct error *error) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        const int errnum = errno;
        error_set_errno(error, errnum, "cannot stat %s", path);
        errno = errnum;
        return false;
    }
    if ((flags & O_DIRECTORY) != 0 || S_ISREG(status.st_mode))
        return true;
    errno = EPERM;
    return error_set(error, ERROR_INVALID, "%s: not a regular file", path);
}

static int open_at(int directory, const char *name, const char *path, int flags,
                   struct error *error) {
    const int fd = openat(directory, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && check_kind(path, fd, flags, error))
        return fd;
    const int errnum = errno;
    if (fd >= 0)
        close(fd);
    else
        error_set_errno(error, errnum, "%s: cannot be opened", path);
    errno = errnum;
    return -1;
}

/* What the walk has come to: its directory, or the file `end` in there. */
static int open_end(struct walk *walk, const char *end, int flags) {
    const int fd =
        open_at(walk->fd, end != NULL ? end : ".", walk->path, flags | O_NOFOLLOW, walk->error);
    struct stat status;
    /* It may be another one than at the look; then this one counts. */
    if (fd >= 0 && !look(walk, walk->path, fd, true, &status)) {
        const int errnum = errno;
        close(fd);
        errno = errnum;
        return -1;
    }
    return fd;
}

int trust_open(const char *path, int flags, const struct trust *trust, struct error *error) {
    struct walk walk;
    char *end = NULL;
    int fd = -1;
    if (trust->is_off)
        return open_at(AT_FDCWD, path, path, flags, error);
    if (begin(&walk, path, trust, error) && go(&walk, &end))
        fd = open_end(&walk, end, flags);
    free(end);
    end_walk(&walk);
    return fd;
}

static bool check(const char *path, const struct trust *trust, bool is_way_alone,
                  struct error *error) {
    struct walk walk;
    char *end = NULL;
    if (trust->is_off)
        return true;
    bool did = begin(&walk, path, trust, error);
    walk.is_way_alone = is_way_alone;
    did = did && go(&walk, &end);
    free(end);
    end_walk(&walk);
    return did;
}

bool trust_check(const char *path, const struct trust *trust, struct error *error) {
    return check(path, trust, false, error);
}

bool trust_check_way(const char *path, const struct trust *trust, struct error *error) {
    return check(path, trust, true, error);
}
