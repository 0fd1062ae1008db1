#include "support.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(sink_log, says_a_line_a_parcel_and_confirms_it_at_once) {
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
    push(sink, signal_make(&tally, 1, 0));
    push(sink, letter_make(&tally, 2, NULL, 0, NULL, 0));
    cr_assert_eq(tally_count(&tally), 2u);
    cr_assert(sink->ops->flush(sink, 0));
    cr_assert(sink->ops->reopen(sink, &error));
    struct sink_status status = status_of(sink);
    cr_assert_str_eq(status.name, "log");
    cr_assert(status.is_well);
    cr_assert_eq(status.confirmed, 2u);
    cr_assert_eq(status.queued, 0u);
    sink->ops->close(sink, 0);
    log_free(log);

    char *text = file_text(path);
    cr_assert_not_null(strstr(text, "momentum_up AAPL"));
    const char *letter = strstr(text, "WARNING");
    cr_assert(letter && strstr(letter, "dead letter"));
    free(text);
    check_leaks();
}
