#include "base/signal_names.h"

#include <take5/signal.h>

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

/* One of each length from 1 to 20, and with one byte changed it is another. */
Test(signal_names, are_those_that_were_kept_and_no_others) {
    static char texts[20][32];
    t5_named_value values[20];
    struct signal_names names = {0};
    for (int i = 0; i < 20; i++) {
        snprintf(texts[i], sizeof texts[i], "%.*s", i + 1, "abcdefghijklmnopqrstuvwxyz");
        values[i] = t5_named_integer(texts[i], i);
    }
    const t5_str own = t5_text("up");
    cr_assert(!signal_names_are(&names, own, NULL, 0));
    cr_assert(signal_names_keep(&names, own, values, 20));
    cr_assert(signal_names_are(&names, own, values, 20));
    for (int i = 0; i < 20; i++) {
        cr_assert_str_eq(names.bytes + names.at[i + 1], texts[i]);
        for (char *c = texts[i]; *c != '\0'; c++) {
            (*c)++;
            cr_assert(!signal_names_are(&names, own, values, 20), "length %d", i + 1);
            (*c)--;
        }
        values[i].name.len--;
        cr_assert(!signal_names_are(&names, own, values, 20));
        values[i].name.len++;
    }
    cr_assert(!signal_names_are(&names, own, values, 19));
    cr_assert(!signal_names_are(&names, t5_text("uq"), values, 20));
    values[3].name.data = NULL;
    cr_assert(!signal_names_are(&names, own, values, 20));
}

Test(signal_names, beyond_the_room_none_are_kept) {
    static char long_name[SIGNAL_NAMES_BYTES + 1];
    t5_named_value values[SIGNAL_NAMES_MOST];
    struct signal_names names;
    for (int i = 0; i < SIGNAL_NAMES_MOST; i++)
        values[i] = t5_named_integer("n", i);
    cr_assert(signal_names_keep(&names, t5_text("up"), values, SIGNAL_NAMES_MOST - 1));
    cr_assert(!signal_names_keep(&names, t5_text("up"), values, SIGNAL_NAMES_MOST));
    cr_assert(!signal_names_are(&names, t5_text("up"), values, SIGNAL_NAMES_MOST));
    memset(long_name, 'n', sizeof long_name);
    const t5_str own = {long_name, SIGNAL_NAMES_BYTES - 1}, longer = {long_name, own.len + 1};
    cr_assert(signal_names_keep(&names, own, NULL, 0));
    cr_assert_eq(names.size, SIGNAL_NAMES_BYTES);
    cr_assert(!signal_names_keep(&names, longer, NULL, 0));
    cr_assert(!signal_names_are(&names, own, NULL, 0));
}
