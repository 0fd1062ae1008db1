#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts a half UTF-8 sequence off the end of a text that vsnprintf shortened. */
static void drop_half_character(char *text, size_t size) {
    size_t start = size;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t have = size - (start - 1);
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (have < want)
        text[start - 1] = '\0';
}

static void store(struct error *error, enum error_code code, const char *text, int size) {
    error->code = code;
    if (size < 0) { /* a bad multibyte conversion: say at least what the format says */
        error->text[0] = '\0';
        return;
    }
    size_t length = (size_t)size;
    bool is_cut = length >= ERROR_TEXT_SIZE;
    if (is_cut)
        length = ERROR_TEXT_SIZE - 1;
    memcpy(error->text, text, length);
    error->text[length] = '\0';
    if (is_cut)
        drop_half_character(error->text, length);
}

bool error_set(struct error *error, enum error_code code, const char *format, ...) {
    char text[ERROR_TEXT_SIZE]; /* apart, because the arguments may point into error->text */
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    store(error, code, text, size);
    return false;
}

bool error_set_errno(struct error *error, int errnum, const char *format, ...) {
    const enum error_code code = errnum == ENOMEM ? ERROR_MEMORY : ERROR_SYSTEM;
    char text[ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    store(error, code, text, size);

    char reason[128];
    const char *reason_text = strerror_r(errnum, reason, sizeof reason);
    return error_set(error, code, "%s: %s", error->text, reason_text);
}

bool error_prefix(struct error *error, const char *format, ...) {
    char text[ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0)
        return false;
    return error_set(error, error->code, "%s%s", text, error->text);
}

bool error_set_memory(struct error *error, const char *what) {
    return error_set(error, ERROR_MEMORY, "out of memory for %s", what);
}
