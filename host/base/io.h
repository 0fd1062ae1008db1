/*
 * base/io.h - reading and writing all of it, whatever signals interrupt. What fails leaves its
 * errno.
 */
#ifndef TAKE5_BASE_IO_H
#define TAKE5_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

/* False: not all could be written. Async-signal-safe. */
bool io_write_all(int fd, const void *data, size_t size);

/* Gives how many bytes came: fewer than `size` only when there are no more; -1: failed. */
ssize_t io_read_all(int fd, void *data, size_t size);

/* All that is left of a file, whatever its size was before: somebody may be writing. A NUL follows
 * it; free() it. NULL: failed (ENOMEM), or there are more than `most` bytes (EFBIG). */
char *io_read_whole(int fd, size_t most, size_t *size);

/* The same of the file at that path. NULL with an error, and with its number in errno. */
char *io_read_path(const char *path, size_t most, size_t *size, struct error *error);

#endif
