#include "log/log_line.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct text out;

static void begin(void) {
    setenv("TZ", "UTC", 1);
    tzset();
    text_init(&out);
}

static void end(void) {
    text_release(&out);
}

TestSuite(log_line, .init = begin, .fini = end);

static struct log_line line_of(const char *text) {
    return (struct log_line){.wall_ns = 1718658930123000000LL,
                             .level = LOG_LEVEL_INFO,
                             .room = "engine",
                             .text = text,
                             .size = strlen(text)};
}

static const char *format(struct log_line line, enum log_format form, bool has_color) {
    text_reset(&out);
    log_line_append(&out, &line, form, has_color);
    return out.data;
}

Test(log_line, console_has_time_level_room_text) {
    cr_assert_str_eq(format(line_of("2 lanes"), LOG_FORMAT_CONSOLE, false),
                     "2024-06-17 21:15:30.123+00:00 INFO     engine   2 lanes\n");
}

Test(log_line, console_has_local_time_and_its_zone) {
    setenv("TZ", "<-0330>3:30", 1); /* as POSIX has it: west of Greenwich is positive */
    tzset();
    cr_assert_str_eq(format(line_of("x"), LOG_FORMAT_CONSOLE, false),
                     "2024-06-17 17:45:30.123-03:30 INFO     engine   x\n");
    setenv("TZ", "<+0545>-5:45", 1);
    tzset();
    cr_assert_str_eq(format(line_of("x"), LOG_FORMAT_CONSOLE, false),
                     "2024-06-18 03:00:30.123+05:45 INFO     engine   x\n");
}

Test(log_line, console_has_the_colors_of_the_old_service) {
    const struct {
        enum log_level level;
        const char *color;
    } cases[] = {{LOG_LEVEL_DEBUG, "\033[36mDEBUG   \033[0m"},
                 {LOG_LEVEL_INFO, "\033[32mINFO    \033[0m"},
                 {LOG_LEVEL_WARNING, "\033[33mWARNING \033[0m"},
                 {LOG_LEVEL_ERROR, "\033[31mERROR   \033[0m"},
                 {LOG_LEVEL_CRITICAL, "\033[1;31;47mCRITICAL\033[0m"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_line line = line_of("x");
        line.level = cases[i].level;
        cr_assert_not_null(strstr(format(line, LOG_FORMAT_CONSOLE, true), cases[i].color));
        cr_assert_null(strstr(format(line, LOG_FORMAT_CONSOLE, false), "\033"));
    }
}

Test(log_line, json_is_one_object) {
    struct log_line line = line_of("said \"so\"\n\tand \xFF");
    cr_assert_str_eq(
        format(line, LOG_FORMAT_JSON, false),
        "{\"time\":\"2024-06-17T21:15:30.123Z\",\"level\":\"INFO\",\"room\":\"engine\","
        "\"text\":\"said \\\"so\\\"\\n\\tand \xEF\xBF\xBD\"}\n");
    line = line_of("up");
    line.deployment = "mo\"m";
    line.repeats = 3;
    cr_assert_str_eq(
        format(line, LOG_FORMAT_JSON, false),
        "{\"time\":\"2024-06-17T21:15:30.123Z\",\"level\":\"INFO\",\"room\":\"engine\","
        "\"strategy\":\"mo\\\"m\",\"text\":\"up\",\"repeats\":3}\n");
}

Test(log_line, journald_has_the_priority) {
    struct log_line line = line_of("broken");
    const int priorities[] = {7, 6, 4, 3, 2};
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_CRITICAL; level++) {
        line.level = (enum log_level)level;
        char expected[32];
        snprintf(expected, sizeof expected, "<%d>engine: broken\n",
                 priorities[level - LOG_LEVEL_DEBUG]);
        cr_assert_str_eq(format(line, LOG_FORMAT_JOURNALD, false), expected);
    }
}

Test(log_line, a_line_stays_a_line_whatever_is_in_it) {
    cr_assert_str_eq(format(line_of("a\nb\rc\td\x1b[31m\x7f"), LOG_FORMAT_JOURNALD, false),
                     "<6>engine: a\\nb\\rc\\td\\x1b[31m\\x7f\n");
    cr_assert_str_eq(format(line_of("bad \xFF\xC3( utf8"), LOG_FORMAT_JOURNALD, false),
                     "<6>engine: bad \\xff\\xc3( utf8\n");
    /* U+009B is CSI to some terminals */
    cr_assert_str_eq(format(line_of("c1 \xC2\x9B ok \xC3\xA9"), LOG_FORMAT_JOURNALD, false),
                     "<6>engine: c1 \\u009b ok \xC3\xA9\n");
    struct log_line line = line_of("x");
    line.text = "nul \0 in";
    line.size = 8;
    cr_assert_str_eq(format(line, LOG_FORMAT_JOURNALD, false), "<6>engine: nul \\x00 in\n");
    line = line_of("t");
    line.deployment = "a\nb";
    cr_assert_str_eq(format(line, LOG_FORMAT_JOURNALD, false), "<6>engine: a\\nb: t\n");
}

Test(log_line, line_breaks_at_the_end_are_dropped) {
    cr_assert_str_eq(format(line_of("done\r\n\n"), LOG_FORMAT_JOURNALD, false),
                     "<6>engine: done\n");
    cr_assert_str_eq(format(line_of("\n"), LOG_FORMAT_JOURNALD, false), "<6>engine: \n");
    cr_assert_str_eq(format(line_of(""), LOG_FORMAT_JOURNALD, false), "<6>engine: \n");
}

Test(log_line, repeats_are_said_behind_the_text) {
    struct log_line line = line_of("no broker");
    line.repeats = 1;
    cr_assert_str_eq(format(line, LOG_FORMAT_JOURNALD, false),
                     "<6>engine: no broker ... repeated 1 more time\n");
    line.repeats = 12;
    cr_assert_not_null(
        strstr(format(line, LOG_FORMAT_CONSOLE, true), "no broker ... repeated 12 more times\n"));
}
