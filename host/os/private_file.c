#include "os/private_file.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME ".lock"

/* ---- directories ---- */

bool directory_make(const char *path, struct error *error) {
    char step[PATH_MAX];
    if (strlen(path) >= sizeof step)
        return error_set(error, ERROR_INVALID, "%s: the path is too long", path);
    strcpy(step, path);
    for (char *at = step + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(step, 0755) != 0 && errno != EEXIST)
            return error_set_errno(error, errno, "cannot create %s", step);
        *at = '/';
    }
    if (mkdir(step, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cannot create %s", step);
    return true;
}

static bool is_among(const char *name, const char *const *names) {
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

/* Empty, or with something in it that only a take5 puts there. */
static bool is_ours(int directory, const char *const *names) {
    const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    if (list == NULL) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    bool is_empty = true, has_name = false;
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        is_empty = false;
        has_name |= is_among(entry->d_name, names);
    }
    closedir(list);
    return is_empty || has_name;
}

static bool close_to_others(const char *path, int directory, const struct stat *status,
                            const char *const *names, struct log *log, struct error *error) {
    const unsigned mode = status->st_mode & 07777;
    if ((mode & 0077) == 0)
        return true;
    if ((mode & S_ISVTX) != 0 || !is_ours(directory, names))
        return error_set(
            error, ERROR_INVALID,
            "%s: must be private: it has mode %04o, and contains files that are not take5's: "
            "set a separate directory, or `chmod 0700` it",
            path, mode);
    if (fchmod(directory, 0700) != 0)
        return error_set_errno(error, errno, "cannot set mode 0700 of %s", path);
    log_warning(log, "ops", "%s: mode changed from %04o to 0700: the directory must be private",
                path, mode);
    return true;
}

static bool check_owner(const char *path, const struct stat *status, bool may_be_roots,
                        struct error *error) {
    if (status->st_uid == geteuid() || (may_be_roots && status->st_uid == 0))
        return true;
    return error_set(error, ERROR_INVALID,
                     "%s: owned by user %" PRIuMAX ", not by the user of this process (%" PRIuMAX
                     "): `chown` it, or set another directory",
                     path, (uintmax_t)status->st_uid, (uintmax_t)geteuid());
}

bool private_directory_make(const char *path, const char *const *names, const struct trust *trust,
                            struct log *log, struct error *error) {
    struct stat status;
    if (!directory_make(path, error) || !trust_check_way(path, trust, error))
        return false;
    /* Somebody else's may not even be opened, which would be the lesser thing to say. */
    if (stat(path, &status) == 0 && !check_owner(path, &status, trust->is_off, error))
        return false;
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || fstat(directory, &status) != 0) {
        error_set_errno(error, errno, "cannot use %s", path);
        if (directory >= 0)
            close(directory);
        return false;
    }
    bool did = check_owner(path, &status, trust->is_off, error);
    if (did && !trust->is_off)
        did = close_to_others(path, directory, &status, names, log, error);
    if (did && faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) != 0)
        did = error_set_errno(error, errno, "cannot write to %s", path);
    close(directory);
    return did;
}

bool private_directory_check(const char *path, struct error *error) {
    struct stat status;
    if (lstat(path, &status) != 0) {
        const int errnum = errno;
        error_set_errno(error, errnum, "cannot stat %s", path);
        errno = errnum;
        return false;
    }
    errno = EPERM;
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s: not a directory: remove it", path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(error, ERROR_INVALID,
                         "%s: writable by others (mode %04o): check its content, then "
                         "`chmod 0700` it",
                         path, (unsigned)(status.st_mode & 07777));
    return check_owner(path, &status, true, error);
}

/* Who has the lock: as the system says, or as he wrote when he is in another name space. */
static intmax_t holder_of(int file) {
    char digits[24] = "";
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
        return lock.l_pid;
    const ssize_t size = pread(file, digits, sizeof digits - 1, 0);
    return size > 0 ? strtoimax(digits, NULL, 10) : 0;
}

static bool take_lock(const char *path, int file, struct error *error) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file, F_SETLK, &lock) == 0)
        return true;
    if (errno != EACCES && errno != EAGAIN)
        return error_set_errno(error, errno, "cannot lock %s", path);
    return error_set(error, ERROR_STATE,
                     "%s: in use by process %" PRIdMAX ", another host: set different directories "
                     "for this one, or stop that one",
                     path, holder_of(file));
}

int private_directory_lock(const char *path, struct error *error) {
    char digits[24];
    char *name = text_format("%s/" LOCK_NAME, path);
    if (name == NULL) {
        error_set_memory(error, "a path");
        return -1;
    }
    const int file = private_file_open(name, O_RDWR | O_CREAT, error);
    free(name);
    if (file < 0)
        return -1;
    if (!take_lock(path, file, error)) {
        close(file);
        return -1;
    }
    const int size = snprintf(digits, sizeof digits, "%d\n", (int)getpid());
    /* For who cannot see this process's number; it locks all the same on a full disk. */
    if (ftruncate(file, 0) == 0)
        (void)!pwrite(file, digits, (size_t)size, 0);
    return file;
}

/* ---- files ---- */

int private_file_open(const char *path, int flags, struct error *error) {
    struct stat status;
    const int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        const int reason = errno;
        error_set_errno(error, reason, "cannot open %s", path);
        if (reason == EMFILE || reason == ENFILE || reason == ENOMEM)
            error->code = ERROR_MEMORY;
        errno = reason;
        return -1;
    }
    if (fstat(fd, &status) != 0)
        error_set_errno(error, errno, "cannot stat %s", path);
    else if (!S_ISREG(status.st_mode))
        error_set(error, ERROR_INVALID, "%s: not a regular file; remove it", path);
    else if (status.st_uid != geteuid() && status.st_uid != 0)
        error_set(error, ERROR_INVALID,
                  "%s: owned by user %u, not by the user of this process (%u)", path,
                  (unsigned)status.st_uid, (unsigned)geteuid());
    else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        error_set(error, ERROR_INVALID,
                  "%s: writable by others (mode %04o); chmod go-w it, or "
                  "remove it if it is not yours",
                  path, (unsigned)(status.st_mode & 07777));
    else
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

int private_file_create(const char *path, struct error *error) {
    int fd = -1;
    if (unlink(path) == 0 || errno == ENOENT)
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        error_set_errno(error, errno, "cannot write %s", path);
    return fd;
}
