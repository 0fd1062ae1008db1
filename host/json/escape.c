#include "json/escape.h"

#include <stdbool.h>
#include <stdint.h>

const char escape_bytes[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

/* The four digits behind "\u", or -1. */
static int32_t read_unit(const char *p, const char *end) {
    int32_t unit = 0;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        const char c = p[i], letter = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            unit = unit * 16 + (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            unit = unit * 16 + (letter - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

static char *put_utf8(char *to, uint32_t point) {
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xC0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *to++ = (char)(0xE0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    } else {
        *to++ = (char)(0xF0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3F));
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    }
    return to;
}

static bool is_low_surrogate(int32_t unit) {
    return unit >= 0xDC00 && unit < 0xE000;
}

const char *escape_unicode(const char *p, const char *end, char **to, const char **what) {
    const int32_t unit = read_unit(p, end);
    const bool is_high = unit >= 0xD800 && unit < 0xDC00;
    const int32_t low = is_high ? read_unit(p + 6, end) : -1;
    if (end - p < 2)
        *what = "a string is not closed";
    else if (p[1] != 'u')
        *what = "no such escape";
    else if (unit < 0)
        *what = "\\u without four hexadecimal digits";
    else if (is_low_surrogate(unit))
        *what = "a low surrogate without a high one";
    else if (is_high && !is_low_surrogate(low))
        *what = "a high surrogate without a low one";
    else {
        const int32_t pair = 0x10000 + ((unit - 0xD800) * 0x400) + (low - 0xDC00);
        *to = put_utf8(*to, (uint32_t)(is_high ? pair : unit));
        return p + (is_high ? 12 : 6);
    }
    return NULL;
}
