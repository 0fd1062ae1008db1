#include "failing_memory.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(sink_log, says_a_line_a_delivery_and_confirms_it) {
    static struct tally tally;
    struct error error;
    struct log *log = log_new();
    const char *path = scratch_path("log");
    cr_assert(log_configure(log,
                            &(struct log_options){.level = LOG_LEVEL_INFO,
                                                  .format = LOG_FORMAT_CONSOLE,
                                                  .color = LOG_COLOR_NEVER,
                                                  .path = path},
                            &error));
    struct sink *sink = sink_log_new(log, &error);
    push(sink, typed_make(&tally, 1, 1));
    push(sink, dead_letter_make(&tally, 2, NULL, 0, NULL, 0));
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 2u);
    cr_assert(sink->ops->reopen(sink, &error));
    struct sink_status status = status_of(sink);
    cr_assert_str_eq(status.name, "log");
    cr_assert(status.is_ok);
    cr_assert_eq(status.confirmed, 2u);
    cr_assert_eq(status.queued, 0u);
    sink->ops->close(sink, HANG_MS);
    log_free(log);

    char *text = file_text(path);
    cr_assert_not_null(strstr(text, "momentum_up AAPL 1.5 (confidence 0.75) by fast"));
    const char *dead_letter = strstr(text, "WARNING");
    cr_assert(dead_letter && strstr(dead_letter, "dead letter bar_trends/3/2: not-json"));
    free(text);
    check_leaks();
}

Test(sink_log, lack_of_memory_is_waited_out) {
    static struct tally tally;
    struct error error;
    struct log *log = log_new();
    struct sink *sink = sink_log_new(log, &error);
    struct delivery *delivery = typed_make(&tally, 1, 1);
    memory_fail_from(0);
    cr_assert(sink->ops->push(sink, delivery));
    await_ok(sink, false);
    cr_assert_eq(tally_count(&tally), 0u);
    memory_end();
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert(status_of(sink).is_ok);
    cr_assert_eq(tally_count(&tally), 1u);
    delivery_release(delivery);
    sink->ops->close(sink, HANG_MS);
    log_free(log);
    check_leaks();
}
