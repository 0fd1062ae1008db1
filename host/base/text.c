#include "base/text.h"

#include "base/calendar.h"
#include "base/clock.h"
#include "base/copy.h"

#include <take5/decimal.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What `data` points to before anything was appended. Never written: capacity is 0 then. */
static const char nothing[1] = "";

void text_init(struct text *text) {
    *text = (struct text){.data = (char *)nothing};
}

void text_release(struct text *text) {
    if (text->capacity > 0)
        free(text->data);
    text_init(text);
}

void text_reset(struct text *text) {
    text->size = 0;
    text->is_oom = false;
    if (text->capacity > 0)
        text->data[0] = '\0';
}

char *text_take(struct text *text) {
    char *data = NULL;
    if (!text->is_oom)
        data = text->capacity > 0 ? text->data : calloc(1, 1);
    if (data == NULL || data != text->data)
        text_release(text);
    else
        text_init(text);
    return data;
}

bool text_is_oom(const struct text *text) {
    return text->is_oom;
}

static __attribute__((noinline)) bool grow(struct text *text, size_t more) {
    size_t need = text->size + more + 1;
    size_t capacity = text->capacity > 0 ? text->capacity * 2 : 64;
    if (capacity < need)
        capacity = need;
    char *data = need > more ? realloc(text->capacity > 0 ? text->data : NULL, capacity) : NULL;
    if (data == NULL) {
        text->is_oom = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

/* Room for `more` bytes and the NUL. Once short, always short: a text with a hole in it would be
 * worse than one that ends early. */
static inline bool reserve(struct text *text, size_t more) {
    return !text->is_oom && (more < text->capacity - text->size || grow(text, more));
}

void text_reserve(struct text *text, size_t size) {
    if (size < text->capacity || size == SIZE_MAX)
        return;
    char *data = realloc(text->capacity > 0 ? text->data : NULL, size + 1);
    if (data == NULL)
        return;
    memset(data + text->size, 0, size + 1 - text->size);
    text->data = data;
    text->capacity = size + 1;
}

char *text_room(struct text *text, size_t most) {
    return reserve(text, most) ? text->data + text->size : NULL;
}

void text_extend(struct text *text, size_t size) {
    text->size += size;
    text->data[text->size] = '\0';
}

void text_append(struct text *text, const void *data, size_t size) {
    if (size == 0 || !reserve(text, size))
        return;
    copy_bytes(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void text_puts(struct text *text, const char *string) {
    text_append(text, string, strlen(string));
}

void text_putc(struct text *text, char c) {
    if (!reserve(text, 1))
        return;
    text->data[text->size++] = c;
    text->data[text->size] = '\0';
}

void text_printf(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    text_vprintf(text, format, args);
    va_end(args);
}

void text_vprintf(struct text *text, const char *format, va_list args) {
    if (!reserve(text, 63)) /* what most calls need, so that they format once */
        return;
    va_list again;
    va_copy(again, args);
    size_t room = text->capacity - text->size;
    int size = vsnprintf(text->data + text->size, room, format, args);
    if (size >= 0 && (size_t)size >= room && reserve(text, (size_t)size))
        size = vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
    va_end(again);
    if (size < 0 || text->is_oom) {
        text->is_oom = true;
        text->data[text->size] = '\0';
        return;
    }
    text->size += (size_t)size;
}

size_t text_utf8_length(const char *data, size_t size) {
    const unsigned char *s = (const unsigned char *)data;
    if (size == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    size_t length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool is_overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool is_surrogate = s[0] == 0xED && s[1] >= 0xA0;
    bool is_above = s[0] == 0xF4 && s[1] >= 0x90;
    return is_overlong || is_surrogate || is_above ? 0 : length;
}

static bool are_eight_ascii(const char *data) {
    uint64_t eight;
    memcpy(&eight, data, sizeof eight);
    return (eight & 0x8080808080808080u) == 0;
}

bool text_is_utf8(const char *data, size_t size) {
    const char *end = data + size;
    while (data < end) {
        const size_t left = (size_t)(end - data);
        size_t length = 1;
        if (left >= 8 && are_eight_ascii(data))
            length = 8;
        else if ((signed char)*data < 0)
            length = text_utf8_length(data, left);
        if (length == 0)
            return false;
        data += length;
    }
    return true;
}

/* The character of `length` bytes that text_utf8_length() has found. */
static uint32_t character_of(const char *data, size_t length) {
    const unsigned char *s = (const unsigned char *)data;
    uint32_t character = length == 1 ? s[0] : s[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++)
        character = character << 6 | (s[i] & 0x3F);
    return character;
}

/* Unicode's controls, and what its category Cf has: marks of direction, joiners, tags. */
static bool is_unseen(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x80, 0x9F},     {0xAD, 0xAD},     {0x34F, 0x34F},     {0x600, 0x605},
        {0x61C, 0x61C},   {0x6DD, 0x6DD},   {0x70F, 0x70F},     {0x115F, 0x1160},
        {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x200B, 0x200F},   {0x2028, 0x202E},
        {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
        {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
    };
    if (c < 0x80)
        return c < 0x20 || c == 0x7F;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges && c >= ranges[i].first; i++) {
        if (c <= ranges[i].last)
            return true;
    }
    return false;
}

/* "\n" and the like, of the control characters that have a letter; NULL: it has none. */
static const char *letter_escape(uint32_t c) {
    return c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
}

static void put_byte(struct text *text, unsigned char c) {
    const char *escape = letter_escape(c);
    if (escape != NULL)
        text_puts(text, escape);
    else
        text_printf(text, "\\x%02x", c);
}

static void put_visible(struct text *text, const char *data, size_t size, const char *passing) {
    size_t plain = 0; /* start of the run that goes out as it is */
    size_t i = 0;
    while (i < size) {
        const size_t length = text_utf8_length(data + i, size - i);
        const uint32_t c = length > 0 ? character_of(data + i, length) : 0;
        if (length > 0 && (!is_unseen(c) || (c != 0 && c < 0x80 && strchr(passing, (int)c)))) {
            i += length;
            continue;
        }
        text_append(text, data + plain, i - plain);
        if (length < 2)
            put_byte(text, (unsigned char)data[i]);
        else
            text_printf(text, c > 0xFFFF ? "\\u{%x}" : "\\u%04x", (unsigned)c);
        i += length > 0 ? length : 1;
        plain = i;
    }
    if (size > 0)
        text_append(text, data + plain, size - plain);
}

void text_visible(struct text *text, const char *data, size_t size) {
    put_visible(text, data, size, "");
}

void text_visible_lines(struct text *text, const char *data, size_t size) {
    put_visible(text, data, size, "\n\t");
}

static void json_escape(struct text *text, uint32_t c) {
    const char *escape = c == '"' ? "\\\"" : c == '\\' ? "\\\\" : letter_escape(c);
    if (escape != NULL)
        text_puts(text, escape);
    else if (c > 0xFFFF)
        text_printf(text, "\\u%04x\\u%04x", (unsigned)(0xD7C0 + (c >> 10)),
                    (unsigned)(0xDC00 | (c & 0x3FF)));
    else
        text_printf(text, "\\u%04x", (unsigned)c);
}

/* What stands for itself in JSON, and is most of all text. */
static bool is_plain_ascii(char c) {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The same of eight, in bytes of a word: none is below ' ', 0x7F or above, a quote, a backslash. */
static bool are_eight_plain(const char *data) {
    uint64_t x;
    memcpy(&x, data, sizeof x);
    const uint64_t quote = x ^ EACH_BYTE('"'), backslash = x ^ EACH_BYTE('\\');
    const uint64_t found = ((x - EACH_BYTE(' ')) & ~x) | x | (x + EACH_BYTE(1)) |
                           ((quote - EACH_BYTE(1)) & ~quote) |
                           ((backslash - EACH_BYTE(1)) & ~backslash);
    return (found & EACH_BYTE(0x80)) == 0;
}

/* How many of the first stand for themselves. */
static size_t plain_length(const char *data, size_t size) {
    size_t i = 0;
    while (size - i >= 8 && are_eight_plain(data + i))
        i += 8;
    while (i < size && is_plain_ascii(data[i]))
        i++;
    return i;
}

static void put_plain_string(struct text *text, const char *data, size_t size) {
    char *to = text_room(text, size + 2);
    if (to == NULL)
        return;
    to[0] = '"';
    copy_bytes(to + 1, data, size);
    to[size + 1] = '"';
    text_extend(text, size + 2);
}

void text_json_string(struct text *text, const char *data, size_t size) {
    size_t plain = 0; /* start of the run that goes out as it is */
    size_t i = plain_length(data, size);

    if (i == size) {
        put_plain_string(text, data, size);
        return;
    }
    text_putc(text, '"');
    while (i < size) {
        if (size - i >= 8 && are_eight_plain(data + i)) {
            i += 8;
            continue;
        }
        if (is_plain_ascii(data[i])) {
            i++;
            continue;
        }
        const size_t length = text_utf8_length(data + i, size - i);
        const uint32_t c = length > 0 ? character_of(data + i, length) : 0;
        if (length > 0 && c != '"' && c != '\\' && !is_unseen(c)) {
            i += length;
            continue;
        }
        text_append(text, data + plain, i - plain);
        if (length == 0)
            text_puts(text, "\xEF\xBF\xBD");
        else
            json_escape(text, c);
        i += length > 0 ? length : 1;
        plain = i;
    }
    if (size > 0)
        text_append(text, data + plain, size - plain);
    text_putc(text, '"');
}

void text_json_number(struct text *text, double number) {
    char *to = text_room(text, T5_DECIMAL_SIZE);
    if (to != NULL)
        text_extend(text, t5_decimal(to, number));
}

/* The digits of `number`, with zeros in front if there are fewer than `least`; they end at `end`.
 * Gives where they begin. */
static char *put_digits(char *end, uint64_t number, int least) {
    char *at = end;
    for (; number > 0 || end - at < least; number /= 10)
        *--at = (char)('0' + number % 10);
    return at;
}

void text_json_unsigned(struct text *text, uint64_t number) {
    char digits[20];
    const size_t count = (size_t)t5_decimal_put_digits_(digits + sizeof digits, number);
    text_append(text, digits + sizeof digits - count, count);
}

void text_json_integer(struct text *text, int64_t number) {
    if (number < 0)
        text_putc(text, '-');
    text_json_unsigned(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void text_base64(struct text *text, const void *data, size_t size) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (have > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (have > 2)
            group |= bytes[i + 2];
        char quad[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63],
                        have > 1 ? alphabet[group >> 6 & 63] : '=',
                        have > 2 ? alphabet[group & 63] : '='};
        text_append(text, quad, sizeof quad);
    }
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

/* 64 bits of nanoseconds reach from 1677 to 2262: a year has four digits. */
void text_time_ns(struct text *text, int64_t time_ns) {
    const int64_t time_ms = floor_divide(time_ns, NS_PER_MS);
    const int64_t days = floor_divide(time_ms, 86400000);
    const uint64_t ms = (uint64_t)(time_ms - days * 86400000);
    const struct calendar_date date = calendar_date(days);
    char time[] = "YYYY-MM-DDThh:mm:ss.000Z";
    put_digits(time + 4, (uint64_t)date.year, 4);
    put_digits(time + 7, date.month, 2);
    put_digits(time + 10, date.day, 2);
    put_digits(time + 13, ms / 3600000, 2);
    put_digits(time + 16, ms / 60000 % 60, 2);
    put_digits(time + 19, ms / 1000 % 60, 2);
    put_digits(time + 23, ms % 1000, 3);
    text_append(text, time, sizeof time - 1);
}

char *text_dup(const char *data, size_t size) {
    char *copy = size < SIZE_MAX ? malloc(size + 1) : NULL;
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

char *text_vformat(const char *format, va_list args) {
    struct text text;
    text_init(&text);
    text_vprintf(&text, format, args);
    return text_take(&text);
}

char *text_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *formatted = text_vformat(format, args);
    va_end(args);
    return formatted;
}

const char *text_plural(uint64_t count) {
    return count == 1 ? "" : "s";
}
