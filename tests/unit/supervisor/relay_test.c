#include "supervisor/relay.h"

#include "supervisor/notices.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[64], path[128];
static struct log *log_;
static struct relay relay;
static int ends[2];

static void begin(void) {
    struct error error;
    strcpy(directory, "/tmp/take5-relay-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/log", directory);
    log_ = log_new();
    const struct log_options options = {
        .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_CONSOLE, .path = path};
    cr_assert(log_configure(log_, &options, &error));
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    relay_init(&relay);
}

static void end(void) {
    char command[128];
    relay_release(&relay);
    log_free(log_);
    close(ends[0]);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(relay, .init = begin, .fini = end);

static void put(const char *text) {
    cr_assert_eq(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    cr_assert(relay_read(&relay, ends[0], log_));
}

static void expect(const char *expected) {
    static char text[4096];
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    cr_expect_str_eq(text, expected);
}

Test(relay, a_line_is_passed_on_when_it_is_whole) {
    put("one\ntw");
    expect("one\n");
    log_pass_on(log_, "another worker's\n", 17);
    put("o\n\n");
    expect("one\nanother worker's\ntwo\n\n");
}

Test(relay, the_end_ends_a_line) {
    put("half");
    expect("");
    close(ends[1]);
    cr_assert_not(relay_read(&relay, ends[0], log_));
    expect("half\n");
}

Test(notices, each_comes_with_who_sent_it) {
    struct error error;
    struct notice notice;
    char value[32];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/take5-notices-%d", (int)getpid());
    const int fd = notices_open(address.sun_path, &error);
    cr_assert_geq(fd, 0, "%s", error.text);
    cr_assert_not(notices_next(fd, &notice));
    const int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const char text[] = "READY=1\nSTATUS=a b\nSTAT=2";
    cr_assert_eq(
        sendto(sender, text, sizeof text - 1, 0, (struct sockaddr *)&address, sizeof address),
        (ssize_t)sizeof text - 1);
    cr_assert(notices_next(fd, &notice));
    cr_assert_eq(notice.pid, getpid());
    cr_assert(notice_value(&notice, "STATUS", value, sizeof value));
    cr_assert_str_eq(value, "a b");
    cr_assert(notice_value(&notice, "STAT", value, sizeof value));
    cr_assert_str_eq(value, "2");
    cr_assert_not(notice_value(&notice, "READ", value, sizeof value));
    cr_assert_not(notice_value(&notice, "WATCHDOG", value, sizeof value));
    close(sender);
    close(fd);
    unlink(address.sun_path);
}
