#include "log/output.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SIZE (300 * 1024) /* more than a pipe holds */

static char *content(void) {
    char *data = malloc(SIZE);
    cr_assert_not_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 + i / 251);
    return data;
}

struct reader {
    int file;
    char *got;
    size_t size;
};

static void *read_all(void *context) {
    struct reader *reader = context;
    ssize_t size;
    while ((size = read(reader->file, reader->got + reader->size, SIZE - reader->size)) > 0)
        reader->size += (size_t)size;
    return NULL;
}

static void assert_arrives(int flags) {
    int ends[2];
    size_t written = 0;
    char *data = content();
    struct reader reader = {.got = malloc(SIZE)};
    pthread_t thread;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, flags), 0);
    reader.file = ends[0];
    cr_assert_eq(pthread_create(&thread, NULL, read_all, &reader), 0);
    cr_assert_eq(output_write(ends[1], data, SIZE, &written, NULL), 0);
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
    cr_assert_eq(written, SIZE);
    cr_assert_eq(reader.size, SIZE);
    cr_assert_arr_eq(reader.got, data, SIZE);
    free(reader.got);
    free(data);
}

Test(output, all_of_it_arrives_through_a_pipe) {
    assert_arrives(0);
}

Test(output, a_pipe_that_does_not_block_is_waited_for) {
    assert_arrives(O_NONBLOCK);
}

Test(output, a_file_takes_it_in_one) {
    char path[] = "/tmp/take5-output-XXXXXX";
    size_t written = 0;
    char *data = content(), *got = malloc(SIZE);
    const int file = mkstemp(path);
    cr_assert_geq(file, 0);
    unlink(path);
    const atomic_bool stop = true; /* a file is never waited for */
    cr_assert_eq(output_write(file, data, SIZE, &written, &stop), 0);
    cr_assert_eq(written, SIZE);
    cr_assert_eq(pread(file, got, SIZE, 0), SIZE);
    cr_assert_arr_eq(got, data, SIZE);
    close(file);
    free(got);
    free(data);
}

Test(output, a_reader_that_is_gone_is_said) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    size_t written = 1;
    cr_assert_eq(output_write(ends[1], "x", 1, &written, NULL), EPIPE);
    cr_assert_eq(written, 0);
    close(ends[1]);
}

struct stopper {
    atomic_bool *stop;
    int file; /* the pipe's reading end: full before it stops */
};

static void *stop_when_full(void *context) {
    struct stopper *stopper = context;
    struct timespec while_ms = {.tv_nsec = 1000000};
    const int room = fcntl(stopper->file, F_GETPIPE_SZ);
    for (int held = 0; held < room;) {
        nanosleep(&while_ms, NULL);
        cr_assert_eq(ioctl(stopper->file, FIONREAD, &held), 0);
    }
    atomic_store(stopper->stop, true);
    return NULL;
}

Test(output, a_stop_ends_the_waiting_for_a_reader_that_takes_nothing) {
    int ends[2];
    atomic_bool stop = false;
    size_t written = 0;
    char *data = content();
    pthread_t thread;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    struct stopper stopper = {&stop, ends[0]};
    cr_assert_eq(pthread_create(&thread, NULL, stop_when_full, &stopper), 0);
    cr_assert_eq(output_write(ends[1], data, SIZE, &written, &stop), ECANCELED);
    pthread_join(thread, NULL);
    cr_assert_eq((int)written, fcntl(ends[0], F_GETPIPE_SZ));
    close(ends[0]);
    close(ends[1]);
    free(data);
}

Test(output, what_a_reader_takes_after_a_stop_still_arrives) {
    int ends[2];
    const atomic_bool stop = true;
    size_t written = 0;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(output_write(ends[1], "last line\n", 10, &written, &stop), 0);
    cr_assert_eq(written, 10);
    close(ends[0]);
    close(ends[1]);
}
