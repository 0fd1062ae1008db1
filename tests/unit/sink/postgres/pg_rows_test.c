#include "sink/postgres/pg_rows.h"

#include "failing_memory.h"
#include "support.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tally tally;
static struct text columns[PG_COLUMNS_MOST];

static void begin(void) {
    for (size_t i = 0; i < PG_COLUMNS_MOST; i++)
        text_init(&columns[i]);
}

static void end(void) {
    for (size_t i = 0; i < PG_COLUMNS_MOST; i++)
        text_release(&columns[i]);
}

TestSuite(pg_rows, .init = begin, .fini = end);

static struct delivery *delivery_of(const struct signal *signal) {
    return delivery_new(
        &(struct delivery){.kind = DELIVERY_SIGNAL, .unconfirmed = 1, .signal = signal});
}

Test(pg_rows, a_column_is_an_array_of_all_rows) {
    struct signal bare = signal_like(9);
    bare.price = 0;
    bare.time_frame_s = 0;
    bare.value_count = 0;
    bare.symbol = t5_text("a\"b\\c{,}");
    struct delivery *two[] = {typed_make(&tally, 8, 1), delivery_of(&bare)};
    static const char *const expected[] = {
        "{\"fast/bar_trends/3/8/1\",\"fast/bar_trends/3/9/1\"}",
        "{\"fast\",\"fast\"}",
        "{\"momentum\",\"momentum\"}",
        "{\"1.2.3\",\"1.2.3\"}",
        "{\"momentum_up\",\"momentum_up\"}",
        "{\"AAPL\",\"a\\\"b\\\\c{,}\"}",
        "{1718658930123000000,1718658930123000000}",
        "{1.5,1.5}",
        "{0.75,0.75}",
        "{480.25,NULL}",
        "{60,NULL}",
        NULL,
        "{\"bar_trends\",\"bar_trends\"}",
        "{3,3}",
        "{8,9}",
        "{1,1}",
        "{\"fresh\",\"fresh\"}",
    };
    cr_assert_eq(pg_rows_write(&PG_SIGNALS, two, 2, columns), PG_ROW_WRITTEN);
    for (size_t i = 0; i < PG_SIGNALS.columns; i++) {
        if (expected[i] != NULL)
            cr_assert_str_eq(columns[i].data, expected[i]);
    }
    const char *data = columns[11].data;
    cr_assert_eq(strncmp(data, "{\"{\\\"close\\\":480.25,", 20), 0, "%s", data);
    cr_assert_str_eq(data + strlen(data) - 7, "\",NULL}");
    delivery_release(two[0]);
    delivery_release(two[1]);
    end();
    begin();
    check_leaks();
}

Test(pg_rows, a_nul_is_seen_wherever_it_is) {
    struct signal signal = signal_like(1);
    signal.symbol = (t5_str){"a\0b", 3};
    struct delivery *two[] = {typed_make(&tally, 8, 1), delivery_of(&signal)};
    cr_assert_eq(pg_rows_write(&PG_SIGNALS, two, 2, columns), PG_ROW_HAS_NUL);
    cr_assert_eq(pg_rows_write(&PG_SIGNALS, two, 1, columns), PG_ROW_WRITTEN);
    delivery_release(two[0]);
    delivery_release(two[1]);
}

Test(pg_rows, lack_of_memory_gives_no_row) {
    struct delivery *delivery = typed_make(&tally, 8, 1);
    bool did_fail = true;
    for (long nth = 0; did_fail; nth++) {
        memory_fail_once(nth);
        const enum pg_row row = pg_rows_write(&PG_SIGNALS, &delivery, 1, columns);
        did_fail = memory_end();
        cr_assert_eq(row, did_fail ? PG_ROW_NO_MEMORY : PG_ROW_WRITTEN);
        end();
        begin();
    }
    delivery_release(delivery);
}

Test(pg_rows, an_alert_is_its_json) {
    const struct delivery_text text = {"{\"id\":\"x\"}", 10, NULL, 0};
    struct delivery *alert =
        delivery_new(&(struct delivery){.kind = DELIVERY_ALERT, .unconfirmed = 1, .text = &text});
    cr_assert_eq(pg_rows_write(&PG_ALERTS, &alert, 1, columns), PG_ROW_WRITTEN);
    cr_assert_str_eq(columns[0].data, "{\"{\\\"id\\\":\\\"x\\\"}\"}");
    delivery_release(alert);
}
