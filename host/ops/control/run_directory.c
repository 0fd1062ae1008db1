#include "ops/control/run_directory.h"

#include "os/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct run_directory {
    const char *path;
    const char *group; /* NULL: none */
    gid_t gid;
    int fd;
    struct stat status;
    bool is_lent; /* root's, and taken as it is: with `trust` off, as containers have it */
};

static mode_t wanted_mode(const struct run_directory *directory) {
    return directory->group != NULL ? 0710 : 0700;
}

static bool check_lent(const struct run_directory *directory, struct error *error) {
    return faccessat(directory->fd, ".", W_OK | X_OK, AT_EACCESS) == 0 ||
           error_set_errno(error, errno, "cannot write to the run directory %s", directory->path);
}

static bool open_it(struct run_directory *directory, const struct trust *trust,
                    struct error *error) {
    struct stat link;
    /* In a directory that all may write to, whoever comes first could point it anywhere. */
    if (lstat(directory->path, &link) == 0 && S_ISLNK(link.st_mode) && link.st_uid != 0 &&
        link.st_uid != geteuid())
        return error_set(
            error, ERROR_INVALID,
            "%s is a symbolic link owned by user %u, this host runs as user %u: remove it, or "
            "set [take5] run_dir",
            directory->path, (unsigned)link.st_uid, (unsigned)geteuid());
    directory->fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->fd < 0 || fstat(directory->fd, &directory->status) != 0)
        return error_set_errno(error, errno, "cannot use %s as run directory", directory->path);
    directory->is_lent =
        trust->is_off && directory->status.st_uid == 0 && directory->status.st_uid != geteuid();
    if (directory->is_lent)
        return check_lent(directory, error);
    if (directory->status.st_uid != geteuid())
        return error_set(error, ERROR_INVALID,
                         "%s: the run directory must be owned by the host's user: it is owned by "
                         "user %u, this host runs as user %u; chown it, or set [take5] run_dir",
                         directory->path, (unsigned)directory->status.st_uid, (unsigned)geteuid());
    return true;
}

static bool is_ours(int fd, const char *name) {
    struct stat status;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    /* Of the unit's back-off. */
    if (strcmp(name, "failures") == 0 || strcmp(name, "started") == 0)
        return true;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    /* Of a host with workers. */
    const bool is_workers = strcmp(name, "workers") == 0 && S_ISDIR(status.st_mode);
    return S_ISSOCK(status.st_mode) || is_workers;
}

static bool holds_only_ours(int fd) {
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    if (list == NULL) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    bool is_clean = true;
    for (const struct dirent *entry; is_clean && (entry = readdir(list)) != NULL;)
        is_clean = is_ours(fd, entry->d_name);
    closedir(list);
    return is_clean;
}

static bool give_to_group(const struct run_directory *directory, struct error *error) {
    if (directory->group == NULL || directory->status.st_gid == directory->gid)
        return true;
    if (fchown(directory->fd, (uid_t)-1, directory->gid) == 0)
        return true;
    if (errno == EPERM)
        return error_set(error, ERROR_SYSTEM,
                         "cannot give %s to [control] group = %s: user %u is not a member of it; "
                         "add it (adduser USER %s) and restart",
                         directory->path, directory->group, (unsigned)geteuid(), directory->group);
    return error_set_errno(error, errno, "cannot give %s to group %s", directory->path,
                           directory->group);
}

static bool set_mode(const struct run_directory *directory, struct log *log, struct error *error) {
    const mode_t mode = wanted_mode(directory);
    const mode_t before = directory->status.st_mode & 07777;
    /* What a narrower one lacks is no reason to ask what else is in it. */
    const bool is_wider = (before & 0777 & ~mode) != 0;
    if ((before & 0777) == mode)
        return true;
    if (is_wider && !holds_only_ours(directory->fd))
        return error_set(
            error, ERROR_INVALID,
            "%s: the run directory must be private: it has mode %04o, and contains files that "
            "are not take5's; set [take5] run_dir to a separate directory, or chmod %04o it",
            directory->path, (unsigned)before, (unsigned)mode);
    if (fchmod(directory->fd, mode) != 0)
        return error_set_errno(error, errno, "cannot set mode %04o of %s", (unsigned)mode,
                               directory->path);
    if (is_wider)
        log_warning(log, "ops",
                    "%s: mode changed from %04o to %04o: the run directory must be private",
                    directory->path, (unsigned)before, (unsigned)mode);
    return true;
}

bool run_directory_make(const char *path, const char *group, const struct trust *trust,
                        struct log *log, struct error *error) {
    struct run_directory directory = {.path = path, .group = group, .fd = -1};
    if (group != NULL) {
        const struct group *entry = getgrnam(group);
        if (entry == NULL)
            return error_set(error, ERROR_INVALID, "[control] group = %s: no such group", group);
        directory.gid = entry->gr_gid;
    }
    if (!directory_make(path, error))
        return error_set(error, error->code, "%s; set [take5] run_dir to another directory",
                         error->text);
    bool did = open_it(&directory, trust, error) && trust_check_way(path, trust, error);
    if (!directory.is_lent)
        did = did && give_to_group(&directory, error) && set_mode(&directory, log, error);
    if (directory.fd >= 0)
        close(directory.fd);
    return did;
}
