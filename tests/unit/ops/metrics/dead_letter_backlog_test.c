#include "ops/metrics/dead_letter_backlog.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/take5-backlog-XXXXXX";
static char letters[64], redriven[80];
static struct dead_letter_backlog *backlog;

static void begin(void) {
    cr_assert_not_null(mkdtemp(directory));
    snprintf(letters, sizeof letters, "%s/dead_letters.jsonl", directory);
    snprintf(redriven, sizeof redriven, "%s.redriven", letters);
    backlog = dead_letter_backlog_new(letters);
    cr_assert_not_null(backlog);
}

static void end(void) {
    dead_letter_backlog_free(backlog);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(dead_letter_backlog, .init = begin, .fini = end);

static void append(const char *path, const char *text) {
    FILE *file = fopen(path, "a");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_letter(int partition, int offset) {
    char line[256];
    snprintf(line, sizeof line,
             "{\"topic\":\"bar_trends\",\"partition\":%d,\"offset\":%d,\"ts\":1,\"key\":null,"
             "\"payload\":\"x\",\"headers\":[],\"reason\":\"not-json\"}\n",
             partition, offset);
    append(letters, line);
}

static void expect_waiting(uint64_t expected) {
    uint64_t waiting = 0;
    cr_assert(dead_letter_backlog_look(backlog, &waiting));
    cr_expect_eq(waiting, expected, "%lu", (unsigned long)waiting);
}

Test(dead_letter_backlog, without_a_file_nothing_waits) {
    expect_waiting(0);
}

Test(dead_letter_backlog, what_was_added_since_the_last_look_counts) {
    write_letter(0, 1);
    expect_waiting(1);
    write_letter(0, 2);
    write_letter(1, 2);
    expect_waiting(3);
}

Test(dead_letter_backlog, a_message_that_was_written_twice_is_one) {
    write_letter(0, 1);
    write_letter(0, 1);
    expect_waiting(1);
}

Test(dead_letter_backlog, what_was_redriven_waits_no_longer) {
    write_letter(0, 1);
    write_letter(0, 2);
    expect_waiting(2);
    append(redriven, "bar_trends/0/1 through good\n");
    expect_waiting(1);
    append(redriven, "bar_trends/0/1 into other\nbar_trends/0/2 into other\n");
    expect_waiting(0);
}

Test(dead_letter_backlog, a_line_counts_when_it_is_whole) {
    append(letters, "{\"topic\":\"bar_trends\",\"partition\":0,\"offs");
    expect_waiting(0);
    append(letters, "et\":7,\"ts\":1}");
    expect_waiting(0);
    append(letters, "\n");
    expect_waiting(1);
}

Test(dead_letter_backlog, lines_that_are_no_dead_letters_do_not_count) {
    append(letters, "\n{}\nnonsense\n{\"topic\":\"t\",\"partition\":\"x\"}\n");
    expect_waiting(0);
}

Test(dead_letter_backlog, a_long_payload_hides_nothing) {
    char *line = malloc(100002);
    memset(line, 'x', 100000);
    strcpy(line + 100000, "\n");
    append(letters, "{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"payload\":\"");
    append(letters, line);
    free(line);
    write_letter(0, 2);
    expect_waiting(2);
}

Test(dead_letter_backlog, a_file_that_was_rotated_or_cut_begins_anew) {
    char old[80];
    snprintf(old, sizeof old, "%s.1", letters);
    write_letter(0, 1);
    write_letter(0, 2);
    expect_waiting(2);
    cr_assert_eq(rename(letters, old), 0);
    expect_waiting(0);
    write_letter(0, 3);
    expect_waiting(1);
    cr_assert_eq(truncate(letters, 0), 0);
    expect_waiting(0);
}

Test(dead_letter_backlog, a_file_that_cannot_be_read_is_not_known) {
    uint64_t waiting;
    cr_assert_eq(mkdir(letters, 0700), 0);
    cr_expect_not(dead_letter_backlog_look(backlog, &waiting));
}

Test(dead_letter_backlog, a_large_file_is_not_known_until_it_was_read) {
    uint64_t waiting;
    write_letter(0, 1);
    FILE *file = fopen(letters, "a");
    cr_assert_not_null(file);
    for (int64_t size = 0; size < DEAD_LETTER_LOOK_BYTES + 100000; size += 1000)
        fprintf(file, "%999s\n", "");
    fclose(file);
    write_letter(0, 2);
    cr_expect_not(dead_letter_backlog_look(backlog, &waiting));
    expect_waiting(2);
}
