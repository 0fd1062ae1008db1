#include "support.h"

#include <criterion/criterion.h>
#include <string.h>

Test(parcel, is_a_copy_that_outlives_what_it_was_made_from) {
    static struct tally tally;
    char key[] = "AAPL", value[] = "{\"a\":1}", name[] = "trace", content[] = "abc";
    struct parcel_header headers[] = {{name, content, 3}};
    struct parcel *parcel = parcel_new(&(struct parcel){.kind = PARCEL_SIGNAL,
                                                        .unconfirmed = 2,
                                                        .key = key,
                                                        .key_size = 4,
                                                        .value = value,
                                                        .value_size = 7,
                                                        .headers = headers,
                                                        .header_count = 1,
                                                        .time_ms = 5,
                                                        .owner = &tally});
    memset(key, 'x', sizeof key);
    memset(value, 'x', sizeof value);
    memset(name, 'x', sizeof name);
    memset(content, 'x', sizeof content);

    cr_assert_eq(memcmp(parcel->key, "AAPL", 4), 0);
    cr_assert_eq(memcmp(parcel->value, "{\"a\":1}", 7), 0);
    cr_assert_str_eq(parcel->headers[0].name, "trace");
    cr_assert_eq(memcmp(parcel->headers[0].value, "abc", 3), 0);
    cr_assert_eq(parcel->time_ms, 5);
    parcel_release(parcel);
    check_leaks();
}

Test(parcel, tells_nothing_from_empty) {
    struct parcel_header headers[] = {{"null", NULL, 0}, {"empty", "", 0}};
    struct parcel *parcel =
        parcel_new(&(struct parcel){.key = "", .headers = headers, .header_count = 2});
    cr_assert_not_null(parcel->key);
    cr_assert_null(parcel->value);
    cr_assert_null(parcel->line);
    cr_assert_null(parcel->headers[0].value);
    cr_assert_not_null(parcel->headers[1].value);
    parcel_release(parcel);
    check_leaks();
}

Test(parcel, is_done_once_when_the_last_sink_confirms) {
    static struct tally tally;
    struct parcel *like = signal_make(&tally, 7, 0);
    struct parcel copy = *like;
    copy.unconfirmed = 3;
    struct parcel *parcel = parcel_new(&copy);
    parcel_release(like);

    parcel_confirm(parcel);
    parcel_confirm(parcel);
    cr_assert_eq(tally_count(&tally), 0u);
    parcel_confirm(parcel);
    cr_assert_eq(tally_count(&tally), 1u);
    cr_assert_eq(tally.words[0], 7u);
    parcel_release(parcel);
    check_leaks();
}
