#include "config/text/ini_write.h"

#include "config/text/ini.h"

#include <criterion/criterion.h>
#include <string.h>

Test(ini_write, what_is_read_back_is_what_was_put) {
    struct ini ini = INI_INIT;
    struct faults faults = FAULTS_INIT;
    struct text text;
    text_init(&text);
    text_puts(&text, "[section]\n");
    ini_put_setting(&text, "plain", "QQQ,SPY");
    ini_put_setting(&text, "lines", "one\ntwo");
    ini_put_setting(&text, "dollar", "${HOME}");
    cr_assert(ini_read(&ini, "ini", text.data, text.size, NULL, &faults));
    cr_assert_eq(ini.entry_count, 3);
    cr_assert_str_eq(ini.entries[0].value, "QQQ,SPY");
    cr_assert_str_eq(ini.entries[1].value, "one\ntwo");
    cr_assert_str_eq(ini.entries[2].value, "$${HOME}"); /* no variable: interpolation.h */
    ini_release(&ini);
    faults_release(&faults);
    text_release(&text);
}
