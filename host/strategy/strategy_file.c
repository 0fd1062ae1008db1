#include "strategy/strategy_file.h"

#include "base/text.h"
#include "strategy/elf_check.h"

#include <take5/version.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LARGEST (256 << 20)
#define FILE_CHUNK   (64 << 10)

/* Reads to the end, whatever fstat said before: somebody may be writing. */
static bool read_all(int fd, size_t expected, struct strategy_file *file, struct error *error) {
    size_t capacity = expected + FILE_CHUNK;
    for (;;) {
        if (capacity - file->size < FILE_CHUNK / 2 || file->bytes == NULL) {
            if (file->bytes != NULL)
                capacity *= 2;
            char *larger = realloc(file->bytes, capacity);
            if (larger == NULL)
                return error_set_memory(error, capacity, "a strategy file");
            file->bytes = larger;
        }
        const ssize_t got = read(fd, file->bytes + file->size, capacity - file->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, errno, "cannot be read");
        if (got == 0)
            return true;
        file->size += (size_t)got;
        if (file->size > FILE_LARGEST)
            return error_set(error, ERROR_INVALID, "is larger than %d MiB: no strategy is",
                             FILE_LARGEST >> 20);
    }
}

static bool read_bytes(struct strategy_file *file, struct error *error) {
    /* Not blocking: the name may be that of a pipe. */
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot be opened");
    struct stat status;
    bool is_good = false;
    if (fstat(fd, &status) != 0)
        error_set_errno(error, errno, "cannot be read");
    else if (!S_ISREG(status.st_mode))
        error_set(error, ERROR_INVALID, "is no regular file");
    else if (status.st_size > FILE_LARGEST)
        error_set(error, ERROR_INVALID, "has %" PRIdMAX " bytes, more than %d MiB: no strategy has",
                  (intmax_t)status.st_size, FILE_LARGEST >> 20);
    else
        is_good = read_all(fd, (size_t)status.st_size, file, error);
    (void)close(fd);
    return is_good;
}

bool strategy_file_read(const char *path, struct strategy_file *file, struct error *error) {
    memset(file, 0, sizeof *file);
    file->path = text_dup(path, strlen(path));
    if (file->path == NULL)
        return error_set_memory(error, strlen(path), "a path");
    if (!read_bytes(file, error) || !elf_check(file, error)) {
        error_prefix(error, "%s: ", path);
        strategy_file_release(file);
        return false;
    }
    file->hash = hash_bytes(file->bytes, file->size);
    return true;
}

void strategy_file_release(struct strategy_file *file) {
    free(file->path);
    free(file->bytes);
    memset(file, 0, sizeof *file);
}

bool strategy_file_judge(const struct strategy_file *file, struct error *error) {
    if (file->abi_major != T5_ABI_MAJOR)
        return error_set(error, ERROR_INVALID,
                         "%s: %s %s speaks ABI %" PRIu32 ".%" PRIu32 ", this host %d.%d: build it"
                         " with this host's SDK",
                         file->path, file->name, file->version, file->abi_major,
                         file->abi_minor_built, T5_ABI_MAJOR, T5_ABI_MINOR);
    if (file->abi_minor_required > T5_ABI_MINOR)
        return error_set(error, ERROR_INVALID,
                         "%s: %s %s requires ABI %" PRIu32 ".%" PRIu32 ", this host has %d.%d:"
                         " update the host, or build the strategy with"
                         " -DT5_ABI_MINOR_REQUIRED=%d if it can do without what is newer",
                         file->path, file->name, file->version, file->abi_major,
                         file->abi_minor_required, T5_ABI_MAJOR, T5_ABI_MINOR, T5_ABI_MINOR);
    return true;
}

bool strategy_file_modes(const char *path, gid_t allowed_group, struct error *error) {
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s: cannot be looked at", path);
    const bool has_group = allowed_group != (gid_t)-1;
    const bool is_of_group = has_group && status.st_gid == allowed_group;
    const bool is_owned = status.st_uid == 0 || status.st_uid == geteuid();
    const unsigned mode = status.st_mode & 07777;
    if ((status.st_mode & S_IWOTH) != 0)
        return error_set(error, ERROR_INVALID,
                         "%s: mode %04o lets everybody write: `chmod o-w` it, or set strict_modes ="
                         " no",
                         path, mode);
    if ((status.st_mode & S_IWGRP) != 0 && !is_of_group)
        return error_set(error, ERROR_INVALID,
                         "%s: mode %04o lets group %" PRIuMAX
                         " write: `chmod g-w` it, or make that group the [control] group",
                         path, mode, (uintmax_t)status.st_gid);
    if (!is_owned && !is_of_group)
        return error_set(error, ERROR_INVALID,
                         "%s: belongs to user %" PRIuMAX
                         ", not to root or the user who runs this (%" PRIuMAX
                         "): `chown` it, or give it the [control] group",
                         path, (uintmax_t)status.st_uid, (uintmax_t)geteuid());
    return true;
}
