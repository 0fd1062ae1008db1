#include "engine/core/gather.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/take5-gather-XXXXXX";
static struct gather gather;

static void begin(void) {
    struct error error;
    const struct log_options options = {.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_JOURNALD,
                                        .color = LOG_COLOR_NEVER,
                                        .path = path};
    close(mkstemp(path));
    gather = (struct gather){.log = log_new()};
    cr_assert(log_configure(gather.log, &options, &error), "%s", error.text);
}

static void end(void) {
    log_free(gather.log);
    unlink(path);
}

TestSuite(gather, .init = begin, .fini = end);

static void expect_log(const char *expected) {
    static char content[4096];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    cr_expect_str_eq(content, expected);
}

static void add(int32_t partition, const char *detail, const char *text) {
    gather_add(&gather, LOG_LEVEL_INFO, "a.b", partition, detail, text);
}

Test(gather, partitions_with_one_cause_are_one_line) {
    add(3, NULL, "resumed");
    add(0, NULL, "resumed");
    add(1, NULL, "resumed");
    add(5, NULL, "resumed");
    expect_log("");
    gather_report(&gather);
    expect_log("<6>engine: partitions 0-1, 3, 5: resumed event=a.b\n");
}

Test(gather, the_first_one_s_detail_is_the_example) {
    add(4, "offset 7", "discarded");
    add(2, "offset 9", "discarded");
    gather_report(&gather);
    expect_log("<6>engine: partitions 2, 4: discarded (partition 4: offset 7) event=a.b\n");
}

Test(gather, one_partition_needs_no_example) {
    add(4, "offset 7", "discarded");
    gather_report(&gather);
    expect_log("<6>engine: partition 4: discarded (offset 7) event=a.b\n");
}

Test(gather, global_deployments_are_called_so) {
    add(-1, NULL, "resumed");
    add(2, NULL, "resumed");
    add(-1, NULL, "alone");
    gather_report(&gather);
    expect_log("<6>engine: the GLOBAL deployments and partition 2: resumed event=a.b\n"
               "<6>engine: the GLOBAL deployments: alone event=a.b\n");
}

Test(gather, what_was_said_is_forgotten) {
    add(1, NULL, "resumed");
    gather_report(&gather);
    gather_report(&gather);
    expect_log("<6>engine: partition 1: resumed event=a.b\n");
}

Test(gather, more_causes_than_there_is_room_for_are_said_in_between) {
    static char expected[1024];
    size_t size = 0;
    for (int i = 0; i <= GATHER_CAUSES; i++) {
        char text[16];
        snprintf(text, sizeof text, "cause %d", i);
        add(7, NULL, text);
        size += (size_t)snprintf(expected + size, sizeof expected - size,
                                 "<6>engine: partition 7: cause %d event=a.b\n", i);
    }
    gather_report(&gather);
    expect_log(expected);
}
