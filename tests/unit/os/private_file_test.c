#include "os/private_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/take5-private-XXXXXX";
static char path[sizeof directory + 8];

static void setup(void) {
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
}

static void teardown(void) {
    unlink(path);
    rmdir(directory);
}

TestSuite(private_file, .init = setup, .fini = teardown);

static void make(mode_t mode) {
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

Test(private_file, opens_and_makes_what_is_its_own) {
    struct error error;
    struct stat status;
    const int fd = private_file_open(path, O_RDWR | O_CREAT, &error);
    cr_assert_geq(fd, 0, "%s", error.text);
    cr_assert_eq(fstat(fd, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    close(fd);
}

Test(private_file, keeps_errno_of_what_is_not_there) {
    struct error error;
    cr_assert_eq(private_file_open(path, O_RDONLY, &error), -1);
    cr_assert_eq(errno, ENOENT);
    cr_assert_eq(error.code, ERROR_SYSTEM);
}

Test(private_file, refuses_what_others_may_write) {
    struct error error;
    make(0620);
    cr_assert_eq(private_file_open(path, O_RDONLY, &error), -1);
    cr_assert_eq(error.code, ERROR_INVALID);
    cr_assert_not_null(strstr(error.text, "0620"), "%s", error.text);
}

Test(private_file, refuses_a_link) {
    struct error error;
    cr_assert_eq(symlink("/dev/null", path), 0);
    cr_assert_eq(private_file_open(path, O_RDONLY, &error), -1);
}

Test(private_file, does_not_wait_for_a_fifo) {
    struct error error;
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(private_file_open(path, O_RDONLY, &error), -1);
    cr_assert_eq(error.code, ERROR_INVALID);
}
