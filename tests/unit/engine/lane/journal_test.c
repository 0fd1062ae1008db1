#include "engine/lane/journal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[] = "/tmp/take5-journal-XXXXXX";
static struct config_topic topics[] = {{.role = "bar_trends", .name = "bars"},
                                       {.role = "asset_trends", .name = "assets"}};
static struct config config = {.topics = topics, .topic_count = 2};
static struct topics *known;
static struct log *quiet;

static void setup(void) {
    const int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
    quiet = log_new();
    known = topics_new(&config);
    cr_assert_not_null(known);
    log_set_level(quiet, NULL, LOG_LEVEL_CRITICAL);
}

static void teardown(void) {
    unlink(path);
    log_free(quiet);
    free(known);
}

TestSuite(journal, .init = setup, .fini = teardown);

static struct journal *open_journal(void) {
    struct error error;
    struct journal *journal = journal_new(path, known, quiet, &error);
    cr_assert_not_null(journal, "%s", error.text);
    return journal;
}

static void note(struct journal_writer *writer, uint32_t topic, int32_t partition, int64_t offset) {
    const struct record record = {.topic = topic, .partition = partition, .offset = offset};
    journal_note(writer, &record);
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void expect_file(const char *text) {
    char content[4096] = "";
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    cr_assert_str_eq(content, text);
}

Test(journal, what_comes_one_after_the_other_is_one_run) {
    struct journal *journal = open_journal();
    struct journal_writer writer;
    journal_writer_init(&writer, journal);
    note(&writer, 0, 3, 10);
    note(&writer, 0, 3, 11);
    note(&writer, 0, 3, 12);
    note(&writer, 1, 3, 13); /* another topic */
    note(&writer, 1, 4, 14); /* another partition */
    note(&writer, 1, 4, 16); /* a gap */
    note(&writer, 1, 4, 15); /* a repeat */
    journal_flush(&writer, 0, true);
    expect_file("bars 3 10 3\nassets 3 13 1\nassets 4 14 1\nassets 4 16 1\nassets 4 15 1\n");
    journal_writer_release(&writer);
    journal_free(journal);
}

Test(journal, a_run_that_is_written_in_the_middle_goes_on) {
    struct journal *journal = open_journal();
    struct journal_writer writer;
    journal_writer_init(&writer, journal);
    note(&writer, 0, 0, 0);
    note(&writer, 0, 0, 1);
    journal_flush(&writer, 0, true);
    journal_flush(&writer, 0, true);
    note(&writer, 0, 0, 2);
    journal_flush(&writer, 0, true);
    expect_file("bars 0 0 2\nbars 0 2 1\n");
    journal_writer_release(&writer);
    journal_free(journal);
}

Test(journal, it_is_written_once_a_second_and_at_the_end) {
    const int64_t second = 1000000000;
    struct journal *journal = open_journal();
    struct journal_writer writer;
    journal_writer_init(&writer, journal);
    journal_flush(&writer, 100 * second, false);
    note(&writer, 0, 0, 0);
    journal_flush(&writer, 100 * second + second / 2, false);
    expect_file("");
    journal_flush(&writer, 101 * second, false);
    expect_file("bars 0 0 1\n");
    note(&writer, 0, 0, 1);
    journal_flush(&writer, 0, true);
    expect_file("bars 0 0 1\nbars 0 1 1\n");
    journal_writer_release(&writer);
    journal_free(journal);
}

Test(journal, a_restart_appends_and_cuts_off_a_line_in_part) {
    static const struct {
        const char *before, *after;
    } cases[] = {{"", "bars 0 7 1\n"},
                 {"bars 0 0 7\n", "bars 0 0 7\nbars 0 7 1\n"},
                 {"bars 0 0 7\nbars 0 7", "bars 0 0 7\nbars 0 7 1\n"},
                 {"bars 0", "bars 0 7 1\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct journal_writer writer;
        write_file(cases[i].before);
        struct journal *journal = open_journal();
        journal_writer_init(&writer, journal);
        note(&writer, 0, 0, 7);
        journal_flush(&writer, 0, true);
        expect_file(cases[i].after);
        journal_writer_release(&writer);
        journal_free(journal);
    }
}

Test(journal, a_file_that_cannot_be_opened_is_an_error) {
    struct error error = {0};
    cr_assert_null(journal_new("/no/such/folder/journal", known, quiet, &error));
    cr_assert_not_null(strstr(error.text, "/no/such/folder/journal"), "%s", error.text);
}

Test(journal, a_failed_write_ends_it_and_nothing_else) {
    struct error error = {0};
    struct journal *journal = journal_new("/dev/full", known, quiet, &error);
    cr_assert_not_null(journal, "%s", error.text);
    struct journal_writer writer;
    journal_writer_init(&writer, journal);
    for (int64_t i = 0; i < 100000; i++)
        note(&writer, 0, 0, 2 * i);
    journal_flush(&writer, 0, true);
    cr_assert(atomic_load(&journal->has_failed));
    cr_assert_lt(writer.lines.capacity, 1u << 20, "what cannot be written is not gathered");
    journal_writer_release(&writer);
    journal_free(journal);
}

Test(journal, a_file_that_was_removed_is_made_anew) {
    struct journal *journal = open_journal();
    struct journal_writer writer;
    journal_writer_init(&writer, journal);
    note(&writer, 0, 0, 0);
    journal_flush(&writer, 0, true);
    cr_assert_eq(unlink(path), 0);
    note(&writer, 0, 0, 1);
    journal_flush(&writer, 0, true);
    expect_file("bars 0 1 1\n");
    journal_writer_release(&writer);
    journal_free(journal);
}

/* A limit on the file's size stands for a full disk. */
Test(journal, a_full_disk_leaves_whole_lines) {
    struct rlimit whole, little;
    getrlimit(RLIMIT_FSIZE, &whole);
    little = whole;
    little.rlim_cur = 15;
    signal(SIGXFSZ, SIG_IGN);
    struct journal *journal = open_journal();
    struct journal_writer writer;
    journal_writer_init(&writer, journal);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    note(&writer, 0, 0, 0);
    note(&writer, 1, 0, 1);
    journal_flush(&writer, 0, true);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &whole), 0);
    cr_assert(atomic_load(&journal->has_failed), "the fault was there");
    expect_file("bars 0 0 1\n");
    journal_writer_release(&writer);
    journal_free(journal);
}
