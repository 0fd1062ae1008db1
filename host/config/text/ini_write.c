#include "config/text/ini_write.h"

void ini_put_setting(struct text *ini, const char *key, const char *value) {
    text_printf(ini, "%s = ", key);
    for (; *value != '\0'; value++) {
        if (*value == '$') /* which would begin a variable */
            text_putc(ini, '$');
        text_putc(ini, *value);
        if (*value == '\n')
            text_puts(ini, "    ");
    }
    text_putc(ini, '\n');
}
