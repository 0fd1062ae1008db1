#include "log/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a write may block until somebody reads. */
static bool may_block(int file) {
    struct stat status;
    return fstat(file, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

/* 0: there is room for PIPE_BUF bytes, or a write returns what is wrong. */
static int wait_for_room(int file, const atomic_bool *stop) {
    struct pollfd waited = {.fd = file, .events = POLLOUT};
    for (;;) {
        const bool should_stop = stop != NULL && atomic_load(stop);
        const int ready = poll(&waited, 1, OUTPUT_GRACE_MS);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return errno;
        if (ready == 0 && should_stop)
            return ECANCELED;
    }
}

int output_write(int file, const void *data, size_t size, size_t *written,
                 const atomic_bool *stop) {
    const char *from = data;
    size_t done = 0;
    int errnum = 0;
    /* A larger piece would block in the middle, out of reach of a stop. */
    const size_t most = may_block(file) ? PIPE_BUF : SIZE_MAX;
    while (done < size && errnum == 0) {
        if (most == PIPE_BUF && (errnum = wait_for_room(file, stop)) != 0)
            break;
        const ssize_t wrote = write(file, from + done, size - done < most ? size - done : most);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote == 0)
            errnum = EIO;
        else if (errno != EINTR && errno != EAGAIN)
            errnum = errno;
    }
    if (written != NULL)
        *written = done;
    return errnum;
}

bool output_cut_back(int file, size_t size) {
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    const off_t at = lseek(file, 0, SEEK_CUR);
    return at == status.st_size && (off_t)size <= at && ftruncate(file, at - (off_t)size) == 0 &&
           lseek(file, at - (off_t)size, SEEK_SET) >= 0;
}
