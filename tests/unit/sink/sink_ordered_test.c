#include "sink/sink_ordered.h"
#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tally tally;
static _Atomic uint64_t done_below;

static uint64_t done(void *context) {
    (void)context;
    return atomic_load(&done_below);
}

static struct sink *open_sink(int file) {
    struct error error;
    const struct sink_ordered_options options = {.file = file, .done = done};
    struct sink *sink = sink_ordered_new(&options, &error);
    cr_assert_not_null(sink, "%s", error.text);
    return sink;
}

static int open_file(const char *path) {
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert_geq(file, 0);
    return file;
}

static void check_file(const char *path, uint64_t from, uint64_t to) {
    char *text = file_text(path);
    check_lines(text, from, to);
    free(text);
}

Test(sink_ordered, lines_come_in_the_order_of_their_places) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    struct sink *sink = open_sink(file);
    /* Two lanes, one far ahead of the other. */
    for (uint64_t i = 1; i < 2000; i += 2)
        push(sink, signal_make(&tally, i, 0));
    for (uint64_t i = 0; i < 2000; i += 2)
        push(sink, signal_make(&tally, i, 0));
    cr_assert_eq(tally_count(&tally), 0u, "nothing is known to be complete");
    atomic_store(&done_below, 2000);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, 2000);
    cr_assert_eq(sink_ordered_lines(sink), 2000u);
    for (size_t i = 0; i < 2000; i++)
        cr_assert_eq(tally.words[i], i);
    sink->ops->close(sink, HANG_MS);
    close(file);
    check_leaks();
}

Test(sink_ordered, what_may_still_get_a_forerunner_is_kept) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    struct sink *sink = open_sink(file);
    push_signals(sink, &tally, 0, 10, 0);
    atomic_store(&done_below, 5);
    while (tally_count(&tally) < 5)
        usleep(100);
    cr_assert_not(sink->ops->flush(sink, 20), "five wait");
    const struct sink_status status = status_of(sink);
    cr_assert(status.is_ok);
    cr_assert_eq(status.queued, 5u);
    cr_assert_eq(status.confirmed, 5u);
    check_file(path, 0, 5);
    atomic_store(&done_below, 10);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, 10);
    sink->ops->close(sink, HANG_MS);
    close(file);
}

static struct sink *open_replacing(int file, const char *old) {
    struct error error;
    const struct sink_ordered_options options = {.file = file, .does_replace = true, .done = done};
    cr_assert_eq(pwrite(file, old, strlen(old), 0), (ssize_t)strlen(old));
    struct sink *sink = sink_ordered_new(&options, &error);
    cr_assert_not_null(sink, "%s", error.text);
    return sink;
}

static void check_text(const char *path, const char *expected) {
    char *text = file_text(path);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(sink_ordered, what_was_in_the_file_goes_with_the_first_line) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    char old[4096];
    memset(old, 'o', sizeof old);
    old[sizeof old - 1] = '\0';
    struct sink *sink = open_replacing(file, old);
    push_signals(sink, &tally, 0, 10, 0);
    cr_assert_not(sink->ops->flush(sink, 20));
    check_text(path, old);
    atomic_store(&done_below, 5);
    while (tally_count(&tally) < 5)
        usleep(100);
    check_file(path, 0, 5);
    cr_assert_eq(sink_ordered_empty(sink), 0);
    atomic_store(&done_below, 10);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, 10);
    sink->ops->close(sink, HANG_MS);
    close(file);
    check_leaks();
}

Test(sink_ordered, without_a_line_it_goes_when_that_is_the_result) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    struct sink *sink = open_replacing(file, "old\n");
    push_signals(sink, &tally, 0, 10, 0);
    atomic_store(&done_below, 10);
    sink_ordered_end(sink, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_text(path, "old\n");
    cr_assert_eq(sink_ordered_empty(sink), 0);
    check_text(path, "");
    sink->ops->close(sink, HANG_MS);
    close(file);
    check_leaks();
}

Test(sink_ordered, signals_of_one_message_keep_their_order) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    struct sink *sink = open_sink(file);
    struct tally ignored = {0};
    pthread_mutex_init(&ignored.mutex, NULL);
    for (uint64_t i = 0; i < 100; i++) {
        struct delivery *delivery = signal_make(&ignored, i, 0);
        delivery->owner_word = 7;
        push(sink, delivery);
    }
    atomic_store(&done_below, 8);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, 100);
    sink->ops->close(sink, HANG_MS);
    close(file);
}

/* More disorder than lanes make: each comes before all that came before it. */
Test(sink_ordered, places_that_only_fall_come_in_order_too) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    struct sink *sink = open_sink(file);
    for (uint64_t i = 300; i > 0; i--)
        push(sink, signal_make(&tally, i - 1, 0));
    atomic_store(&done_below, 300);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, 300);
    sink->ops->close(sink, HANG_MS);
    close(file);
    check_leaks();
}

Test(sink_ordered, beyond_the_end_nothing_is_written) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    struct sink *sink = open_sink(file);
    push_signals(sink, &tally, 0, 10, 0);
    sink_ordered_end(sink, 4);
    sink_ordered_end(sink, 8); /* it may only come nearer */
    push_signals(sink, &tally, 10, 20, 0);
    cr_assert_not(sink->ops->flush(sink, 20), "what lies before the end is waited for");
    atomic_store(&done_below, 20);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, 4);
    cr_assert_eq(sink_ordered_lines(sink), 4u);
    cr_assert_eq(tally_count(&tally), 20u, "what lies behind is confirmed, and holds nobody up");
    sink->ops->close(sink, HANG_MS);
    close(file);
    check_leaks();
}

Test(sink_ordered, a_failed_write_ends_it_and_holds_nobody_up) {
    struct error error = {0};
    int errnum = 0;
    const int file = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cr_assert_geq(file, 0);
    struct sink *sink = open_sink(file);
    cr_assert(sink_ordered_is_ok(sink, NULL, &error));
    atomic_store(&done_below, UINT64_MAX);
    push_signals(sink, &tally, 0, 10, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_not(sink_ordered_is_ok(sink, &errnum, &error));
    cr_assert_eq(errnum, ENOSPC);
    cr_assert_not_null(strstr(error.text, "No space"));
    push_signals(sink, &tally, 10, 20, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(sink_ordered_lines(sink), 0u);
    const struct sink_status status = status_of(sink);
    cr_assert_not(status.is_ok);
    cr_assert_not_null(strstr(status.detail, "No space"));
    sink->ops->close(sink, HANG_MS);
    close(file);
}

Test(sink_ordered, closed_too_early_it_leaves_the_rest_unconfirmed) {
    const char *path = scratch_path("out");
    const int file = open_file(path);
    struct sink *sink = open_sink(file);
    push_signals(sink, &tally, 0, 10, 0);
    atomic_store(&done_below, 3);
    sink->ops->close(sink, 50);
    cr_assert_eq(tally_count(&tally), 3u);
    check_file(path, 0, 3);
    close(file);
    check_leaks();
}

#define PUSHERS 4
#define EACH    3000

struct pusher {
    struct sink *sink;
    uint64_t index;
    _Atomic uint64_t pushed;
    pthread_t thread;
};
static struct pusher pushers[PUSHERS];

/* The lowest place that some pusher has not come to. */
static uint64_t done_by_pushers(void *context) {
    uint64_t lowest = UINT64_MAX;
    (void)context;
    for (uint64_t i = 0; i < PUSHERS; i++) {
        const uint64_t next = atomic_load(&pushers[i].pushed) * PUSHERS + i;
        if (next < lowest)
            lowest = next;
    }
    return lowest;
}

static void *push_all(void *argument) {
    struct pusher *pusher = argument;
    static struct tally ignored;
    for (uint64_t i = 0; i < EACH; i++) {
        struct delivery *delivery = signal_make(&ignored, i * PUSHERS + pusher->index, 0);
        delivery->done = NULL;
        push(pusher->sink, delivery);
        atomic_store(&pusher->pushed, i + 1);
    }
    return NULL;
}

Test(sink_ordered, lanes_at_once_give_one_order) {
    struct error error;
    const char *path = scratch_path("out");
    const int file = open_file(path);
    const struct sink_ordered_options options = {.file = file, .done = done_by_pushers};
    struct sink *sink = sink_ordered_new(&options, &error);
    cr_assert_not_null(sink);
    for (uint64_t i = 0; i < PUSHERS; i++) {
        pushers[i].sink = sink;
        pushers[i].index = i;
        pthread_create(&pushers[i].thread, NULL, push_all, &pushers[i]);
    }
    for (uint64_t i = 0; i < PUSHERS; i++)
        pthread_join(pushers[i].thread, NULL);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    check_file(path, 0, PUSHERS * EACH);
    sink->ops->close(sink, HANG_MS);
    close(file);
}
