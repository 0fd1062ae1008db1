#include "message/scan.h"

#include "message/block.h"
#include "message/number_scan.h"

#include <math.h>
#include <string.h>

const char *scan_fail(struct scan *scan, const char *at, enum decode_reason reason,
                      const char *what) {
    scan->reason = reason;
    scan->at = at;
    scan->what = what;
    return NULL;
}

const char *scan_fail_grammar(struct scan *scan, const char *at, const char *what) {
    if (at < scan->end && scan_utf8(at, scan->end) == 0)
        return scan_fail(scan, at, DECODE_BAD_UTF8, "a byte that is not UTF-8");
    return scan_fail(scan, at, DECODE_NOT_JSON, what);
}

static inline bool is_continuation(const char *p) {
    return ((unsigned char)*p & 0xC0) == 0x80;
}

size_t scan_utf8(const char *p, const char *end) {
    const unsigned char lead = (unsigned char)*p;
    if (lead < 0x80)
        return 1;
    const size_t left = (size_t)(end - p);
    if (lead < 0xE0) /* C0 and C1 would be overlong */
        return lead >= 0xC2 && left >= 2 && is_continuation(p + 1) ? 2 : 0;
    if (left < 3 || !is_continuation(p + 1) || !is_continuation(p + 2))
        return 0;
    const unsigned char second = (unsigned char)p[1];
    if (lead < 0xF0) { /* E0 80..9F is overlong, ED A0..BF encodes surrogates */
        const bool is_good = lead == 0xE0 ? second >= 0xA0 : lead != 0xED || second < 0xA0;
        return is_good ? 3 : 0;
    }
    if (lead > 0xF4 || left < 4 || !is_continuation(p + 3))
        return 0;
    /* F0 80..8F is overlong, F4 90..BF lies above U+10FFFF */
    const bool is_good = lead == 0xF0 ? second >= 0x90 : lead != 0xF4 || second < 0x90;
    return is_good ? 4 : 0;
}

bool scan_is_utf8(const char *text, size_t size) {
    const char *end = text + size;
    while (text < end) {
        const size_t length = scan_utf8(text, end);
        if (length == 0)
            return false;
        text += length;
    }
    return true;
}

const char *scan_more_space(const char *p) {
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
        p++;
    return p;
}

bool scan_trim(const char **begin, const char **end) {
    const char *first = *begin;
    const char *last = *end;
    while (first < last &&
           (last[-1] == ' ' || last[-1] == '\n' || last[-1] == '\r' || last[-1] == '\t'))
        last--;
    if (first == last)
        return false;
    *begin = scan_space(first);
    *end = last;
    return true;
}

/* Value of a hexadecimal digit, or -1. */
static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits behind "\u", or -1. */
static int32_t hex_unit(const char *p) {
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static inline bool is_high_surrogate(int32_t unit) {
    return unit >= 0xD800 && unit < 0xDC00;
}

static inline bool is_low_surrogate(int32_t unit) {
    return unit >= 0xDC00 && unit < 0xE000;
}

/* From a backslash to behind its escape. A pair of surrogates is one escape. */
static const char *scan_escape(struct scan *scan, const char *p) {
    const size_t left = (size_t)(scan->end - p);
    if (left < 2)
        return scan_fail_grammar(scan, p, "a string is not closed");
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        break;
    default:
        return scan_fail_grammar(scan, p + 1, "no such escape");
    }
    const int32_t unit = left >= 6 ? hex_unit(p + 2) : -1;
    if (unit < 0)
        return scan_fail_grammar(scan, p, "\\u without four hexadecimal digits");
    if (is_low_surrogate(unit))
        return scan_fail_grammar(scan, p, "a low surrogate without a high one");
    if (!is_high_surrogate(unit))
        return p + 6;
    const bool is_pair =
        left >= 12 && p[6] == '\\' && p[7] == 'u' && is_low_surrogate(hex_unit(p + 8));
    if (!is_pair)
        return scan_fail_grammar(scan, p, "a high surrogate without a low one");
    return p + 12;
}

/* To the first byte that is not plain: a quote, a backslash, a control character, or not ASCII; or
 * to the end. */
static inline const char *scan_plain(const char *p, const char *end) {
#ifdef BLOCK_SIMD
    for (; end - p >= 16; p += 16) {
        const uint32_t specials = block_specials(p);
        if (specials != 0)
            return p + __builtin_ctz(specials);
    }
#endif
    while (p < end && (signed char)*p >= ' ' && *p != '"' && *p != '\\')
        p++;
    return p;
}

const char *scan_string(struct scan *scan, const char *p, bool *has_escapes) {
    const char *end = scan->end;
    *has_escapes = false;
    for (;;) {
        p = scan_plain(p, end);
        if (p == end)
            return scan_fail_grammar(scan, p, "a string is not closed");
        if (*p == '"')
            return p;
        if (*p == '\\') {
            *has_escapes = true;
            p = scan_escape(scan, p);
            if (p == NULL)
                return NULL;
        } else if ((unsigned char)*p < ' ') {
            return scan_fail_grammar(scan, p, "a control character in a string");
        } else {
            const size_t length = scan_utf8(p, end);
            if (length == 0)
                return scan_fail(scan, p, DECODE_BAD_UTF8, "a byte in a string that is not UTF-8");
            p += length;
        }
    }
}

static char *put_utf8(char *out, uint32_t point) {
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *out++ = (char)(0xE0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    } else {
        *out++ = (char)(0xF0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    }
    return out;
}

/* Resolves the escape at p into `*out`, which it moves on. */
static const char *unescape_one(const char *p, char **out) {
    switch (p[1]) {
    case 'b':
        *(*out)++ = '\b';
        return p + 2;
    case 'f':
        *(*out)++ = '\f';
        return p + 2;
    case 'n':
        *(*out)++ = '\n';
        return p + 2;
    case 'r':
        *(*out)++ = '\r';
        return p + 2;
    case 't':
        *(*out)++ = '\t';
        return p + 2;
    case 'u':
        break;
    default: /* quote, backslash, slash */
        *(*out)++ = p[1];
        return p + 2;
    }
    uint32_t point = (uint32_t)hex_unit(p + 2);
    p += 6;
    if (is_high_surrogate((int32_t)point)) {
        point = 0x10000 + ((point - 0xD800) << 10) + ((uint32_t)hex_unit(p + 2) - 0xDC00);
        p += 6;
    }
    *out = put_utf8(*out, point);
    return p;
}

size_t scan_unescape(const char *text, size_t size, char *out) {
    const char *end = text + size;
    char *begin = out;
    while (text < end) {
        const char *slash = memchr(text, '\\', (size_t)(end - text));
        const size_t plain = (size_t)((slash != NULL ? slash : end) - text);
        memcpy(out, text, plain);
        out += plain;
        text += plain;
        if (slash != NULL)
            text = unescape_one(text, &out);
    }
    return (size_t)(out - begin);
}

static const char *expect_word(struct scan *scan, const char *p, const char *word, size_t size) {
    if ((size_t)(scan->end - p) < size || memcmp(p, word, size) != 0)
        return scan_fail_grammar(scan, p, "expected a value");
    return p + size;
}

static const char *non_finite(struct scan *scan, const char *p, const char *word, size_t size) {
    const char *behind = expect_word(scan, p, word, size);
    if (behind == NULL)
        return NULL;
    scan->has_non_finite = true;
    if (scan->refuses_non_finite)
        return scan_fail(scan, p, DECODE_NON_FINITE, "NaN or Infinity, which is no number");
    return behind;
}

const char *scan_word(struct scan *scan, const char *p, char *word) {
    *word = *p;
    switch (*p) {
    case 't':
        return expect_word(scan, p, "true", 4);
    case 'f':
        return expect_word(scan, p, "false", 5);
    case 'n':
        return expect_word(scan, p, "null", 4);
    case 'N':
        return non_finite(scan, p, "NaN", 3);
    case 'I':
        *word = 'i';
        return non_finite(scan, p, "Infinity", 8);
    case '-':
        if (p[1] != 'I')
            return scan_fail_grammar(scan, p, "a minus without digits");
        *word = 'i';
        return non_finite(scan, p, "-Infinity", 9);
    default:
        return scan_fail_grammar(scan, p, "expected a value");
    }
}

const char *scan_word_value(struct scan *scan, const char *p, t5_value *value) {
    char word;
    p = scan_word(scan, p, &word);
    if (p == NULL)
        return NULL;
    *value = (t5_value){T5_VALUE_MISSING, 0, 0, (double)NAN, 0, NULL};
    if (word == 'n') {
        value->type = T5_VALUE_NULL;
    } else if (word == 't' || word == 'f') {
        value->type = T5_VALUE_BOOLEAN;
        value->integer = word == 't';
        value->number = (double)value->integer;
    }
    return p;
}

const char *scan_skip(struct scan *scan, const char *p, uint32_t depth) {
    const uint32_t outer = depth;
    uint8_t *closers = scan->closers;
    bool has_escapes;
    char word;

value:
    switch (*p) {
    case '"':
        p = scan_string(scan, p + 1, &has_escapes);
        if (p == NULL)
            return NULL;
        p++;
        goto behind;
    case '{':
    case '[':
        if (depth >= scan->max_depth)
            return scan_fail(scan, p, DECODE_TOO_DEEP, "brackets deeper than max_depth");
        closers[depth++] = *p == '{' ? '}' : ']';
        p = scan_space(p + 1);
        if ((uint8_t)*p == closers[depth - 1])
            goto close;
        if (closers[depth - 1] == '}')
            goto member;
        goto value;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        if (number_begins(p))
            p = number_skip(scan, p);
        else
            p = scan_word(scan, p, &word);
        break;
    default:
        p = scan_word(scan, p, &word);
        break;
    }
    if (p == NULL)
        return NULL;

behind:
    if (depth == outer)
        return p;
    if (p == scan->end)
        return scan_fail_grammar(scan, p, "the text ends before its brackets are closed");
    p = scan_space(p);
    if (*p == ',') {
        p = scan_space(p + 1);
        if (closers[depth - 1] == '}')
            goto member;
        goto value;
    }
    if ((uint8_t)*p != closers[depth - 1])
        return scan_fail_grammar(scan, p,
                                 closers[depth - 1] == '}'
                                     ? "expected ',' or '}' after a member"
                                     : "expected ',' or ']' after an element");

close:
    depth--;
    p++;
    goto behind;

member:
    if (*p != '"')
        return scan_fail_grammar(scan, p, "expected a member's name");
    p = scan_string(scan, p + 1, &has_escapes);
    if (p == NULL)
        return NULL;
    p = scan_space(p + 1);
    if (*p != ':')
        return scan_fail_grammar(scan, p, "expected ':' after a member's name");
    p = scan_space(p + 1);
    goto value;
}
