#include "json/lenient.h"

#include "json/escape.h"
#include "json/lenient_bytes.h"

const char *lenient_skip_string(const char *at, const char *end) {
    at++;
    for (;;) {
        at = lenient_find_quote(at, end);
        if (at == end)
            return NULL;
        if (*at == '"')
            return at + 1;
        if (end - at < 2)
            return NULL;
        at += 2;
    }
}

/* Bits of the bytes that a backslash before them escapes. `*carry` says whether the first is. */
static uint64_t escaped_bits(uint64_t backslash, uint64_t *carry) {
    uint64_t escaped = *carry;
    backslash &= ~escaped;
    *carry = 0;
    while (backslash != 0) {
        uint64_t bit = backslash & -backslash;
        backslash &= ~bit;
        if (bit == 1ULL << 63) {
            *carry = 1;
        } else {
            escaped |= bit << 1;
            backslash &= ~(bit << 1);
        }
    }
    return escaped;
}

/* All bits from a set one up to the next, by twos: what lies within strings. */
static uint64_t prefix_xor(uint64_t bits) {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    return bits;
}

/* `at` stands on a bracket. 64 bytes at a time: strings are masked out, brackets counted. */
static const char *skip_nested(const char *at, const char *end) {
    int64_t depth = 0;
    uint64_t carry = 0, in_string = 0;
    for (; at < end; at += 64) {
        struct lenient_mask mask = lenient_mask_64(at);
        if (end - at < 64) {
            uint64_t inside = (1ULL << (end - at)) - 1;
            mask.quote &= inside;
            mask.backslash &= inside;
            mask.open &= inside;
            mask.close &= inside;
        }
        if ((mask.backslash | carry) != 0)
            mask.quote &= ~escaped_bits(mask.backslash, &carry);
        uint64_t strings = prefix_xor(mask.quote) ^ in_string;
        in_string = 0 - (strings >> 63);
        uint64_t brackets = (mask.open | mask.close) & ~strings;
        while (brackets != 0) {
            int bit = __builtin_ctzll(brackets);
            brackets &= brackets - 1;
            depth += (mask.open >> bit & 1) ? 1 : -1;
            if (depth == 0)
                return at + bit + 1;
        }
    }
    return NULL;
}

const char *lenient_skip_value(const char *at, const char *end) {
    if (at == end)
        return NULL;
    if (*at == '"')
        return lenient_skip_string(at, end);
    if (*at == '{' || *at == '[')
        return skip_nested(at, end);
    const char *begin = at;
    while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ' && *at != '\t' &&
           *at != '\r' && *at != '"' && *at != ':' && *at != '{' && *at != '[')
        at++;
    return at > begin ? at : NULL;
}

const char *lenient_unescape(const char *at, const char *end, char *to, size_t *size) {
    char *begin = to;
    at++;
    for (;;) {
        size_t run = lenient_copy_run(to, at, end);
        to += run;
        at += run;
        if (at == end)
            return NULL;
        if (*at == '"') {
            *size = (size_t)(to - begin);
            return at + 1;
        }
        at = escape_resolve(at, end, &to);
        if (at == NULL)
            return NULL;
    }
}

const char *lenient_integer(const char *at, const char *end, int64_t *number) {
    bool is_negative = at < end && *at == '-';
    at += is_negative;
    const char *begin = at;
    uint64_t value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (at - begin >= 18 && value > (uint64_t)(INT64_MAX - (*at - '0')) / 10)
            return NULL;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == begin || (at < end && (*at == '.' || *at == 'e' || *at == 'E')))
        return NULL;
    *number = is_negative ? -(int64_t)value : (int64_t)value;
    return at;
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool lenient_unbase64(const char *text, size_t text_size, char *to, size_t *size) {
    if (text_size % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text_size && text[text_size - 1 - padding] == '=')
        padding++;
    char *begin = to;
    for (size_t i = 0; i < text_size; i += 4) {
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++) {
            int digit = i + j < text_size - padding ? base64_digit(text[i + j]) : 0;
            if (digit < 0)
                return false;
            group = group << 6 | (uint32_t)digit;
        }
        *to++ = (char)(group >> 16 & 0xff);
        *to++ = (char)(group >> 8 & 0xff);
        *to++ = (char)(group & 0xff);
    }
    *size = (size_t)(to - begin) - padding;
    return true;
}
