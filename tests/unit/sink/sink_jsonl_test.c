#include "failing_memory.h"
#include "support.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct tally tally;
static struct log *quiet;
static char log_path[128];

static void setup(void) {
    struct error error;
    quiet = log_new();
    strcpy(log_path, scratch_path("log"));
    log_configure(quiet,
                  &(struct log_options){.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_CONSOLE,
                                        .color = LOG_COLOR_NEVER,
                                        .path = log_path},
                  &error);
}

static void teardown(void) {
    log_free(quiet);
}

TestSuite(sink_jsonl, .init = setup, .fini = teardown);

static struct sink *open_sink(const char *path, bool with_fsync) {
    struct error error;
    struct sink *sink = sink_jsonl_new(path, with_fsync, quiet, &error);
    cr_assert_not_null(sink, "%s", error.text);
    return sink;
}

static void check_file(const char *path, uint64_t from, uint64_t to) {
    char *text = file_text(path);
    check_lines(text, from, to);
    free(text);
}

/* How often the log has the words. */
static int said(const char *words) {
    char *text = file_text(log_path);
    int count = 0;
    for (const char *at = strstr(text, words); at; at = strstr(at + 1, words))
        count++;
    free(text);
    return count;
}

static void check_order(uint64_t from, uint64_t to) {
    cr_assert_eq(tally_count(&tally), to - from);
    for (uint64_t n = from; n < to; n++)
        cr_assert_eq(tally.words[n - from], n);
}

Test(sink_jsonl, writes_each_delivery_as_a_line_and_confirms_it) {
    const char *path = scratch_path("signals.jsonl");
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 3000, 10);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_order(0, 3000);
    check_file(path, 0, 3000);
    struct sink_status status = status_of(sink);
    cr_assert_str_eq(status.name, "jsonl");
    cr_assert_eq(status.confirmed, 3000u);
    cr_assert_eq(status.queued, 0u);
    cr_assert(status.is_ok);
    sink->ops->close(sink, HANG_MS);
    check_leaks();
}

Test(sink_jsonl, a_text_that_lacks_memory_is_made_later_and_nothing_is_lost) {
    const char *path = scratch_path("signals.jsonl");
    struct sink *sink = open_sink(path, false);
    struct delivery *first = typed_make(&tally, 1, 1), *second = typed_make(&tally, 2, 1);
    memory_fail_from(0);
    cr_assert(sink->ops->push(sink, first));
    cr_assert(sink->ops->push(sink, second));
    await_ok(sink, false);
    cr_assert_eq(tally_count(&tally), 0u);
    cr_assert(memory_end());
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_order(1, 3);
    char *text = file_text(path);
    cr_assert_not_null(strstr(text, "{\"id\":\"fast/bar_trends/3/1/1\""));
    cr_assert_not_null(strstr(text, "\n{\"id\":\"fast/bar_trends/3/2/1\""));
    free(text);
    delivery_release(first);
    delivery_release(second);
    sink->ops->close(sink, HANG_MS);
    check_leaks();
}

Test(sink_jsonl, sinks_share_one_text) {
    struct sink *sinks[2];
    for (size_t i = 0; i < 2; i++)
        sinks[i] = open_sink(scratch_path(i == 0 ? "one" : "two"), false);
    for (uint64_t n = 0; n < 1000; n++) {
        struct delivery *delivery = typed_make(&tally, n, 2);
        for (size_t i = 0; i < 2; i++)
            cr_assert(sinks[i]->ops->push(sinks[i], delivery));
        delivery_release(delivery);
    }
    for (size_t i = 0; i < 2; i++)
        cr_assert(sinks[i]->ops->flush(sinks[i], HANG_MS));
    cr_assert_eq(tally_count(&tally), 1000u);
    char *one = file_text(scratch_path("one")), *two = file_text(scratch_path("two"));
    cr_assert_str_eq(one, two);
    free(one);
    free(two);
    for (size_t i = 0; i < 2; i++)
        sinks[i]->ops->close(sinks[i], HANG_MS);
    check_leaks();
}

Test(sink_jsonl, syncs_when_asked) {
    const char *path = scratch_path("signals.jsonl");
    struct sink *sink = open_sink(path, true);
    push_signals(sink, &tally, 0, 100, 10);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, 100);
    sink->ops->close(sink, HANG_MS);
    check_leaks();
}

Test(sink_jsonl, close_writes_what_is_queued) {
    const char *path = scratch_path("signals.jsonl");
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 2500, 0);
    sink->ops->close(sink, HANG_MS);
    check_order(0, 2500);
    check_file(path, 0, 2500);
    check_leaks();
}

Test(sink_jsonl, appends_to_what_is_there) {
    const char *path = scratch_path("signals.jsonl");
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 10, 0);
    sink->ops->close(sink, HANG_MS);
    sink = open_sink(path, false);
    push_signals(sink, &tally, 10, 20, 0);
    sink->ops->close(sink, HANG_MS);
    check_file(path, 0, 20);
}

/* What a file ends in, and what is left of that when the sink has written behind it. */
static void check_end(const char *before, const char *after) {
    const char *path = scratch_path("signals.jsonl");
    FILE *file = fopen(path, "w");
    fputs(before, file);
    fclose(file);
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 5, 8, 0);
    sink->ops->close(sink, HANG_MS);
    char *text = file_text(path);
    cr_assert(strncmp(text, after, strlen(after)) == 0, "%s", text);
    check_lines(text + strlen(after), 5, 8);
    free(text);
}

Test(sink_jsonl, half_a_line_of_a_kill_is_cut_off) {
    check_end("{\"n\":0,\"pad\":\"\"}\n{\"n\":1,\"pa", "{\"n\":0,\"pad\":\"\"}\n");
    cr_assert_eq(said("removed its last 10 bytes"), 1);
}

Test(sink_jsonl, half_a_line_that_ends_as_a_whole_one_is_cut_off) {
    check_end("{\"n\":1,\"in\":{\"a\":1}", "");
}

Test(sink_jsonl, half_a_line_longer_than_a_piece_is_cut_off) {
    char before[20000];
    memset(before, 'x', sizeof before - 1);
    before[sizeof before - 1] = '\0';
    memcpy(before, "{}\n{\"pad\":\"}", 13);
    check_end(before, "{}\n");
}

Test(sink_jsonl, a_whole_line_without_its_break_is_ended) {
    check_end("{\"text\":\"\\\"}{\"}", "{\"text\":\"\\\"}{\"}\n");
}

Test(sink_jsonl, what_is_no_line_of_ours_is_left_and_ended) {
    check_end("somebody's notes", "somebody's notes\n");
}

Test(sink_jsonl, refuses_a_path_that_does_not_open_with_the_reason) {
    struct error error;
    cr_assert_null(sink_jsonl_new("/nowhere/at/all.jsonl", false, quiet, &error));
    cr_assert_eq(error.code, ERROR_SYSTEM);
    cr_assert(strstr(error.text, "/nowhere/at/all.jsonl") && strstr(error.text, "No such file"),
              "%s", error.text);
    check_leaks();
}

Test(sink_jsonl, reopen_puts_what_comes_after_into_the_new_file) {
    char path[128], rotated[128];
    struct error error;
    strcpy(path, scratch_path("signals.jsonl"));
    strcpy(rotated, scratch_path("signals.jsonl.1"));
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 500, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(rename(path, rotated), 0);
    cr_assert(sink->ops->reopen(sink, &error), "%s", error.text);
    push_signals(sink, &tally, 500, 900, 0);
    sink->ops->close(sink, HANG_MS);
    check_file(rotated, 0, 500);
    check_file(path, 500, 900);
    check_order(0, 900);
}

Test(sink_jsonl, reopen_that_fails_stays_with_the_old_file) {
    char directory[128], path[160], moved[128];
    struct error error;
    strcpy(directory, scratch_path("in"));
    strcpy(moved, scratch_path("out"));
    snprintf(path, sizeof path, "%s/signals.jsonl", directory);
    cr_assert_eq(mkdir(directory, 0700), 0);
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 5, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(rename(directory, moved), 0);
    cr_assert_not(sink->ops->reopen(sink, &error));
    cr_assert(strstr(error.text, "signals.jsonl"), "%s", error.text);
    push_signals(sink, &tally, 5, 9, 0);
    sink->ops->close(sink, HANG_MS);
    snprintf(path, sizeof path, "%s/signals.jsonl", moved);
    check_file(path, 0, 9);
    unlink(path);
    rmdir(moved);
}

/* A limit on the file's size stands for a full disk: it also cuts a write in the middle of a line.
 */
Test(sink_jsonl, file_at_its_limit_loses_nothing_and_keeps_the_order) {
    const char *path = scratch_path("signals.jsonl");
    struct rlimit whole, little;
    getrlimit(RLIMIT_FSIZE, &whole);
    little = whole;
    little.rlim_cur = 100 * 1000 + 37;
    signal(SIGXFSZ, SIG_IGN);
    struct sink *sink = open_sink(path, false);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    push_signals(sink, &tally, 0, 2000, 100);
    await_ok(sink, false);
    cr_expect_gt(status_of(sink).errors, 0);

    /* The fault is there: the file is at its limit, and the rest is held. */
    cr_assert(strstr(status_of(sink).detail, "File too large"), "%s", status_of(sink).detail);
    struct stat stat_;
    cr_assert_eq(stat(path, &stat_), 0);
    cr_assert_gt((rlim_t)stat_.st_size + 200, little.rlim_cur);
    char *full = file_text(path);
    cr_assert_eq(full[strlen(full) - 1], '\n', "the line that found no room was cut back");
    free(full);
    cr_assert_lt(tally_count(&tally), 2000u);
    cr_assert_not(sink->ops->flush(sink, 300));
    cr_assert_gt(status_of(sink).queued, 0u);

    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &whole), 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    await_ok(sink, true);
    sink->ops->close(sink, HANG_MS);
    check_file(path, 0, 2000);
    check_order(0, 2000);
    cr_assert_eq(said("failed"), 1);
    cr_assert_eq(said("recovered, nothing lost"), 1);
}

/* A tmpfs of this process's own, in a mount namespace that goes with it. */
static bool mount_small(const char *directory) {
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", directory, "tmpfs", 0, "size=256k") == 0;
}

Test(sink_jsonl, full_disk_holds_the_deliveries_until_there_is_space) {
    char directory[128], path[160], ballast[160];
    strcpy(directory, scratch_path("disk"));
    snprintf(path, sizeof path, "%s/signals.jsonl", directory);
    snprintf(ballast, sizeof ballast, "%s/ballast", directory);
    mkdir(directory, 0700);
    if (!mount_small(directory)) {
        rmdir(directory);
        cr_skip_test("no right to mount a file system");
    }
    int file = open(ballast, O_WRONLY | O_CREAT, 0600);
    cr_assert_eq(posix_fallocate(file, 0, 200 * 1024), 0);
    close(file);

    struct sink *sink = open_sink(path, true);
    push_signals(sink, &tally, 0, 1500, 60);
    await_ok(sink, false);
    cr_assert(strstr(status_of(sink).detail, "No space left"), "%s", status_of(sink).detail);
    struct statvfs disk;
    cr_assert_eq(statvfs(directory, &disk), 0);
    cr_assert_eq(disk.f_bfree, 0u);
    cr_assert_lt(tally_count(&tally), 1500u);

    cr_assert_eq(unlink(ballast), 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    await_ok(sink, true);
    sink->ops->close(sink, HANG_MS);
    check_file(path, 0, 1500);
    check_order(0, 1500);
    umount(directory);
    rmdir(directory);
}

Test(sink_jsonl, reopen_leads_out_of_a_full_disk) {
    char path[128], free_path[128];
    struct error error;
    strcpy(path, scratch_path("signals.jsonl"));
    strcpy(free_path, scratch_path("free.jsonl"));
    cr_assert_eq(symlink("/dev/full", path), 0);
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 50, 0);
    await_ok(sink, false);
    cr_assert_eq(tally_count(&tally), 0u);

    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink(free_path, path), 0);
    cr_assert(sink->ops->reopen(sink, &error), "%s", error.text);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    await_ok(sink, true);
    sink->ops->close(sink, HANG_MS);
    check_file(free_path, 0, 50);
    check_order(0, 50);
}

/* The line in which the old file ended is whole in the new one. */
Test(sink_jsonl, reopen_inside_a_line_begins_it_again) {
    char path[128], rotated[128];
    struct error error;
    strcpy(path, scratch_path("signals.jsonl"));
    strcpy(rotated, scratch_path("signals.jsonl.1"));
    struct rlimit whole, little;
    getrlimit(RLIMIT_FSIZE, &whole);
    little = whole;
    little.rlim_cur = 4000 + 37;
    signal(SIGXFSZ, SIG_IGN);
    struct sink *sink = open_sink(path, false);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    push_signals(sink, &tally, 0, 60, 100);
    await_ok(sink, false);
    char *old = file_text(path);
    cr_assert_lt(strlen(old), little.rlim_cur, "the limit is inside a line");
    cr_assert_eq(rename(path, rotated), 0);
    cr_assert(sink->ops->reopen(sink, &error), "%s", error.text);
    /* The new one has room for the rest. */
    cr_assert(sink->ops->flush(sink, HANG_MS));
    sink->ops->close(sink, HANG_MS);
    setrlimit(RLIMIT_FSIZE, &whole);

    uint64_t lines = 0;
    for (const char *at = old; (at = strchr(at, '\n')); at++)
        lines++;
    check_lines(old, 0, lines);
    check_file(path, lines, 60);
    check_order(0, 60);
    free(old);
}

Test(sink_jsonl, close_on_a_full_disk_ends_in_time_and_confirms_nothing) {
    const char *path = scratch_path("signals.jsonl");
    cr_assert_eq(symlink("/dev/full", path), 0);
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 50, 0);
    await_ok(sink, false);
    sink->ops->close(sink, 100);
    cr_assert_eq(tally_count(&tally), 0u);
    check_leaks();
}

/* A pipe that nobody empties: the write blocks, and no time-out ends it. */
Test(sink_jsonl, close_leaves_a_write_that_never_ends_behind) {
    const char *path = scratch_path("pipe");
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 100, 10000);
    cr_assert_not(sink->ops->flush(sink, 300));
    sink->ops->close(sink, 100);
    size_t count = tally_count(&tally);
    cr_assert_lt(count, 100u);

    /* What ends later must not be confirmed: whom it would tell may be gone. */
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    char buffer[65536];
    for (int i = 0; i < 200; i++) {
        while (read(reader, buffer, sizeof buffer) > 0)
            ;
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    close(reader);
    cr_assert_eq(tally_count(&tally), count);
}

/* ---- the path leads elsewhere ---- */

Test(sink_jsonl, a_file_that_was_removed_is_made_anew_and_said_once) {
    const char *path = scratch_path("signals.jsonl");
    struct sink *sink = open_sink(path, true);
    push_signals(sink, &tally, 0, 50, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(unlink(path), 0);
    push_signals(sink, &tally, 50, 70, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 50, 70);
    push_signals(sink, &tally, 70, 90, 0);
    sink->ops->close(sink, HANG_MS);
    check_file(path, 50, 90);
    check_order(0, 90);
    cr_assert_eq(said("removed"), 1);
    check_leaks();
}

Test(sink_jsonl, a_file_that_was_moved_keeps_its_lines_and_a_new_one_goes_on) {
    char path[128], moved[128];
    strcpy(path, scratch_path("signals.jsonl"));
    strcpy(moved, scratch_path("signals.jsonl.1"));
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 50, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(rename(path, moved), 0);
    push_signals(sink, &tally, 50, 51, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    push_signals(sink, &tally, 51, 90, 0);
    sink->ops->close(sink, HANG_MS);
    check_file(moved, 0, 51);
    check_file(path, 51, 90);
    check_order(0, 90);
}

Test(sink_jsonl, another_file_in_its_place_is_written) {
    char path[128], other[128];
    strcpy(path, scratch_path("signals.jsonl"));
    strcpy(other, scratch_path("other.jsonl"));
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 5, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    fclose(fopen(other, "w"));
    cr_assert_eq(rename(other, path), 0);
    push_signals(sink, &tally, 5, 9, 0);
    sink->ops->close(sink, HANG_MS);
    check_file(path, 5, 9);
    check_order(0, 9);
}

Test(sink_jsonl, a_directory_that_was_removed_holds_the_deliveries_until_it_is_back) {
    char directory[128], path[160];
    strcpy(directory, scratch_path("in"));
    snprintf(path, sizeof path, "%s/signals.jsonl", directory);
    cr_assert_eq(mkdir(directory, 0700), 0);
    struct sink *sink = open_sink(path, false);
    push_signals(sink, &tally, 0, 5, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
    push_signals(sink, &tally, 5, 9, 0);
    await_ok(sink, false);
    cr_assert(strstr(status_of(sink).detail, "No such file"), "%s", status_of(sink).detail);
    cr_assert_eq(tally_count(&tally), 5u, "nothing is confirmed into nothing");

    cr_assert_eq(mkdir(directory, 0700), 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    sink->ops->close(sink, HANG_MS);
    check_file(path, 5, 9);
    check_order(0, 9);
    unlink(path);
    rmdir(directory);
}

/* Who makes room by removing the file itself. */
Test(sink_jsonl, a_full_file_that_was_removed_is_begun_again) {
    const char *path = scratch_path("signals.jsonl");
    struct rlimit whole, little;
    getrlimit(RLIMIT_FSIZE, &whole);
    little = whole;
    little.rlim_cur = 3 * 1000 + 37;
    signal(SIGXFSZ, SIG_IGN);
    struct sink *sink = open_sink(path, false);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    push_signals(sink, &tally, 0, 10, 100);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    push_signals(sink, &tally, 10, 30, 100);
    await_ok(sink, false);
    size_t confirmed = tally_count(&tally);
    cr_assert_lt(confirmed, 30u);
    cr_assert_eq(unlink(path), 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    sink->ops->close(sink, HANG_MS);
    setrlimit(RLIMIT_FSIZE, &whole);
    check_file(path, confirmed, 30);
    check_order(0, 30);
}

struct pusher {
    struct sink *sink;
    uint64_t from, to;
};

static void *push_run(void *argument) {
    struct pusher *pusher = argument;
    push_signals(pusher->sink, &tally, pusher->from, pusher->to, 0);
    return NULL;
}

Test(sink_jsonl, many_lanes_push_while_files_are_reopened) {
    const char *path = scratch_path("signals.jsonl");
    struct error error;
    struct sink *sink = open_sink(path, false);
    struct pusher pushers[4];
    pthread_t threads[4];
    for (uint64_t i = 0; i < 4; i++) {
        pushers[i] = (struct pusher){sink, i * 1000, i * 1000 + 1000};
        pthread_create(&threads[i], NULL, push_run, &pushers[i]);
    }
    for (int i = 0; i < 50; i++)
        cr_assert(sink->ops->reopen(sink, &error), "%s", error.text);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    sink->ops->close(sink, HANG_MS);
    cr_assert_eq(tally_count(&tally), 4000u);

    /* Each lane's are in its order. */
    uint64_t next[4] = {0, 1000, 2000, 3000};
    char *text = file_text(path);
    size_t lines = 0;
    for (char *at = text; *at; at = strchr(at, '\n') + 1, lines++) {
        uint64_t n = strtoull(at + 5, NULL, 10);
        cr_assert_eq(n, next[n / 1000]++);
    }
    cr_assert_eq(lines, 4000u);
    free(text);
}
