/* What was redriven already. */
#include "dlq/ledger.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[32], path[64];

static void set_up(void) {
    strcpy(directory, "/tmp/take5-ledger-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/dead_letters.redriven", directory);
}

static void tear_down(void) {
    unlink(path);
    cr_expect_eq(rmdir(directory), 0);
}

TestSuite(dlq_ledger, .init = set_up, .fini = tear_down);

static struct dlq_ledger open_ledger(bool is_dry_run) {
    struct dlq_ledger ledger;
    struct error error;
    cr_assert(dlq_ledger_open(&ledger, path, is_dry_run, &error), "%s", error.text);
    return ledger;
}

static void write_line(const struct dlq_ledger *ledger, const char *line) {
    struct text text;
    struct error error;
    text_init(&text);
    text_printf(&text, "%s\n", line);
    cr_assert(dlq_ledger_write(ledger, &text, &error), "%s", error.text);
    text_release(&text);
}

static bool has(const struct dlq_ledger *ledger, int64_t offset, const char *how,
                const char *target) {
    const struct dead_letter dead_letter = {.topic = "t", .partition = 3, .offset = offset};
    struct text line;
    text_init(&line);
    dlq_ledger_line(&line, &dead_letter, how, target);
    const bool has_it = dlq_ledger_has(ledger, &line);
    text_release(&line);
    return has_it;
}

Test(dlq_ledger, line_on_disk_counts_for_its_target_alone) {
    struct dlq_ledger ledger = open_ledger(false);
    cr_expect_not(has(&ledger, 7, "through", "a"));
    write_line(&ledger, "t/3/7 through a");
    dlq_ledger_close(&ledger);
    ledger = open_ledger(false);
    cr_expect(has(&ledger, 7, "through", "a"));
    cr_expect_not(has(&ledger, 7, "through", "b"));
    cr_expect_not(has(&ledger, 7, "into", "a"));
    cr_expect_not(has(&ledger, 8, "through", "a"));
    dlq_ledger_close(&ledger);
}

Test(dlq_ledger, line_that_a_crash_cut_short_counts_as_none_and_spoils_none) {
    FILE *file = fopen(path, "w");
    fputs("t/3/7 through a\nt/3/8 through a", file);
    fclose(file);
    struct dlq_ledger ledger = open_ledger(false);
    cr_expect(has(&ledger, 7, "through", "a"));
    cr_expect_not(has(&ledger, 8, "through", "a"), "who knows how it would have gone on");
    write_line(&ledger, "t/3/9 through a");
    dlq_ledger_close(&ledger);
    ledger = open_ledger(false);
    cr_expect(has(&ledger, 9, "through", "a"));
    dlq_ledger_close(&ledger);
}

Test(dlq_ledger, two_at_once_are_one_too_many) {
    struct dlq_ledger first = open_ledger(false), second;
    struct error error;
    cr_expect_not(dlq_ledger_open(&second, path, false, &error));
    cr_expect_not_null(strstr(error.text, "another redrive is running"));
    dlq_ledger_close(&second);
    dlq_ledger_close(&first);
    first = open_ledger(false);
    dlq_ledger_close(&first);
}

Test(dlq_ledger, trial_leaves_no_file) {
    struct dlq_ledger ledger = open_ledger(true);
    cr_expect_not(has(&ledger, 7, "through", "a"));
    dlq_ledger_close(&ledger);
    cr_expect_neq(access(path, F_OK), 0);
}

Test(dlq_ledger, thousands_are_told_apart) {
    struct dlq_ledger ledger = open_ledger(true);
    struct text line;
    text_init(&line);
    for (int64_t offset = 0; offset < 20000; offset += 2) {
        const struct dead_letter dead_letter = {.topic = "t", .partition = 3, .offset = offset};
        dlq_ledger_line(&line, &dead_letter, "into", "x");
        cr_assert(dlq_ledger_add(&ledger, &line));
    }
    for (int64_t offset = 0; offset < 20000; offset++)
        cr_assert_eq(has(&ledger, offset, "into", "x"), offset % 2 == 0);
    text_release(&line);
    dlq_ledger_close(&ledger);
}
