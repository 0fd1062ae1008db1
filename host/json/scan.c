#include "json/scan.h"

#include "base/text.h"
#include "json/escape.h"
#include "json/number_scan.h"
#include "json/simd_block.h"

#include <math.h>
#include <string.h>

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

/* From a backslash to behind its escape. */
static const char *scan_escape(struct scan *scan, const char *p) {
    char bytes[4], *to = bytes;
    const char *what;
    const bool is_closed = scan->end - p >= 2;
    if (is_closed && escape_bytes[(unsigned char)p[1]] != 0)
        return p + 2;
    const char *behind = escape_unicode(p, scan->end, &to, &what);
    return behind != NULL ? behind : scan_fail_grammar(scan, p + (is_closed && p[1] != 'u'), what);
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

/* Over what is not plain. Apart, so that most strings need no stack. */
static __attribute__((noinline)) const char *scan_special(struct scan *scan, const char *p,
                                                          bool *has_escapes) {
    if (*p == '\\') {
        *has_escapes = true;
        return scan_escape(scan, p);
    }
    if ((unsigned char)*p < ' ')
        return scan_fail_grammar(scan, p, "a control character in a string");
    const size_t length = text_utf8_length(p, (size_t)(scan->end - p));
    if (length == 0)
        return scan_fail(scan, p, DECODE_BAD_UTF8, "a byte in a string that is not UTF-8");
    return p + length;
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
        p = scan_special(scan, p, has_escapes);
        if (p == NULL)
            return NULL;
    }
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
            text = escape_resolve(text, end, &out);
    }
    return (size_t)(out - begin);
}

static const char *expect_word(struct scan *scan, const char *p, const char *word, size_t size) {
    if ((size_t)(scan->end - p) < size || memcmp(p, word, size) != 0)
        return scan_fail_grammar(scan, p, "expected a value");
    return p + size;
}

static const char *non_finite_word(struct scan *scan, const char *p, const char *word,
                                   size_t size) {
    const char *behind = expect_word(scan, p, word, size);
    return behind != NULL
               ? scan_non_finite(scan, p, behind, "NaN or Infinity, which is not a number")
               : NULL;
}

/* A bare word: true, NaN and so on, also -Infinity. `*word` gets its first letter, 'i' for both
 * infinities. */
static const char *scan_word(struct scan *scan, const char *p, char *word) {
    *word = *p;
    switch (*p) {
    case 't':
        return expect_word(scan, p, "true", 4);
    case 'f':
        return expect_word(scan, p, "false", 5);
    case 'n':
        return expect_word(scan, p, "null", 4);
    case 'N':
        return non_finite_word(scan, p, "NaN", 3);
    case 'I':
        *word = 'i';
        return non_finite_word(scan, p, "Infinity", 8);
    case '-':
        if (p[1] != 'I')
            return scan_fail_grammar(scan, p, "a minus without digits");
        *word = 'i';
        return non_finite_word(scan, p, "-Infinity", 9);
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
