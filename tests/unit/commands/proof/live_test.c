#include "commands/proof/live.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void add(struct live *live, const char *id, double value) {
    struct signal_line line;
    char text[256];
    bool is_oom;
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"deployment\":\"alpha\",\"value\":%g,\"topic\":\"bars\","
             "\"partition\":3,\"offset\":17}",
             id, value);
    cr_assert(signal_line_parse(&line, text, strlen(text), &is_oom), "%s", text);
    cr_assert(live_add(live, &line));
}

Test(live, finds_by_id_and_knows_repeats_from_contradictions) {
    struct live live = {0};
    add(&live, "b", 1);
    add(&live, "a", 2);
    add(&live, "b", 1);
    add(&live, "a", 3);
    live_sort(&live);
    cr_assert_eq(live.count, 2);
    cr_assert_eq(live.repeated, 2);
    cr_assert_not(live_find(&live, "b")->is_changed);
    const struct signal_line *contradicted = live_find(&live, "a");
    cr_assert(contradicted->is_changed);
    cr_assert_not_null(strstr(contradicted->text, "\"value\":2"), "not what came first");
    cr_assert_eq(contradicted->partition, 3);
    cr_assert_eq(contradicted->offset, 17);
    cr_assert_null(live_find(&live, "c"));
    live_release(&live);
}

Test(live, a_line_that_is_no_signal_is_none) {
    static const char *const lines[] = {"", "{", "[]", "{\"id\":\"a\"}",
                                        "{\"id\":1,\"deployment\":\"a\",\"topic\":\"b\","
                                        "\"partition\":1,\"offset\":2}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct signal_line line;
        bool is_oom;
        cr_assert_not(signal_line_parse(&line, lines[i], strlen(lines[i]), &is_oom), "%s",
                      lines[i]);
        cr_assert_not(is_oom);
        cr_assert_null(line.id);
    }
}

Test(live, none_is_found_where_there_are_none) {
    struct live live = {0};
    live_sort(&live);
    cr_assert_null(live_find(&live, "a"));
    live_release(&live);
}
