/* Whether others could have put something where the host looks. Foreign owners need root. */
#include "os/trust.h"

#include "os/private_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOMEBODY 12345
#define NOBODY   65534

static char home[64], path[8][128];
static int next_path;

static void begin(void) {
    umask(022);
    snprintf(home, sizeof home, "/tmp/take5-trust-XXXXXX");
    cr_assert_not_null(mkdtemp(home));
}

static void end(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", home);
    cr_assert_eq(system(command), 0);
}

TestSuite(trust, .init = begin, .fini = end);

/* Valid until the next call but seven. */
static const char *at(const char *name) {
    char *to = path[next_path++ % 8];
    snprintf(to, sizeof path[0], "%s/%s", home, name);
    return to;
}

static const char *directory(const char *name, mode_t mode) {
    const char *made = at(name);
    cr_assert_eq(mkdir(made, 0700), 0);
    cr_assert_eq(chmod(made, mode), 0);
    return made;
}

static const char *file(const char *name, mode_t mode) {
    const char *made = at(name);
    const int fd = open(made, O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "x", 1), 1);
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
    return made;
}

/* `text` NULL: it is trusted, and what is opened is what was meant. */
static void expect_by(const char *opened, const struct trust *trust, const char *text) {
    struct error error = {0};
    const int fd = trust_open(opened, O_RDONLY, trust, &error);
    cr_expect_eq(fd >= 0, text == NULL, "%s: %s", opened, error.text);
    cr_expect_eq(trust_check(opened, trust, &error), text == NULL || trust->is_off);
    if (text != NULL)
        cr_expect(strstr(error.text, text) != NULL, "%s", error.text);
    if (fd >= 0)
        close(fd);
}

static void expect(const char *opened, const char *text) {
    expect_by(opened, &trust_strict, text);
}

static void needs_root(void) {
    if (geteuid() != 0)
        cr_skip_test("only root can give files away");
}

Test(trust, what_only_this_user_may_write_is_opened) {
    directory("a", 0755);
    expect(file("a/f", 0644), NULL);
    expect(at("a/../a/./f"), NULL);
    expect(at("a//f"), NULL);
    cr_assert_eq(chdir(home), 0);
    expect("a/f", NULL);
    expect("/etc/passwd", NULL);
}

Test(trust, a_file_that_others_may_write_is_refused) {
    expect(file("f", 0646), "mode 0646 lets everyone write: `chmod o-w` it");
    expect(file("g", 0664), "mode 0664 lets group");
    expect_by(at("g"), &(struct trust){.group = getegid()}, NULL);
    expect_by(at("g"), &(struct trust){.group = getegid() + 1}, "mode 0664 lets group");
    expect_by(at("f"), &(struct trust){.group = getegid()}, "mode 0646 lets everyone write");
    expect_by(at("f"), &trust_any, NULL);
}

Test(trust, every_directory_on_the_way_counts) {
    directory("a", 0755);
    directory("a/b", 0755);
    directory("a/b/c", 0755);
    file("a/b/c/f", 0644);
    expect(at("a/b/c/f"), NULL);
    static const char *const parts[] = {"a", "a/b", "a/b/c"};
    for (size_t i = 0; i < 3; i++) {
        char part[160];
        snprintf(part, sizeof part, "%s: mode 0775 lets group", at(parts[i]));
        cr_assert_eq(chmod(at(parts[i]), 0775), 0);
        expect(at("a/b/c/f"), part);
        cr_assert_eq(chmod(at(parts[i]), 0757), 0);
        expect(at("a/b/c/f"), "mode 0757 lets everyone write");
        /* In a sticky one others may add, and not replace. */
        cr_assert_eq(chmod(at(parts[i]), 01777), 0);
        expect(at("a/b/c/f"), NULL);
        cr_assert_eq(chmod(at(parts[i]), 0755), 0);
    }
    /* As what is asked for itself: what others add is in it. */
    struct error error;
    cr_assert_eq(chmod(at("a/b/c"), 01777), 0);
    cr_expect_not(trust_check(at("a/b/c"), &trust_strict, &error));
    cr_expect(trust_check_way(at("a/b/c"), &trust_strict, &error));
    cr_assert_eq(chmod(at("a/b"), 0777), 0);
    cr_expect_not(trust_check_way(at("a/b/c"), &trust_strict, &error));
}

Test(trust, owners_are_root_and_this_user) {
    needs_root();
    directory("a", 0755);
    file("a/f", 0644);
    cr_assert_eq(chown(at("a/f"), SOMEBODY, 0), 0);
    expect(at("a/f"), "owned by user 12345, not by root or the user of this process (0)");
    expect_by(at("a/f"), &(struct trust){.group = 0}, NULL); /* of the trusted group */
    expect_by(at("a/f"), &(struct trust){.group = 7}, "owned by user 12345");
    cr_assert_eq(chown(at("a/f"), 0, 0), 0);
    cr_assert_eq(chown(at("a"), SOMEBODY, 0), 0);
    expect(at("a/f"), "owned by user 12345");
    expect_by(at("a/f"), &trust_any, NULL);
}

Test(trust, links_are_followed_and_looked_at) {
    needs_root();
    directory("good", 0755);
    directory("open", 0777);
    file("good/f", 0644);
    file("open/f", 0644);
    cr_assert_eq(symlink("good/f", at("to-good")), 0);
    cr_assert_eq(symlink("open/f", at("to-open")), 0);
    cr_assert_eq(symlink(at("open"), at("good/way")), 0); /* absolute */
    cr_assert_eq(symlink("../good", at("open/back")), 0);
    cr_assert_eq(symlink("round", at("round")), 0);
    expect(at("to-good"), NULL);
    expect(at("to-open"), "/open: mode 0777 lets everyone write");
    expect(at("good/way/f"), "/open: mode 0777 lets everyone write");
    expect(at("open/back/f"), "/open: mode 0777 lets everyone write");
    expect(at("round"), "Too many levels of symbolic links");
    /* Whoever owns a link in a sticky directory can turn it any time. */
    directory("sticky", 01777);
    cr_assert_eq(symlink("../good/f", at("sticky/mine")), 0);
    cr_assert_eq(symlink("../good/f", at("sticky/his")), 0);
    cr_assert_eq(lchown(at("sticky/his"), SOMEBODY, 0), 0);
    expect(at("sticky/mine"), NULL);
    expect(at("sticky/his"), "owned by user 12345");
}

Test(trust, what_is_no_file_makes_nobody_wait) {
    cr_assert_eq(mkfifo(at("fifo"), 0600), 0);
    directory("d", 0755);
    struct error error;
    cr_expect_lt(trust_open(at("fifo"), O_RDONLY, &trust_strict, &error), 0);
    cr_expect(strstr(error.text, "not a regular file") != NULL, "%s", error.text);
    cr_expect_lt(trust_open(at("fifo"), O_RDONLY, &trust_any, &error), 0);
    cr_expect_lt(trust_open("/dev/zero", O_RDONLY, &trust_any, &error), 0);
    cr_expect_lt(trust_open(at("d"), O_RDONLY, &trust_strict, &error), 0);
    const int fd = trust_open(at("d"), O_RDONLY | O_DIRECTORY, &trust_strict, &error);
    cr_expect_geq(fd, 0, "%s", error.text);
    close(fd);
    cr_expect_lt(trust_open(at("none"), O_RDONLY, &trust_strict, &error), 0);
    cr_expect_eq(errno, ENOENT);
    cr_expect_eq(error.code, ERROR_SYSTEM);
    cr_expect_lt(trust_open(at("fifo/under"), O_RDONLY, &trust_strict, &error), 0);
    cr_expect_eq(errno, ENOTDIR);
}

/* As a service does, without root. */
Test(trust, another_user_trusts_root_and_itself) {
    needs_root();
    directory("a", 0755);
    file("a/roots", 0644);
    file("a/its", 0644);
    file("a/his", 0644);
    cr_assert_eq(chown(at("a/its"), NOBODY, NOBODY), 0);
    cr_assert_eq(chown(at("a/his"), SOMEBODY, SOMEBODY), 0);
    cr_assert_eq(chmod(home, 0755), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct error error;
        int wrong = setgid(NOBODY) != 0 || setuid(NOBODY) != 0;
        wrong |= trust_check(at("a/roots"), &trust_strict, &error) ? 0 : 2;
        wrong |= trust_check(at("a/its"), &trust_strict, &error) ? 0 : 4;
        wrong |= trust_check(at("a/his"), &trust_strict, &error) ? 8 : 0;
        _exit(wrong);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
}

/* ---- private directories ---- */

static const char *const names[] = {"mark", NULL};
static struct log *the_log;

static bool make_private(const char *made, const struct trust *trust, struct error *error) {
    the_log = log_new();
    log_set_level(the_log, NULL, LOG_LEVEL_CRITICAL);
    const bool did = private_directory_make(made, names, trust, the_log, error);
    log_free(the_log);
    return did;
}

static unsigned mode_of(const char *made) {
    struct stat status;
    cr_assert_eq(stat(made, &status), 0);
    return status.st_mode & 07777;
}

static void expect_private(const char *made, const char *text) {
    struct error error = {0};
    const bool did = make_private(made, &trust_strict, &error);
    cr_expect_eq(did, text == NULL, "%s: %s", made, error.text);
    if (text == NULL)
        cr_expect_eq(mode_of(made), 0700, "%s", made);
    else
        cr_expect(strstr(error.text, text) != NULL, "%s", error.text);
}

Test(trust, a_private_directory_is_made_with_what_leads_to_it) {
    umask(0);
    expect_private(at("x/y/z"), NULL);
    cr_expect_eq(mode_of(at("x")), 0755);
    expect_private(at("x/y/z"), NULL);
}

Test(trust, one_that_is_open_is_closed_if_it_is_ours_and_refused_otherwise) {
    expect_private(directory("empty", 0777), NULL);
    directory("ours", 0775);
    file("ours/mark", 0600);
    file("ours/other", 0600);
    expect_private(at("ours"), NULL);
    directory("theirs", 0755);
    file("theirs/other", 0600);
    expect_private(at("theirs"), "contains files that are not take5's");
    cr_expect_eq(mode_of(at("theirs")), 0755);
    directory("sticky", 01777);
    file("sticky/mark", 0600);
    expect_private(at("sticky"), "must be private");
    struct error error;
    cr_expect(make_private(at("theirs"), &trust_any, &error), "%s", error.text);
    cr_expect_eq(mode_of(at("theirs")), 0755);
}

Test(trust, the_way_to_a_private_directory_and_its_owner_count) {
    directory("open", 0777);
    expect_private(at("open/state"), "/open: mode 0777 lets everyone write");
    needs_root();
    directory("his", 0700);
    cr_assert_eq(chown(at("his"), SOMEBODY, 0), 0);
    expect_private(at("his"), "owned by user 12345");
}

Test(trust, what_lies_in_a_private_directory_is_looked_at_as_well) {
    struct error error;
    cr_expect_not(private_directory_check(at("none"), &error));
    cr_expect_eq(errno, ENOENT);
    cr_expect(private_directory_check(directory("in", 0755), &error));
    cr_expect_not(private_directory_check(directory("in-open", 0775), &error));
    cr_assert_eq(symlink("in", at("link")), 0);
    cr_expect_not(private_directory_check(at("link"), &error));
    needs_root();
    cr_assert_eq(chown(at("in"), SOMEBODY, 0), 0);
    cr_expect_not(private_directory_check(at("in"), &error));
}

/* ---- the lock ---- */

/* Takes the lock in a process of its own, which lives until it is killed; `*forked` (NULL: none) is
 * a child of that. */
static pid_t hold(const char *locked, pid_t *forked) {
    int ends[2];
    pid_t told = 0;
    cr_assert_eq(pipe(ends), 0);
    const pid_t holder = fork();
    if (holder == 0) {
        struct error error;
        if (private_directory_lock(locked, &error) < 0)
            _exit(1);
        if (forked != NULL && (told = fork()) == 0)
            for (;;)
                pause();
        if (write(ends[1], &told, sizeof told) == (ssize_t)sizeof told)
            pause();
        _exit(1);
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], &told, sizeof told), (ssize_t)sizeof told);
    close(ends[0]);
    if (forked != NULL)
        *forked = told;
    return holder;
}

static void expect_lock(const char *locked) {
    struct error error;
    const int lock = private_directory_lock(locked, &error);
    cr_expect_geq(lock, 0, "%s", error.text);
    close(lock);
}

Test(trust, a_second_process_is_refused_with_the_number_of_the_first) {
    struct error error;
    char text[64];
    directory("state", 0700);
    const pid_t first = hold(at("state"), NULL);
    cr_expect_lt(private_directory_lock(at("state"), &error), 0);
    cr_expect_eq(error.code, ERROR_STATE);
    snprintf(text, sizeof text, "in use by process %d,", (int)first);
    cr_expect(strstr(error.text, text) != NULL, "%s", error.text);
    cr_assert_eq(kill(first, SIGKILL), 0);
    cr_assert_eq(waitpid(first, NULL, 0), first);
    expect_lock(at("state"));
}

/* A strategy's constructor may fork, and what it forks may stay. */
Test(trust, a_child_that_outlives_a_crash_does_not_keep_the_lock) {
    pid_t forked;
    directory("state", 0700);
    const pid_t first = hold(at("state"), &forked);
    cr_assert_eq(kill(first, SIGKILL), 0);
    cr_assert_eq(waitpid(first, NULL, 0), first);
    cr_expect_eq(kill(forked, 0), 0, "it lives");
    expect_lock(at("state"));
    cr_assert_eq(kill(forked, SIGKILL), 0);
}
