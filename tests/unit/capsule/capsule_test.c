#include "capsule/attempt.h"
#include "capsule/capsule.h"

#include "base/text.h"
#include "rerun/rerun.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CRASH                                                                                      \
    "take5 crashed\nwhat = SIGTERM\ncertain = no\ntime = 1718658929.000000001\n"                   \
    "deployment = beta\nhash = 00\ncallback = on_message\ntopic = bars\n"                          \
    "partition = 3\noffset = 16\n"                                                                 \
    "take5 crashed\nwhat = SIGSEGV\ncertain = yes\ntime = 1718658930.000000001\n"                  \
    "deployment = alpha\nhash = 01\ncallback = on_message\ntopic = bars\n"                         \
    "partition = 3\noffset = 17\nat = average (alpha.c:42)\n"

static char directory[64], crash_file[80];
static struct error error;

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static char *path_of(const char *name) {
    char *path = text_format("%s/%s", directory, name);
    cr_assert_not_null(path);
    return path;
}

static void begin(void) {
    strcpy(directory, "/tmp/take5-capsule-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(crash_file, sizeof crash_file, "%s.crash", directory);
    write_file(crash_file, CRASH);
}

static void end(void) {
    capsule_discard(directory);
    unlink(crash_file);
}

/* A whole one, of no messages. */
static void make(void) {
    struct text nothing;
    text_init(&nothing);
    cr_assert(capsule_make(directory, &error), "%s", error.text);
    cr_assert(rerun_put_ini(directory, 0, &nothing, &error), "%s", error.text);
    cr_assert(rerun_put_journal(directory, &nothing, &error), "%s", error.text);
    cr_assert(rerun_put_fatal(directory, 0, false, &error), "%s", error.text);
    cr_assert(capsule_put_crash(directory, crash_file, &error), "%s", error.text);
    const int messages = capsule_open_messages(directory, &error);
    cr_assert_geq(messages, 0, "%s", error.text);
    cr_assert_eq(write(messages, "{}\n", 3), 3);
    close(messages);
    cr_assert(capsule_seal(directory, &error), "%s", error.text);
    text_release(&nothing);
}

static void expect_refused(const char *name, const char *why) {
    struct capsule capsule;
    cr_assert_not(capsule_open(&capsule, directory, &error));
    cr_assert_not_null(strstr(error.text, name), "%s", error.text);
    cr_assert_not_null(strstr(error.text, why), "%s", error.text);
    capsule_close(&capsule);
}

TestSuite(capsule, .init = begin, .fini = end);

Test(capsule, is_of_the_first_crash_that_is_certain) {
    struct capsule capsule;
    make();
    cr_assert(capsule_open(&capsule, directory, &error), "%s", error.text);
    cr_assert_str_eq(capsule.crash.deployment, "alpha");
    cr_assert_eq(capsule.crash.offset, 17);
    cr_assert_eq(access(capsule.messages, R_OK), 0);
    capsule_close(&capsule);
}

Test(capsule, a_file_that_says_of_no_crash_is_refused) {
    struct crash_record crash;
    write_file(crash_file, "take5 crashed\nwhat = SIGSEGV\ncurrent_call = no strategy\n");
    cr_assert_not(capsule_read_crash(crash_file, &crash, &error));
    cr_assert_not_null(strstr(error.text, crash_file));
}

Test(capsule, is_this_user_s_alone) {
    struct stat status;
    cr_assert_eq(chmod(directory, 0755), 0);
    make();
    cr_assert_eq(stat(directory, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    char *path = path_of("messages.jsonl");
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    free(path);
}

Test(capsule, does_not_go_into_a_directory_that_has_something) {
    char *path = path_of("mine");
    write_file(path, "mine");
    cr_assert_not(capsule_make(directory, &error));
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert_eq(access(path, F_OK), 0);
    free(path);
}

Test(capsule, names_the_file_that_is_damaged_or_missing) {
    char *path = path_of("messages.jsonl");
    make();
    write_file(path, "{ }\n");
    expect_refused("messages.jsonl", "is damaged: its hash is ");
    cr_assert_eq(unlink(path), 0);
    expect_refused("messages.jsonl", "is missing");
    free(path);
}

Test(capsule, names_its_list_when_that_is_damaged_or_of_another_form) {
    char *path = path_of("capsule.json");
    make();
    write_file(path, "{");
    expect_refused("capsule.json", "is damaged");
    write_file(path, "{\"form\":1,\"files\":{}}");
    expect_refused("capsule.json", "it does not have messages.jsonl");
    write_file(path, "{\"form\":2,\"files\":{}}");
    expect_refused("capsule.json", "has form 2");
    cr_assert_eq(unlink(path), 0);
    expect_refused(directory, "is not a capsule");
    free(path);
}

/* ---- what counts as the same crash ---- */

static struct crash_record crash_at(int64_t offset, const char *place) {
    struct crash_record crash = {.deployment = "alpha",
                                 .what = "SIGSEGV",
                                 .callback = "on_message",
                                 .topic = "bars",
                                 .partition = 3,
                                 .offset = offset};
    snprintf(crash.at, sizeof crash.at, "%s", place);
    return crash;
}

static bool is_same(const struct crash_record *again, const struct crash_record *crash) {
    const struct attempt attempt = {
        .has_crash = true, .crash = *again, .outcome = CHILD_SIGNALLED, .code = 11};
    return attempt_is_same(&attempt, crash);
}

Test(attempt, is_the_same_at_the_same_message_and_line_alone) {
    const struct crash_record crash = crash_at(17, "average (alpha.c:42)");
    const struct crash_record at_another_line = crash_at(17, "average (alpha.c:43)");
    const struct crash_record without_lines = crash_at(17, "");
    const struct crash_record at_another_message = crash_at(18, "average (alpha.c:42)");
    struct crash_record otherwise = crash;
    strcpy(otherwise.what, "SIGABRT");
    cr_assert(is_same(&crash, &crash));
    cr_assert(is_same(&without_lines, &crash));
    cr_assert_not(is_same(&at_another_line, &crash));
    cr_assert_not(is_same(&at_another_message, &crash));
    cr_assert_not(is_same(&otherwise, &crash));
}

Test(attempt, a_hang_is_the_same_at_whichever_line) {
    struct crash_record crash = crash_at(17, "loop (alpha.c:42)");
    struct crash_record again = crash_at(17, "loop (alpha.c:43)");
    strcpy(crash.what, "hang");
    strcpy(again.what, "hang");
    cr_assert(is_same(&again, &crash));
}

Test(attempt, an_end_without_a_trace_is_the_same_as_another) {
    struct crash_record crash = crash_at(17, "");
    const struct attempt killed = {.outcome = CHILD_SIGNALLED, .code = 9};
    const struct attempt well = {.outcome = CHILD_EXITED, .code = 0};
    strcpy(crash.what, "unexplained");
    cr_assert(attempt_is_same(&killed, &crash));
    cr_assert_not(attempt_is_same(&well, &crash));
}
