#include "base/io.h"

#include "base/array.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool io_write_all(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        const ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = EIO;
        if (written <= 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

ssize_t io_read_all(int fd, void *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t got = read(fd, (char *)data + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

char *io_read_whole(int fd, size_t most, size_t *size) {
    struct stat status;
    const bool is_known = fstat(fd, &status) == 0 && status.st_size > 0;
    size_t capacity =
        is_known && (size_t)status.st_size <= most ? (size_t)status.st_size + 2 : 4096;
    char *data = NULL;
    for (*size = 0;; capacity *= 2) {
        if (!ARRAY_RESIZE(data, capacity)) {
            errno = ENOMEM;
            break;
        }
        const size_t room = capacity - 1 - *size;
        const ssize_t got = io_read_all(fd, data + *size, room);
        if (got < 0)
            break;
        *size += (size_t)got;
        if (*size > most) {
            errno = EFBIG;
            break;
        }
        if ((size_t)got < room) {
            data[*size] = '\0';
            return data;
        }
    }
    const int reason = errno;
    free(data);
    errno = reason;
    return NULL;
}

char *io_read_path(const char *path, size_t most, size_t *size, struct error *error) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = file >= 0 ? io_read_whole(file, most, size) : NULL;
    if (bytes == NULL)
        error_set_errno(error, errno, "cannot read %s", path);
    const int errnum = errno;
    if (file >= 0)
        close(file);
    errno = errnum;
    return bytes;
}
