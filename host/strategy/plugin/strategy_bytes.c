#include "strategy/plugin/strategy_bytes.h"

#include "base/io.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#define FILE_LARGEST (256 << 20)

bool strategy_bytes_read(struct strategy_file *file, int fd, struct error *error) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set_errno(error, errno, "cannot be read");
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "is not a regular file");
    if (status.st_size > FILE_LARGEST)
        return error_set(error, ERROR_INVALID,
                         "has %" PRIdMAX " bytes, a strategy has at most %d MiB",
                         (intmax_t)status.st_size, FILE_LARGEST >> 20);
    file->bytes = io_read_whole(fd, FILE_LARGEST, &file->size);
    return file->bytes != NULL || error_set_errno(error, errno, "cannot be read");
}
