#include "log/log_repeat.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct log_repeats repeats;
static char said[4096];

static void begin(void) {
    log_repeats_init(&repeats);
    said[0] = '\0';
}

static void end(void) {
    log_repeats_release(&repeats);
}

TestSuite(log_repeat, .init = begin, .fini = end);

static void say(void *context, const struct log_line *line) {
    (void)context;
    char one[256];
    snprintf(one, sizeof one, "[%s %s%s%.*s x%llu]", line->room,
             line->deployment != NULL ? line->deployment : "", line->deployment != NULL ? ": " : "",
             (int)line->size, line->text, (unsigned long long)line->repeats);
    strncat(said, one, sizeof said - strlen(said) - 1);
}

static struct log_line line_of(const char *text) {
    return (struct log_line){
        .level = LOG_LEVEL_WARNING, .room = "kafka", .text = text, .size = strlen(text)};
}

static bool offer(const char *text, int64_t at_s) {
    struct log_line line = line_of(text);
    return log_repeats_is_new(&repeats, &line, at_s * NS_PER_S, say, NULL);
}

Test(log_repeat, the_first_is_new_and_the_next_are_counted) {
    cr_assert(offer("down", 100));
    cr_assert_not(offer("down", 101));
    cr_assert_not(offer("down", 109));
    cr_assert_str_eq(said, "");
    cr_assert(offer("other", 110));
    cr_assert_str_eq(said, "[kafka down x2]");
}

Test(log_repeat, a_steady_repeat_is_said_every_window) {
    cr_assert(offer("down", 0));
    for (int64_t second = 1; second < 35; second++)
        cr_assert_not(offer("down", second));
    cr_assert_str_eq(said, "[kafka down x9][kafka down x10][kafka down x10]");
}

Test(log_repeat, after_a_quiet_window_it_is_new_again) {
    cr_assert(offer("down", 0));
    cr_assert(offer("down", 10));
    cr_assert_str_eq(said, "");
    cr_assert_not(offer("down", 11));
    cr_assert(offer("tick", 21));
    cr_assert_str_eq(said, "[kafka down x1]");
    cr_assert(offer("down", 31), "the window from 21 on saw none");
}

Test(log_repeat, alternating_lines_are_both_counted) {
    cr_assert(offer("a", 0));
    cr_assert(offer("b", 0));
    for (int i = 0; i < 50; i++) {
        cr_assert_not(offer("a", 1));
        cr_assert_not(offer("b", 1));
    }
    log_repeats_flush(&repeats, say, NULL);
    cr_assert_str_eq(said, "[kafka a x50][kafka b x50]");
}

Test(log_repeat, room_level_and_deployment_tell_lines_apart) {
    struct log_line line = line_of("same");
    cr_assert(log_repeats_is_new(&repeats, &line, 0, say, NULL));
    line.level = LOG_LEVEL_ERROR;
    cr_assert(log_repeats_is_new(&repeats, &line, 0, say, NULL));
    line.room = "engine";
    cr_assert(log_repeats_is_new(&repeats, &line, 0, say, NULL));
    line.deployment = "momentum";
    cr_assert(log_repeats_is_new(&repeats, &line, 0, say, NULL));
    line.deployment = "trend";
    cr_assert(log_repeats_is_new(&repeats, &line, 0, say, NULL));
    cr_assert_not(log_repeats_is_new(&repeats, &line, 0, say, NULL));
    log_repeats_flush(&repeats, say, NULL);
    cr_assert_str_eq(said, "[engine trend: same x1]");
}

Test(log_repeat, who_gives_way_has_its_count_said) {
    cr_assert(offer("first", 0));
    cr_assert_not(offer("first", 0));
    for (int i = 0; i < LOG_REPEAT_LINES; i++) {
        char text[32];
        snprintf(text, sizeof text, "filler %d", i);
        cr_assert(offer(text, 1));
    }
    cr_assert_str_eq(said, "[kafka first x1]");
    cr_assert(offer("first", 2), "it was forgotten");
}

Test(log_repeat, the_text_is_kept_apart_from_the_callers) {
    char text[] = "mutable";
    cr_assert(offer(text, 0));
    cr_assert_not(offer(text, 0));
    memcpy(text, "XXXXXXX", 7);
    log_repeats_flush(&repeats, say, NULL);
    cr_assert_str_eq(said, "[kafka mutable x1]");
}

Test(log_repeat, saying_all_leaves_the_windows_as_they_are) {
    cr_assert(offer("down", 0));
    cr_assert_not(offer("down", 1));
    log_repeats_flush(&repeats, say, NULL);
    cr_assert_str_eq(said, "[kafka down x1]");
    cr_assert_not(offer("down", 2), "still within the window");
    cr_assert(offer("tick", 11));
    cr_assert_str_eq(said, "[kafka down x1][kafka down x1]");
}

static bool strategy_says(enum log_level level, const char *text) {
    struct log_line line = line_of(text);
    line.level = level;
    line.room = "strategy";
    line.deployment = "momentum";
    return log_repeats_is_new(&repeats, &line, 0, say, NULL);
}

Test(log_repeat, what_a_strategy_prints_is_written_whole) {
    for (int i = 0; i < 3; i++) {
        cr_expect(strategy_says(LOG_LEVEL_INFO, "--- new bar ---"));
        cr_expect(strategy_says(LOG_LEVEL_INFO, "--- new bar ---"));
        cr_expect(strategy_says(LOG_LEVEL_INFO, "BUY"));
    }
    cr_expect_str_eq(said, "");
}

Test(log_repeat, warnings_of_a_strategy_are_counted_in_a_row) {
    cr_expect(strategy_says(LOG_LEVEL_WARNING, "Traceback"));
    cr_expect_not(strategy_says(LOG_LEVEL_WARNING, "Traceback"));
    cr_expect(strategy_says(LOG_LEVEL_WARNING, "ValueError"));
    cr_expect_str_eq(said, "[strategy momentum: Traceback x1]");
    cr_expect(strategy_says(LOG_LEVEL_WARNING, "Traceback"), "of the next error");
    cr_expect(strategy_says(LOG_LEVEL_INFO, "fine"));
    cr_expect(strategy_says(LOG_LEVEL_WARNING, "Traceback"), "something else lies between");
    cr_expect(offer("of the host", 0));
    cr_expect_not(strategy_says(LOG_LEVEL_WARNING, "Traceback"), "that was another one's line");
}
