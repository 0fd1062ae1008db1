#include "ops/control/run_directory.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char home[64], path[96], log_path[96];
static struct log *log_;
static struct error error;

static void begin(void) {
    snprintf(home, sizeof home, "/tmp/take5-run-XXXXXX");
    cr_assert_not_null(mkdtemp(home));
    snprintf(path, sizeof path, "%s/a/run", home);
    snprintf(log_path, sizeof log_path, "%s/log", home);
    const struct log_options options = {.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_JSON,
                                        .color = LOG_COLOR_NEVER,
                                        .path = log_path};
    log_ = log_new();
    cr_assert_not_null(log_);
    cr_assert(log_configure(log_, &options, &error));
}

static void end(void) {
    char command[160];
    log_free(log_);
    snprintf(command, sizeof command, "rm -r %s", home);
    cr_assert_eq(system(command), 0);
}

TestSuite(run_directory, .init = begin, .fini = end);

static void there_is(mode_t mode) {
    char above[96];
    snprintf(above, sizeof above, "%s/a", home);
    cr_assert_eq(mkdir(above, 0755), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(chmod(path, mode), 0);
}

static void put(const char *name) {
    char file[128];
    snprintf(file, sizeof file, "%s/%s", path, name);
    const int fd = open(file, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
}

static unsigned mode(void) {
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static bool logged(const char *text) {
    char data[4096];
    const int fd = open(log_path, O_RDONLY);
    const ssize_t size = read(fd, data, sizeof data - 1);
    close(fd);
    data[size > 0 ? size : 0] = '\0';
    return strstr(data, text) != NULL;
}

/* A group that this process may give a file to. */
static const char *own_group(void) {
    return getgrgid(getegid())->gr_name;
}

Test(run_directory, a_new_one_is_for_the_owner_alone) {
    umask(0);
    cr_assert(run_directory_make(path, NULL, &trust_strict, log_, &error), "%s", error.text);
    cr_assert_eq(mode(), 0700);
    cr_assert_not(logged("private"));
}

Test(run_directory, a_group_may_pass_and_not_look) {
    umask(077);
    cr_assert(run_directory_make(path, own_group(), &trust_strict, log_, &error), "%s", error.text);
    cr_assert_eq(mode(), 0710);
}

Test(run_directory, a_group_gets_one_that_the_unit_made_for_the_owner) {
    there_is(0700);
    put("started");
    cr_assert(run_directory_make(path, own_group(), &trust_strict, log_, &error), "%s", error.text);
    cr_assert_eq(mode(), 0710);
}

Test(run_directory, the_group_is_the_one_that_was_named) {
    if (geteuid() != 0)
        cr_skip("only root has another group to give");
    struct stat status;
    there_is(0700);
    cr_assert(run_directory_make(path, "nogroup", &trust_strict, log_, &error), "%s", error.text);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_gid, getgrnam("nogroup")->gr_gid);
}

Test(run_directory, one_that_is_open_wider_is_closed_and_that_is_said) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    there_is(0777);
    put("failures");
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/control.sock", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert(run_directory_make(path, NULL, &trust_strict, log_, &error), "%s", error.text);
    cr_assert_eq(mode(), 0700);
    cr_assert(logged("mode changed from 0777 to 0700: the run directory must be private"));
    close(fd);
}

Test(run_directory, a_group_that_is_not_named_any_more_is_shut_out) {
    there_is(0710);
    cr_assert(run_directory_make(path, NULL, &trust_strict, log_, &error), "%s", error.text);
    cr_assert_eq(mode(), 0700);
}

Test(run_directory, one_that_others_use_is_refused_and_left_as_it_is) {
    there_is(0755);
    put("of_somebody_else");
    cr_assert_not(run_directory_make(path, NULL, &trust_strict, log_, &error));
    cr_assert_eq(mode(), 0755);
    cr_assert(strstr(error.text, "has mode 0755") != NULL, "%s", error.text);
    cr_assert(strstr(error.text, "[take5] run_dir") != NULL, "%s", error.text);
}

Test(run_directory, one_that_is_private_may_hold_what_it_likes) {
    there_is(0700);
    put("of_somebody_else");
    cr_assert(run_directory_make(path, NULL, &trust_strict, log_, &error), "%s", error.text);
}

Test(run_directory, another_owner_is_refused) {
    if (geteuid() != 0)
        cr_skip("only root can give it away");
    there_is(0700);
    cr_assert_eq(chown(path, 65534, (gid_t)-1), 0);
    cr_assert_not(run_directory_make(path, NULL, &trust_strict, log_, &error));
    cr_assert(strstr(error.text, "owned by user 65534, this host runs as user 0") != NULL, "%s",
              error.text);
}

Test(run_directory, a_link_that_somebody_else_laid_is_refused) {
    if (geteuid() != 0)
        cr_skip("only root can give it away");
    char link[96];
    there_is(0700);
    snprintf(link, sizeof link, "%s/link", home);
    cr_assert_eq(symlink(path, link), 0);
    cr_assert(run_directory_make(link, NULL, &trust_strict, log_, &error), "%s", error.text);
    cr_assert_eq(lchown(link, 65534, (gid_t)-1), 0);
    cr_assert_not(run_directory_make(link, NULL, &trust_strict, log_, &error));
    cr_assert(strstr(error.text, "a symbolic link owned by user 65534") != NULL, "%s", error.text);
}

Test(run_directory, a_group_that_its_user_is_not_in_is_told) {
    if (geteuid() != 0)
        cr_skip("only root can become somebody else");
    cr_assert_eq(chmod(home, 01777), 0);
    cr_assert_eq(setgroups(0, NULL), 0);
    cr_assert_eq(setegid(65534), 0);
    cr_assert_eq(seteuid(65534), 0);
    snprintf(path, sizeof path, "%s/run", home);
    const bool did = run_directory_make(path, "daemon", &trust_strict, log_, &error);
    cr_assert_eq(seteuid(0), 0);
    cr_assert_not(did);
    cr_assert(strstr(error.text, "user 65534 is not a member") != NULL, "%s", error.text);
}

Test(run_directory, a_way_that_others_may_write_is_refused) {
    there_is(0700);
    cr_assert_eq(chmod(home, 0777), 0);
    cr_assert_not(run_directory_make(path, NULL, &trust_strict, log_, &error));
    cr_assert(strstr(error.text, "mode 0777 lets everyone write") != NULL, "%s", error.text);
    cr_assert(run_directory_make(path, NULL, &trust_any, log_, &error), "%s", error.text);
}

Test(run_directory, a_group_that_is_not_there_is_told) {
    cr_assert_not(run_directory_make(path, "no-such-group", &trust_strict, log_, &error));
    cr_assert_str_eq(error.text, "[control] group = no-such-group: no such group");
}

static bool make_as(uid_t user, const struct trust *trust) {
    cr_assert_eq(seteuid(user), 0);
    const bool did = run_directory_make(path, NULL, trust, log_, &error);
    cr_assert_eq(seteuid(0), 0);
    return did;
}

Test(run_directory, without_strict_modes_one_of_roots_is_taken_as_it_is) {
    if (geteuid() != 0)
        cr_skip("only root becomes another user");
    there_is(0777);
    cr_assert_eq(chmod(home, 0755), 0);
    cr_assert_not(make_as(65534, &trust_strict));
    cr_assert(make_as(65534, &trust_any), "%s", error.text);
    cr_assert_eq(mode(), 0777);
    cr_assert_eq(chmod(path, 0755), 0);
    cr_assert_not(make_as(65534, &trust_any));
    cr_assert(strstr(error.text, "cannot write to the run directory") != NULL, "%s", error.text);
}
