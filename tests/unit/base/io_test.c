#include "base/io.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUCH (1 << 20) /* more than a pipe holds */

static int file_of(const void *data, size_t size) {
    const int fd = memfd_create("io", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert(io_write_all(fd, data, size));
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void *write_much(void *fd) {
    char *data = malloc(MUCH);
    memset(data, 'x', MUCH);
    const bool did = io_write_all(*(int *)fd, data, MUCH);
    free(data);
    return did ? fd : NULL;
}

Test(io, all_goes_through_a_pipe_that_holds_less) {
    int ends[2];
    pthread_t writer;
    void *did;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(pthread_create(&writer, NULL, write_much, &ends[1]), 0);
    char *data = malloc(MUCH);
    cr_assert_eq(io_read_all(ends[0], data, MUCH), MUCH);
    cr_assert_eq(data[MUCH - 1], 'x');
    cr_assert_eq(pthread_join(writer, &did), 0);
    cr_assert_not_null(did);
    free(data);
}

Test(io, reading_ends_with_the_file) {
    char data[8] = "";
    const int fd = file_of("abc", 3);
    cr_assert_eq(io_read_all(fd, data, sizeof data), 3);
    cr_assert_str_eq(data, "abc");
    cr_assert_eq(io_read_all(fd, data, sizeof data), 0);
    close(fd);
}

Test(io, the_whole_is_as_long_as_it_is) {
    static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *wanted = calloc(1, sizes[i] + 1);
        memset(wanted, 'a', sizes[i]);
        const int fd = file_of(wanted, sizes[i]);
        size_t size;
        char *data = io_read_whole(fd, sizes[i], &size);
        cr_assert_not_null(data);
        cr_assert_eq(size, sizes[i]);
        cr_assert_str_eq(data, wanted);
        free(data);
        free(wanted);
        close(fd);
    }
}

Test(io, the_whole_of_a_pipe_needs_no_size) {
    int ends[2];
    size_t size;
    cr_assert_eq(pipe(ends), 0);
    cr_assert(io_write_all(ends[1], "abcdef", 6));
    close(ends[1]);
    char *data = io_read_whole(ends[0], 6, &size);
    cr_assert_str_eq(data, "abcdef");
    free(data);
    close(ends[0]);
}

Test(io, more_than_the_most_is_refused) {
    size_t size;
    const int fd = file_of("abcd", 4);
    cr_assert_null(io_read_whole(fd, 3, &size));
    cr_assert_eq(errno, EFBIG);
    close(fd);
}

Test(io, what_fails_says_why) {
    char byte;
    size_t size;
    cr_assert_not(io_write_all(-1, "x", 1));
    cr_assert_eq(errno, EBADF);
    cr_assert_eq(io_read_all(-1, &byte, 1), -1);
    cr_assert_eq(errno, EBADF);
    cr_assert_null(io_read_whole(-1, 1, &size));
    cr_assert_eq(errno, EBADF);
}
