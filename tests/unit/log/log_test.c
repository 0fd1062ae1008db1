#include "log/log.h"

#include "log/log_writer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char directory[] = "/tmp/take5-log-XXXXXX";
static char path[64];
static struct log *log_;
static struct error error;

static void configure(enum log_level level, enum log_format format, enum log_color color) {
    struct log_options options = {.level = level, .format = format, .color = color, .path = path};
    cr_assert(log_configure(log_, &options, &error), "%s", error.text);
}

static void begin(void) {
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/log", directory);
    log_ = log_new();
    configure(LOG_LEVEL_INFO, LOG_FORMAT_JOURNALD, LOG_COLOR_NEVER);
}

static void end(void) {
    log_free(log_);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(log, .init = begin, .fini = end);

/* Generous: only a hang takes so long. */
#define HANG_NS (60 * NS_PER_S)

static void start(void) {
    cr_assert(log_start(log_, &error), "%s", error.text);
}

static void flush(void) {
    cr_assert(log_flush(log_, HANG_NS));
}

/* What the file holds; static. */
static const char *content_of(const char *file) {
    static char content[1 << 20];
    FILE *stream = fopen(file, "r");
    cr_assert_not_null(stream);
    content[fread(content, 1, sizeof content - 1, stream)] = '\0';
    fclose(stream);
    return content;
}

static const char *content(void) {
    return content_of(path);
}

Test(log, levels_have_names_both_ways) {
    const char *const written[] = {"debug", "INFO", "Warning", "ERROR", "critical"};
    const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
    for (int i = 0; i < 5; i++) {
        enum log_level level = 0;
        cr_assert(log_parse_level(written[i], &level));
        cr_assert_eq(level, LOG_LEVEL_DEBUG + i);
        cr_assert_str_eq(log_level_name(level), names[i]);
    }
    enum log_level level = 0;
    cr_assert(log_parse_level("warn", &level));
    cr_assert_eq(level, LOG_LEVEL_WARNING);
    cr_assert_not(log_parse_level("LOUD", &level));
    cr_assert_not(log_parse_level("", &level));
}

Test(log, a_level_below_is_not_written) {
    log_debug(log_, "engine", "hidden");
    log_info(log_, "engine", "shown %d", 1);
    cr_assert_str_eq(content(), "<6>engine: shown 1\n");
}

Test(log, levels_go_by_room) {
    cr_assert(log_set_level(log_, "kafka", LOG_LEVEL_DEBUG));
    cr_assert(log_set_level(log_, "engine", LOG_LEVEL_ERROR));
    cr_assert_not(log_set_level(log_, "cellar", LOG_LEVEL_DEBUG));
    log_debug(log_, "kafka", "k");
    log_warning(log_, "engine", "e");
    log_debug(log_, "sink", "s");
    cr_assert_str_eq(content(), "<7>kafka: k\n");
    cr_assert(log_is_on(log_, "kafka", LOG_LEVEL_DEBUG));
    cr_assert_not(log_is_on(log_, "engine", LOG_LEVEL_WARNING));
    cr_assert(log_set_level(log_, NULL, LOG_LEVEL_WARNING));
    cr_assert_not(log_is_on(log_, "kafka", LOG_LEVEL_INFO));
    cr_assert(log_is_on(log_, "engine", LOG_LEVEL_WARNING));
}

Test(log, repeats_are_counted_and_said_at_the_end) {
    for (int i = 0; i < 500; i++)
        log_warning(log_, "kafka", "connection refused");
    log_info(log_, "engine", "between");
    log_free(log_);
    cr_assert_str_eq(content(), "<4>kafka: connection refused\n<6>engine: between\n"
                                "<4>kafka: connection refused ... repeated 499 more times\n");
    log_ = log_new();
}

Test(log, debug_lines_are_never_counted) {
    log_set_level(log_, NULL, LOG_LEVEL_DEBUG);
    for (int i = 0; i < 3; i++)
        log_debug(log_, "kafka", "step");
    cr_assert_str_eq(content(), "<7>kafka: step\n<7>kafka: step\n<7>kafka: step\n");
}

Test(log, strategies_are_named_and_their_text_needs_no_nul) {
    const char text[4] = {'b', '\n', 'u', 'y'};
    log_strategy(log_, LOG_LEVEL_INFO, "momentum", text, sizeof text);
    log_strategy(log_, LOG_LEVEL_DEBUG, "momentum", "hidden", 6);
    log_strategy(log_, LOG_LEVEL_ERROR, "trend", NULL, 0);
    cr_assert_str_eq(content(), "<6>strategy: momentum: b\\nuy\n<3>strategy: trend: \n");
}

Test(log, a_long_line_is_whole_and_an_endless_one_cut) {
    size_t size = 100000;
    char *text = malloc(size + 1);
    memset(text, 'z', size);
    text[size] = '\0';
    log_info(log_, "engine", "%.*s!", 5000, text);
    const char *got = content();
    cr_assert_eq(strlen(got), strlen("<6>engine: ") + 5000 + 2);
    cr_assert_str_eq(got + strlen(got) - 2, "!\n");

    log_info(log_, "engine", "%s", text);
    log_strategy(log_, LOG_LEVEL_INFO, "s", text, size);
    got = content();
    cr_assert_lt(strlen(got), 2 * 16384 + 5100);
    const char *note = strstr(got, " bytes cut)\n");
    cr_assert_not_null(note);
    cr_assert_not_null(strstr(note + 1, " bytes cut)\n"), "that of the strategy too");
    int cut_bytes = 0;
    cr_assert_eq(sscanf(strstr(got, " ... ("), " ... (%d bytes cut)", &cut_bytes), 1);
    cr_assert_eq((size_t)cut_bytes + strspn(strchr(got, '\n') + 1 + strlen("<6>engine: "), "z"),
                 size);
    free(text);
}

Test(log, cutting_keeps_characters_whole) {
    size_t count = 10000;
    char *text = malloc(count * 3 + 2);
    for (int shift = 0; shift < 2; shift++) {
        size_t size = 0;
        for (int i = 0; i < shift; i++)
            text[size++] = 'x';
        for (size_t i = 0; i < count; i++, size += 3)
            memcpy(text + size, "\xE2\x82\xAC", 3);
        log_strategy(log_, LOG_LEVEL_INFO, "s", text, size);
    }
    cr_assert_null(strstr(content(), "\\x"), "no half character that had to be made visible");
    free(text);
}

Test(log, reopen_goes_on_in_a_new_file_of_the_same_name) {
    char rotated[80];
    snprintf(rotated, sizeof rotated, "%s.1", path);
    log_info(log_, "engine", "one");
    cr_assert_eq(rename(path, rotated), 0);
    log_info(log_, "engine", "two");
    cr_assert(log_reopen(log_, &error));
    log_info(log_, "engine", "three");
    cr_assert_str_eq(content_of(rotated), "<6>engine: one\n<6>engine: two\n");
    cr_assert_str_eq(content(), "<6>engine: three\n");
}

Test(log, a_failed_reopen_keeps_the_old_file) {
    char moved[64];
    snprintf(moved, sizeof moved, "%s.moved", directory);
    cr_assert_eq(rename(directory, moved), 0);
    cr_assert_not(log_reopen(log_, &error));
    cr_assert_not_null(strstr(error.text, path));
    cr_assert_not_null(strstr(error.text, "No such file or directory"));
    log_info(log_, "engine", "still here");
    cr_assert_eq(rename(moved, directory), 0);
    cr_assert_str_eq(content(), "<6>engine: still here\n");
}

Test(log, a_failed_configure_changes_nothing) {
    struct log_options options = {.level = LOG_LEVEL_DEBUG,
                                  .format = LOG_FORMAT_JSON,
                                  .color = LOG_COLOR_ALWAYS,
                                  .path = "/nonexistent/dir/log"};
    cr_assert_not(log_configure(log_, &options, &error));
    cr_assert_eq(error.code, ERROR_SYSTEM);
    cr_assert_not_null(strstr(error.text, "/nonexistent/dir/log"));
    log_debug(log_, "engine", "hidden");
    log_info(log_, "engine", "as before");
    cr_assert_str_eq(content(), "<6>engine: as before\n");
}

Test(log, appends_to_what_is_there_and_others_cannot_read_it) {
    log_info(log_, "engine", "first life");
    log_free(log_);
    log_ = log_new();
    configure(LOG_LEVEL_INFO, LOG_FORMAT_JOURNALD, LOG_COLOR_NEVER);
    log_info(log_, "engine", "second life");
    cr_assert_str_eq(content(), "<6>engine: first life\n<6>engine: second life\n");
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 07, 0);
}

Test(log, color_only_where_it_belongs) {
    configure(LOG_LEVEL_INFO, LOG_FORMAT_CONSOLE, LOG_COLOR_AUTO);
    cr_assert_not(log_has_color(log_), "a file is no terminal");
    configure(LOG_LEVEL_INFO, LOG_FORMAT_CONSOLE, LOG_COLOR_ALWAYS);
    cr_assert(log_has_color(log_));
    configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON, LOG_COLOR_ALWAYS);
    cr_assert_not(log_has_color(log_));
    configure(LOG_LEVEL_INFO, LOG_FORMAT_CONSOLE, LOG_COLOR_NEVER);
    cr_assert_not(log_has_color(log_));
}

Test(log, automatic_color_on_a_terminal) {
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0)
        cr_skip_test("no pseudo terminals here");
    char name[64];
    cr_assert_eq(ptsname_r(terminal, name, sizeof name), 0);
    struct log_options options = {.level = LOG_LEVEL_INFO,
                                  .format = LOG_FORMAT_CONSOLE,
                                  .color = LOG_COLOR_AUTO,
                                  .path = name};
    cr_assert(log_configure(log_, &options, &error), "%s", error.text);
    cr_assert(log_has_color(log_));
    close(terminal);
}

enum { THREADS = 4, LINES = 2000 };

static void *write_lines(void *argument) {
    int thread = *(int *)argument;
    for (int i = 0; i < LINES; i++) {
        log_info(log_, "engine", "thread %d line %d", thread, i);
        log_warning(log_, "sink", "shared");
    }
    return NULL;
}

static void check_many_threads(void) {
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        cr_assert(log_reopen(log_, &error));
        log_set_level(log_, "kafka", LOG_LEVEL_DEBUG);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_free(log_);
    log_ = log_new();

    int next[THREADS] = {0};
    long shared = 0;
    char *text = (char *)content();
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        int thread, number;
        long times;
        if (sscanf(line, "<6>engine: thread %d line %d", &thread, &number) == 2)
            cr_assert_eq(number, next[thread]++);
        else if (sscanf(line, "<4>sink: shared ... repeated %ld more time", &times) == 1)
            shared += times;
        else if (strcmp(line, "<4>sink: shared") == 0)
            shared++;
        else
            cr_assert_fail("torn line: %s", line);
    }
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(next[i], LINES);
    cr_assert_eq(shared, THREADS * LINES);
}

Test(log, lines_of_many_threads_stay_whole) {
    check_many_threads();
}

Test(log, lines_of_many_threads_stay_whole_with_a_thread_of_its_own) {
    start();
    check_many_threads();
}

Test(log, every_line_is_one_write) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_DIRECT | O_NONBLOCK), 0); /* packets: a read gives one write */
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    struct log_options options = {.level = LOG_LEVEL_INFO,
                                  .format = LOG_FORMAT_CONSOLE,
                                  .color = LOG_COLOR_ALWAYS,
                                  .path = name};
    cr_assert(log_configure(log_, &options, &error), "%s", error.text);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    options.path = NULL;
    cr_assert(log_configure(log_, &options, &error));
    log_info(log_, "engine", "one");
    log_error(log_, "engine", "two");
    char packet[4096];
    ssize_t size = read(ends[0], packet, sizeof packet);
    cr_assert_gt(size, 0);
    cr_assert_not_null(memmem(packet, (size_t)size, "one\n", 4));
    cr_assert_null(memmem(packet, (size_t)size, "two", 3));
    size = read(ends[0], packet, sizeof packet);
    cr_assert_gt(size, 0);
    cr_assert_not_null(memmem(packet, (size_t)size, "two\n", 4));
}

/* ---- changes of state ---- */

Test(log, a_change_of_state_is_never_folded_nor_overtaken) {
    log_change(log_, LOG_LEVEL_INFO, "kafka", "assigned");
    log_warning(log_, "kafka", "refused");
    log_warning(log_, "kafka", "refused");
    log_change(log_, LOG_LEVEL_INFO, "kafka", "assigned");
    log_change(log_, LOG_LEVEL_DEBUG, "kafka", "hidden");
    cr_assert_str_eq(content(), "<6>kafka: assigned\n<4>kafka: refused\n"
                                "<4>kafka: refused ... repeated 1 more time\n<6>kafka: assigned\n");
}

Test(log, an_event_is_named_in_every_form) {
    log_change_event(log_, LOG_LEVEL_WARNING, "engine", "lane.paused", "lane %d is paused", 2);
    cr_assert_str_eq(content(), "<4>engine: lane 2 is paused event=lane.paused\n");
    configure(LOG_LEVEL_INFO, LOG_FORMAT_CONSOLE, LOG_COLOR_NEVER);
    log_change_event(log_, LOG_LEVEL_WARNING, "engine", "lane.paused", "one");
    cr_assert_not_null(strstr(content(), " WARNING  engine   one event=lane.paused\n"));
    configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON, LOG_COLOR_NEVER);
    log_change_event(log_, LOG_LEVEL_WARNING, "engine", "lane.paused", "two");
    cr_assert_not_null(strstr(content(), "\"text\":\"two\",\"event\":\"lane.paused\"}\n"));
}

Test(log, an_event_that_repeats_is_counted_under_its_name) {
    for (int i = 0; i < 3; i++)
        log_event(log_, LOG_LEVEL_WARNING, "kafka", "broker.refused", "refused");
    log_warning(log_, "kafka", "refused");
    log_event(log_, LOG_LEVEL_DEBUG, "kafka", "broker.refused", "hidden");
    log_free(log_);
    cr_assert_str_eq(content(),
                     "<4>kafka: refused event=broker.refused\n<4>kafka: refused\n"
                     "<4>kafka: refused ... repeated 2 more times event=broker.refused\n");
    log_ = log_new();
}

Test(log, a_reopen_does_not_wait_for_the_reader_of_a_fifo) {
    char moved[80];
    snprintf(moved, sizeof moved, "%s/moved.log", directory);
    struct log_options options = {.level = LOG_LEVEL_INFO,
                                  .format = LOG_FORMAT_JOURNALD,
                                  .color = LOG_COLOR_NEVER,
                                  .path = moved};
    cr_assert(log_configure(log_, &options, &error), "%s", error.text);
    cr_assert_eq(unlink(moved), 0);
    cr_assert_eq(mkfifo(moved, 0600), 0);
    cr_assert_not(log_reopen(log_, &error));
    cr_assert_not_null(strstr(error.text, moved), "%s", error.text);
    cr_assert_not(log_configure(log_, &options, &error));
    cr_assert_eq(unlink(moved), 0);
}

/* ---- a thread of its own ---- */

/* A FIFO that the log writes to and that nobody reads, full to its end. Gives the reader. */
static int block(char fifo[80]) {
    snprintf(fifo, 80, "%s/fifo", directory);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    const int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    struct log_options options = {.level = LOG_LEVEL_INFO,
                                  .format = LOG_FORMAT_JOURNALD,
                                  .color = LOG_COLOR_NEVER,
                                  .path = fifo};
    cr_assert(log_configure(log_, &options, &error), "%s", error.text);
    start();
    char page[4096];
    memset(page, '\n', sizeof page);
    const int filler = open(fifo, O_WRONLY | O_NONBLOCK);
    while (write(filler, page, sizeof page) > 0)
        ;
    close(filler);
    return reader;
}

static void await_blocked(void) {
    struct log_status status = {0};
    while (status.blocked_ns == 0) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        log_status(log_, &status);
    }
}

/* All lines until the one that says `last`; free(). */
static char *read_until(int reader, const char *last) {
    size_t size = 0;
    char *text = malloc(8 << 20);
    for (text[0] = '\0'; strstr(text, last) == NULL;) {
        const ssize_t got = read(reader, text + size, 65536);
        if (got > 0)
            size += (size_t)got;
        else
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        text[size] = '\0';
    }
    return text;
}

Test(log, nobody_waits_for_a_full_pipe_and_what_is_missing_is_counted) {
    enum { MANY = 40000 }; /* more than the queue has room for */
    char fifo[80];
    const int reader = block(fifo);
    for (int i = 0; i < MANY; i++)
        log_info(log_, "engine", "line %d of a length that makes the queue run over", i);
    await_blocked();
    struct log_status status;
    log_status(log_, &status);
    cr_assert_gt(status.dropped, 0u);
    cr_assert_not(log_flush(log_, NS_PER_MS), "nothing can be written");

    char *text = read_until(reader, "log lines are missing");
    int next = 0, missing = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        int number;
        if (sscanf(line, "<6>engine: line %d of", &number) == 1)
            cr_assert_eq(number, next++, "in order, without a hole that is not told of");
        else
            cr_assert_eq(sscanf(line, "<4>ops: %d log lines are missing", &missing), 1, "%s", line);
    }
    cr_assert_eq(next + missing, MANY);
    free(text);
    log_info(log_, "engine", "after");
    free(read_until(reader, "after"));
    close(reader);
}

Test(log, it_is_crowded_from_a_half_on_unless_it_is_stuck) {
    char fifo[80];
    const int reader = block(fifo);
    struct log_status status = {0};
    cr_expect_not(log_is_crowded(log_));
    for (int i = 0; i < 40000; i++) /* more than it has room for */
        log_info(log_, "engine", "line %d of a length that makes the queue run over", i);
    await_blocked();
    const bool is_crowded = log_is_crowded(log_);
    log_status(log_, &status);
    if (status.blocked_ns < NS_PER_S) /* it was not yet stuck then */
        cr_expect(is_crowded);
    while (status.blocked_ns < NS_PER_S)
        log_status(log_, &status);
    cr_expect_not(log_is_crowded(log_), "it is stuck");
    free(read_until(reader, "log lines are missing"));
    cr_expect_not(log_is_crowded(log_));
    close(reader);
}

Test(log, ends_though_a_pipe_takes_nothing) {
    char fifo[80];
    const int reader = block(fifo);
    log_info(log_, "engine", "to nobody");
    await_blocked();
    static struct log *left; /* its writer may still need it, so it is not freed: no leak */
    left = log_;
    log_free(left);
    log_ = log_new();
    close(reader);
}

Test(log, a_handler_waits_for_what_was_said_but_not_for_ever) {
    char fifo[80];
    const int reader = block(fifo);
    log_info(log_, "engine", "to nobody");
    log_settle(log_, NS_PER_MS);
    log_settle(NULL, HANG_NS);
    configure(LOG_LEVEL_INFO, LOG_FORMAT_JOURNALD, LOG_COLOR_NEVER);
    log_settle(log_, HANG_NS);
    cr_assert_not_null(strstr(content(), "to nobody"));
    close(reader);
}

Test(log, a_line_that_is_stuck_goes_where_the_log_goes_next) {
    char fifo[80];
    const int reader = block(fifo);
    log_info(log_, "engine", "stuck");
    await_blocked();
    log_info(log_, "engine", "behind it");
    configure(LOG_LEVEL_INFO, LOG_FORMAT_JOURNALD, LOG_COLOR_NEVER);
    flush();
    cr_assert_str_eq(content(), "<6>engine: stuck\n<6>engine: behind it\n");
    close(reader);
}

static void note_turn(void *context) {
    atomic_fetch_add((atomic_int *)context, 1);
}

Test(log, the_writer_has_what_is_due_said_though_nobody_logs) {
    atomic_int turns = 0;
    const struct log_writer_options options = {.turn = note_turn, .context = &turns};
    struct log_writer *writer = log_writer_new(&options, STDERR_FILENO, NULL, &error);
    cr_assert_not_null(writer, "%s", error.text);
    while (atomic_load(&turns) == 0)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    cr_assert(log_writer_free(writer, HANG_NS));
}

Test(log, a_file_that_was_removed_is_made_anew_and_said_once) {
    start();
    log_info(log_, "engine", "one");
    flush();
    cr_assert_eq(unlink(path), 0);
    log_info(log_, "engine", "two");
    flush();
    log_info(log_, "engine", "three");
    flush();
    cr_assert_str_eq(content(), "<4>ops: the log file was moved or removed: recreated\n"
                                "<6>engine: two\n<6>engine: three\n");
}

Test(log, a_file_that_cannot_be_made_anew_leaves_the_old_one_in_use) {
    char moved[64];
    snprintf(moved, sizeof moved, "%s.moved", directory);
    start();
    cr_assert_eq(rename(directory, moved), 0);
    log_info(log_, "engine", "one");
    flush();
    cr_assert_eq(rename(moved, directory), 0);
    log_info(log_, "engine", "two");
    flush();
    cr_assert_str_eq(content(), "<6>engine: one\n<6>engine: two\n");
}

/* A limit on the file's size stands for a full disk: it also cuts a write inside a line. */
Test(log, a_full_disk_leaves_whole_lines_and_is_told_of_afterwards) {
    struct rlimit whole, little;
    getrlimit(RLIMIT_FSIZE, &whole);
    little = whole;
    little.rlim_cur = 1000 + 37;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    start();
    for (int i = 0; i < 100; i++)
        log_info(log_, "engine", "line %d", i);
    flush();
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_gt(status.st_size, 900);
    const char *full = content();
    cr_assert_eq(full[strlen(full) - 1], '\n', "no half line");
    struct log_status lost;
    log_status(log_, &lost);
    cr_assert_gt(lost.dropped, 0u);

    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &whole), 0);
    log_info(log_, "engine", "again");
    while (strstr(content(), "log lines are missing") == NULL)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    int missing;
    cr_assert_eq(sscanf(strstr(content(), "<4>ops: "), "<4>ops: %d log", &missing), 1);
    cr_assert_eq((uint64_t)missing, lost.dropped);
}

Test(log, lines_are_counted_by_level_with_their_repeats) {
    struct log_status status;
    for (int i = 0; i < 3; i++)
        log_warning(log_, "engine", "the same");
    log_error(log_, "engine", "another");
    log_debug(log_, "engine", "below the level");
    log_strategy(log_, LOG_LEVEL_INFO, "alpha", "x", 1);
    log_status(log_, &status);
    cr_expect_eq(status.lines[LOG_LEVEL_DEBUG - LOG_LEVEL_DEBUG], 0);
    cr_expect_eq(status.lines[LOG_LEVEL_INFO - LOG_LEVEL_DEBUG], 1);
    cr_expect_eq(status.lines[LOG_LEVEL_WARNING - LOG_LEVEL_DEBUG], 3);
    cr_expect_eq(status.lines[LOG_LEVEL_ERROR - LOG_LEVEL_DEBUG], 1);
}
