#include "preflight/preflight.h"

#include "os/private_file.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];
static struct faults faults;
static struct config *config;

static void begin(void) {
    snprintf(directory, sizeof directory, "/tmp/take5-preflight-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status, (void)type, (void)at;
    return remove(path);
}

static void end(void) {
    config_free(config);
    faults_release(&faults);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(preflight, .init = begin, .fini = end);

static const char *below(const char *name) {
    static char path[4][128];
    static size_t next;
    char *found = path[next++ % 4];
    snprintf(found, sizeof path[0], "%s/%s", directory, name);
    return found;
}

/* With directories and files below the one of the moment. */
static void load(const char *more) {
    FILE *file = fopen(below("take5.ini"), "w");
    fprintf(file,
            "[take5]\nrun_dir = run\nstate_dir = a/state\ncache_dir = cache\nstrategy_dir = .\n%s",
            more);
    fclose(file);
    const struct config_request request = {.path = below("take5.ini")};
    config_free(config);
    config = config_load(&request, &faults);
    cr_assert_not_null(config, "%s", faults.count > 0 ? faults.items[0].text : "");
}

static bool says(const char *what) {
    for (size_t i = 0; i < faults.count; i++)
        if (strstr(faults.items[i].text, what) != NULL)
            return true;
    return false;
}

/* ---- directories ---- */

Test(preflight, what_can_be_made_is_good_and_is_not_made) {
    struct stat status;
    load("[log]\npath = logs/x.log\n");
    preflight_directories(config, &faults);
    cr_assert_eq(faults.count, 0, "%s", faults.items[0].text);
    cr_assert_neq(stat(below("run"), &status), 0);
    cr_assert_neq(stat(below("a"), &status), 0);
}

Test(preflight, a_file_in_the_way_is_told_with_its_line) {
    load("[dead_letters]\npath = x.ini/d\n[journal]\nenabled = yes\npath = a\n");
    fclose(fopen(below("cache"), "w"));
    fclose(fopen(below("x.ini"), "w"));
    mkdir(below("a"), 0700);
    preflight_directories(config, &faults);
    cr_expect_eq(faults.error_count, 3);
    cr_expect(says("take5.ini:4: [take5] cache_dir = "));
    cr_expect(says("take5.ini:7: [dead_letters] path = "));
    cr_expect(says("take5.ini:10: [journal] path = "));
}

/* As another user than root, who may write anywhere. Gives the number of errors. */
static int errors_as(uid_t user) {
    const pid_t child = fork();
    if (child == 0) {
        if (setuid(user) != 0)
            _exit(100);
        preflight_directories(config, &faults);
        _exit((int)faults.error_count);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

Test(preflight, directories_of_others_are_refused) {
    if (geteuid() != 0)
        cr_skip_test("needs root");
    load("");
    chmod(directory, 0755);
    cr_expect_eq(errors_as(8100), 3); /* it may make none of them */
    static const char *const names[] = {"run", "a", "a/state", "cache"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        mkdir(below(names[i]), 0777);
    cr_expect_eq(errors_as(8100), 3); /* they are root's */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(chown(below(names[i]), 8100, 8100), 0);
    cr_expect_eq(errors_as(8100), 0);
    cr_expect_eq(errors_as(8101), 3);
    preflight_directories(config, &faults); /* root asks for whom they belong to */
    cr_expect_eq(faults.error_count, 0);
    chmod(below("cache"), 0500);
    preflight_directories(config, &faults);
    cr_expect_eq(faults.error_count, 1);
}

/* ---- the port ---- */

static int take_port(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void load_port(int port) {
    char more[64];
    snprintf(more, sizeof more, "[http]\nport = %d\n", port);
    load(more);
}

Test(preflight, a_port_that_is_taken_is_an_error) {
    int port;
    const int fd = take_port(&port);
    load_port(port);
    preflight_port(config, &faults);
    cr_expect_eq(faults.error_count, 1);
    cr_expect(says("take5.ini:7: [http] port = "));
    close(fd);
    faults_release(&faults);
    preflight_port(config, &faults);
    cr_expect_eq(faults.count, 0);
}

/* The lock is a process's own, which does not see it. */
Test(preflight, a_port_that_a_running_host_has_is_a_warning) {
    int port, ready[2];
    const int fd = take_port(&port);
    load_port(port);
    mkdir(below("a"), 0700);
    mkdir(below("a/state"), 0700);
    cr_assert_eq(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct error error;
        const bool did = private_directory_lock(config->state_dir, &error) >= 0;
        (void)!write(ready[1], did ? "+" : "-", 1);
        pause();
    }
    char answer = 0;
    cr_assert_eq(read(ready[0], &answer, 1), 1);
    cr_assert_eq(answer, '+');
    preflight_port(config, &faults);
    cr_expect_eq(faults.error_count, 0);
    cr_expect(says("probably by the host that runs in"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fd);
}

Test(preflight, an_address_of_another_machine_is_an_error) {
    load("[http]\naddress = 192.0.2.1\nport = 18099\n");
    preflight_port(config, &faults);
    cr_expect_eq(faults.error_count, 1);
    cr_expect(says("take5.ini:7: [http] address = 192.0.2.1: "));
    cr_expect_not(says("another port"));
    faults_release(&faults);
    load("[http]\naddress = 192.0.2.1\nenabled = no\n");
    preflight_port(config, &faults);
    cr_expect_eq(faults.count, 0);
}

/* ---- clients and the control socket ---- */

static void expect_client(const char *more, const char *fault) {
    struct log *log = log_new();
    load(more);
    faults_release(&faults);
    preflight_clients(config, log, &faults);
    cr_expect_eq(faults.error_count, (size_t)(fault != NULL), "%s", more);
    cr_expect(fault == NULL || says(fault), "%s: %s", fault,
              faults.count > 0 ? faults.items[0].text : "nothing");
    log_free(log);
}

Test(preflight, settings_that_no_client_can_be_made_of_are_told_with_their_line) {
    expect_client("[kafka]\nsecurity.protocol = SSL\nssl.ca.location = /nowhere\n",
                  "take5.ini:8: [kafka]: librdkafka rejects the settings: ssl.ca.location failed");
    expect_client("[kafka]\nsecurity.protocol = SASL_PLAINTEXT\nsasl.mechanism = PLAIN\n",
                  "sasl.username and sasl.password must be set");
    expect_client("[signals]\nsinks = kafka\n[sink:kafka]\nsecurity.protocol = SSL\n"
                  "ssl.ca.location = /nowhere\n",
                  "take5.ini:10: librdkafka rejects the settings of the producer: ssl.ca.location");
    expect_client("[signals]\nsinks = kafka\n", NULL);
}

Test(preflight, a_group_or_a_directory_of_the_control_socket_that_is_not_there) {
    load("[control]\ngroup = no-such-group-here\nsocket = nowhere/socket\n");
    preflight_control(config, &faults);
    cr_expect_eq(faults.error_count, 2);
    cr_expect(says("take5.ini:7: [control] group = no-such-group-here: no such group"));
    cr_expect(says("take5.ini:8: [control] socket = "));
    faults_release(&faults);
    load("");
    preflight_control(config, &faults);
    cr_expect_eq(faults.count, 0);
}

/* ---- the token ---- */

static void expect_token(const char *text, int error_count) {
    FILE *file = fopen(below("token"), "w");
    fputs(text, file);
    fclose(file);
    faults_release(&faults);
    preflight_token(config, &faults);
    cr_expect_eq(faults.error_count, (size_t)error_count, "of %s", text);
}

Test(preflight, a_token_that_the_start_would_not_take_is_told_with_its_line) {
    load("[http]\ntoken_file = token\n");
    preflight_token(config, &faults);
    cr_expect_eq(faults.error_count, 1);
    cr_expect(says("take5.ini:7: [http] token_file: cannot open "));
    expect_token("short\n", 1);
    cr_expect(says("take5.ini:7: [http] token_file "));
    cr_expect_not(says("short\n"));
    expect_token("0123456789abcdef\n", 0);
    if (geteuid() == 0) { /* the service's, as packaging/README.md has it */
        cr_assert_eq(chown(below("token"), 8100, 8100), 0);
        expect_token("0123456789abcdef\n", 0);
    }
    load("[http]\nenabled = no\ntoken_file = none\n");
    preflight_token(config, &faults);
    cr_expect_eq(faults.count, 0);
}

/* ---- brokers ---- */

Test(preflight, brokers_that_do_not_answer_are_an_error_with_their_line) {
    int port;
    const int fd = take_port(&port);
    close(fd);
    char more[80];
    snprintf(more, sizeof more, "[kafka]\nbootstrap.servers = 127.0.0.1:%d\n", port);
    load(more);
    preflight_brokers(config, 300000000, &faults);
    cr_expect_eq(faults.error_count, 1);
    cr_expect(says("take5.ini:7: brokers 127.0.0.1:"));
}
