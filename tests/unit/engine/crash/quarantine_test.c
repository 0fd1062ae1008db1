#include "engine/crash/quarantine.h"

#include "base/clock.h"
#include "engine/crash/crash_file.h"
#include "engine/crash/crash_text.h"

#include "failing_memory.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static struct hash file_hash;

static void open_directory(void) {
    char path[96];
    strcpy(directory, "/tmp/take5-quarantine-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/crash", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    file_hash = hash_bytes("file", 4);
}

static void close_directory(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(quarantine, .init = open_directory, .fini = close_directory);

/* An earlier process ended with the deployment in progress at that offset. */
static void end_with(const char *deployment, int32_t what, int64_t offset, int64_t pid) {
    struct call_table_trace trace = {.what = what,
                                     .is_certain = what != CALL_TABLE_UNEXPLAINED,
                                     .pid = pid,
                                     .is_named = true,
                                     .callback = CALLBACK_MESSAGE,
                                     .topic = "bars",
                                     .offset = offset};
    const struct call_table_former former = {.traces = &trace, .count = 1};
    struct error error;
    snprintf(trace.name.deployment, sizeof trace.name.deployment, "%s", deployment);
    hash_text(file_hash, trace.name.hash);
    cr_assert(crash_file_former(directory, &former, clock_wall_ns(), &error), "%s", error.text);
}

static const char *why(struct quarantine *quarantine, const char *deployment) {
    struct error error;
    cr_assert(quarantine_read(quarantine, directory, 60 * NS_PER_S, &error), "%s", error.text);
    return quarantine_why(quarantine, deployment, file_hash);
}

Test(quarantine, a_crash_is_enough) {
    struct quarantine quarantine;
    end_with("alpha", SIGSEGV, 3, 1);
    const char *text = why(&quarantine, "alpha");
    cr_assert_not_null(text);
    cr_expect_str_eq(text, "crashed (SIGSEGV in on_message at bars/0/3)");
    cr_expect_null(quarantine_why(&quarantine, "beta", file_hash));
    cr_expect_null(quarantine_why(&quarantine, "alpha", hash_bytes("other", 5)));
    quarantine_release(&quarantine);
}

Test(quarantine, the_place_in_the_source_follows) {
    const struct crash_record record = {.what = "SIGSEGV",
                                        .callback = "on_message",
                                        .topic = "bars",
                                        .offset = 3,
                                        .at = "average (alpha.c:42)"};
    char *text = crash_describe(&record);
    cr_expect_str_eq(text, "SIGSEGV in on_message at bars/0/3, in average (alpha.c:42)");
    free(text);
}

/* Adds to the one crash file. */
static void append(const char *text) {
    char command[512];
    snprintf(command, sizeof command, "printf '%%s' '%s' >>\"$(ls -d %s/crash/*.crash)\"", text,
             directory);
    cr_assert_eq(system(command), 0);
}

Test(quarantine, what_was_located_follows_its_trace_in_the_file) {
    struct quarantine quarantine;
    char lines[256];
    end_with("alpha", SIGSEGV, 3, 1);
    cr_assert_gt(crash_place_text("f (a.c:4)\nf (a.c:4)\nat = g (a.c:9)\n", lines, sizeof lines),
                 0);
    cr_expect_str_eq(lines, "at = f (a.c:4)\nstack:\n  f (a.c:4)\n  at = g (a.c:9)\n");
    append(lines);
    cr_expect_str_eq(why(&quarantine, "alpha"),
                     "crashed (SIGSEGV in on_message at bars/0/3, in f (a.c:4))");
    quarantine_release(&quarantine);
}

Test(quarantine, a_stack_outside_of_strategies_has_no_place) {
    char lines[256];
    cr_expect_gt(crash_place_text("\nmain (main.c:1)\n", lines, sizeof lines), 0);
    cr_expect_str_eq(lines, "stack:\n  main (main.c:1)\n");
    cr_expect_eq(crash_place_text("", lines, sizeof lines), 0);
    cr_expect_eq(crash_place_text("f (a.c:4)\nf\n", lines, 8), 7);
}

Test(quarantine, to_be_current_call_once_is_not_enough_and_twice_elsewhere_neither) {
    struct quarantine quarantine;
    end_with("alpha", CALL_TABLE_UNEXPLAINED, 3, 1);
    end_with("alpha", CALL_TABLE_UNEXPLAINED, 4, 2);
    cr_expect_null(why(&quarantine, "alpha"));
    quarantine_release(&quarantine);
    end_with("alpha", CALL_TABLE_UNEXPLAINED, 3, 1);
    cr_expect_not_null(why(&quarantine, "alpha"));
    quarantine_release(&quarantine);
}

Test(quarantine, what_an_operator_forgave_counts_no_longer) {
    struct quarantine quarantine;
    struct error error;
    end_with("alpha", SIGSEGV, 3, 1);
    end_with("beta", SIGSEGV, 3, 1);
    cr_assert(crash_forgive(directory, "alpha", &error), "%s", error.text);
    cr_expect_null(why(&quarantine, "alpha"));
    cr_expect_not_null(quarantine_why(&quarantine, "beta", file_hash));
    quarantine_lift(&quarantine, "beta");
    cr_expect_null(quarantine_why(&quarantine, "beta", file_hash));
    quarantine_release(&quarantine);
}

/* A restart and a crash at the first message take less than a second. */
Test(quarantine, a_crash_soon_after_it_was_forgiven_counts) {
    struct quarantine quarantine;
    struct error error;
    end_with("alpha", SIGSEGV, 3, 1);
    cr_assert(crash_forgive(directory, "alpha", &error), "%s", error.text);
    end_with("alpha", SIGSEGV, 4, 2);
    const char *text = why(&quarantine, "alpha");
    cr_assert_not_null(text);
    cr_expect_not_null(strstr(text, "bars/0/4"));
    quarantine_release(&quarantine);
}

/* What was written before times had parts of seconds. */
Test(quarantine, whole_seconds_are_read) {
    struct quarantine quarantine;
    const long long now_s = clock_wall_ns() / NS_PER_S;
    char path[128], hash[HASH_TEXT_SIZE];
    hash_text(file_hash, hash);
    snprintf(path, sizeof path, "%s/crash/1-1.crash", directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "take5 crashed\ntime = %lld\ndeployment = alpha\nhash = %s\n", now_s, hash);
    fprintf(file, "take5 crashed\ntime = %lld\ndeployment = beta\nhash = %s\n", now_s, hash);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
    snprintf(path, sizeof path, "%s/crash/forgiven", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "%lld alpha\n", now_s);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_expect_null(why(&quarantine, "alpha"));
    cr_expect_not_null(quarantine_why(&quarantine, "beta", file_hash));
    quarantine_release(&quarantine);
}

Test(quarantine, nobody_gets_out_of_it_for_lack_of_memory) {
    struct quarantine quarantine;
    struct error error;
    long nth = 0;
    end_with("alpha", SIGSEGV, 3, 1);
    end_with("beta", SIGSEGV, 3, 2);
    end_with("gamma", SIGSEGV, 3, 3);
    cr_assert(crash_forgive(directory, "gamma", &error), "%s", error.text);
    for (bool did_fail = true; did_fail; nth++) {
        memory_fail_once(nth);
        const bool did = quarantine_read(&quarantine, directory, 60 * NS_PER_S, &error);
        did_fail = memory_end();
        cr_assert(did || error.code == ERROR_MEMORY);
        cr_assert(did || did_fail);
        cr_assert_eq(quarantine.count, did ? 2 : 0, "allocation %ld", nth);
        quarantine_release(&quarantine);
    }
    cr_expect_gt(nth, 10);
}

Test(quarantine, a_machine_that_went_down_accuses_nobody) {
    struct call_table_trace trace = {.is_named = true, .callback = CALLBACK_MESSAGE};
    struct call_table_former former = {.traces = &trace, .count = 1, .is_other_boot = true};
    struct error error;
    struct crash_record *records;
    size_t count;
    strcpy(trace.name.deployment, "alpha");
    strcpy(trace.name.hash, "00");
    cr_assert(crash_file_former(directory, &former, clock_wall_ns(), &error));
    cr_assert(crash_recent(directory, 60 * NS_PER_S, &records, &count, &error));
    free(records);
    cr_expect_eq(count, 0);
}

Test(quarantine, a_value_cannot_begin_a_line) {
    struct call_table_trace trace = {.is_named = true, .callback = CALLBACK_MESSAGE};
    char text[CRASH_TEXT_SIZE];
    strcpy(trace.name.deployment, "a\nhash = 1");
    cr_assert_lt(crash_text(&trace, text, sizeof text), sizeof text);
    cr_expect_not_null(strstr(text, "deployment = a?hash = 1\n"));
    cr_expect_lt(crash_text(&trace, text, 40), 40);
    cr_expect_eq(strlen(text), 39);
}

/* A FIFO, a link and a directory in the place of crash files neither stop nor hold up a start. */
Test(quarantine, what_is_no_crash_file_is_passed_by) {
    char path[128];
    struct error error;
    struct crash_record *records;
    size_t count;
    snprintf(path, sizeof path, "%s/crash/1-1.crash", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/crash/1-2.crash", directory);
    cr_assert_eq(symlink("/dev/zero", path), 0);
    snprintf(path, sizeof path, "%s/crash/1-3.crash", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    end_with("alpha", SIGSEGV, 3, 1);
    cr_assert(crash_recent(directory, 60 * NS_PER_S, &records, &count, &error));
    free(records);
    cr_expect_eq(count, 1);
}
