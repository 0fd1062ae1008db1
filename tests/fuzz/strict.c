#include "strict.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const char *text;
    size_t size;
    size_t at;
    unsigned max_depth;
    bool refuses_non_finite;
    struct strict_result result;
};

static int peek(const struct parser *parser) {
    return parser->at < parser->size ? (unsigned char)parser->text[parser->at] : -1;
}

static bool fail(struct parser *parser, enum strict_verdict verdict) {
    if (parser->result.verdict == STRICT_GOOD)
        parser->result.verdict = verdict;
    return false;
}

static bool take(struct parser *parser, int byte) {
    if (peek(parser) != byte)
        return fail(parser, STRICT_BAD);
    parser->at++;
    return true;
}

static bool take_word(struct parser *parser, const char *word) {
    for (; *word != '\0'; word++)
        if (!take(parser, *word))
            return false;
    return true;
}

static void pass_space(struct parser *parser) {
    while (peek(parser) == ' ' || peek(parser) == '\t' || peek(parser) == '\n' ||
           peek(parser) == '\r')
        parser->at++;
}

static bool is_digit(int byte) {
    return byte >= '0' && byte <= '9';
}

static bool take_digits(struct parser *parser) {
    if (!is_digit(peek(parser)))
        return fail(parser, STRICT_BAD);
    while (is_digit(peek(parser)))
        parser->at++;
    return true;
}

static bool note_non_finite(struct parser *parser) {
    parser->result.has_non_finite = true;
    return !parser->refuses_non_finite || fail(parser, STRICT_NON_FINITE);
}

static bool take_non_finite(struct parser *parser, const char *word) {
    if (!take_word(parser, word))
        return false;
    return note_non_finite(parser);
}

/* Whether the number's text, which is good, stands for more than any double. */
static bool is_beyond_range(const char *text, size_t size) {
    char *copy = malloc(size + 1);
    if (copy == NULL)
        abort();
    memcpy(copy, text, size);
    copy[size] = '\0';
    const double number = strtod(copy, NULL);
    free(copy);
    return isinf(number);
}

static bool take_number(struct parser *parser) {
    const size_t begin = parser->at;
    if (peek(parser) == '-') {
        parser->at++;
        if (peek(parser) == 'I')
            return take_non_finite(parser, "Infinity");
    }
    if (peek(parser) == '0')
        parser->at++;
    else if (!take_digits(parser))
        return false;
    if (peek(parser) == '.') {
        parser->at++;
        if (!take_digits(parser))
            return false;
    }
    if (peek(parser) == 'e' || peek(parser) == 'E') {
        parser->at++;
        if (peek(parser) == '+' || peek(parser) == '-')
            parser->at++;
        if (!take_digits(parser))
            return false;
    }
    if (parser->at - begin > parser->result.longest_number)
        parser->result.longest_number = parser->at - begin;
    if (is_beyond_range(parser->text + begin, parser->at - begin))
        return note_non_finite(parser);
    return true;
}

/* By decoding the code point and asking whether this is how it must be encoded. */
static bool take_utf8(struct parser *parser) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const int lead = peek(parser);
    int length = 0;
    uint32_t point = 0;
    if ((lead & 0xE0) == 0xC0) {
        length = 2;
        point = (uint32_t)lead & 0x1F;
    } else if ((lead & 0xF0) == 0xE0) {
        length = 3;
        point = (uint32_t)lead & 0x0F;
    } else if ((lead & 0xF8) == 0xF0) {
        length = 4;
        point = (uint32_t)lead & 0x07;
    } else {
        return fail(parser, STRICT_BAD);
    }
    parser->at++;
    for (int i = 1; i < length; i++) {
        const int byte = peek(parser);
        if (byte < 0 || (byte & 0xC0) != 0x80)
            return fail(parser, STRICT_BAD);
        point = point << 6 | ((uint32_t)byte & 0x3F);
        parser->at++;
    }
    if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return fail(parser, STRICT_BAD);
    return true;
}

static bool take_hex4(struct parser *parser, uint32_t *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const int byte = peek(parser);
        const char *digit = byte > 0 ? strchr(digits, byte) : NULL;
        if (digit == NULL)
            return fail(parser, STRICT_BAD);
        *unit = *unit * 16 + (uint32_t)((digit - digits) % 16);
        parser->at++;
    }
    return true;
}

static bool take_escape(struct parser *parser) {
    parser->at++;
    const int byte = peek(parser);
    if (byte <= 0 || strchr("\"\\/bfnrtu", byte) == NULL)
        return fail(parser, STRICT_BAD);
    parser->at++;
    if (byte != 'u')
        return true;
    uint32_t unit;
    if (!take_hex4(parser, &unit))
        return false;
    if (unit == 0)
        parser->result.has_nul = true;
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return fail(parser, STRICT_BAD);
    if (unit < 0xD800 || unit > 0xDBFF)
        return true;
    uint32_t low;
    if (!take(parser, '\\') || !take(parser, 'u') || !take_hex4(parser, &low))
        return false;
    return (low >= 0xDC00 && low <= 0xDFFF) || fail(parser, STRICT_BAD);
}

static bool take_string(struct parser *parser) {
    if (!take(parser, '"'))
        return false;
    for (;;) {
        const int byte = peek(parser);
        bool is_good = true;
        if (byte == '"') {
            parser->at++;
            return true;
        }
        if (byte < 0x20) /* also the end */
            return fail(parser, STRICT_BAD);
        if (byte == '\\')
            is_good = take_escape(parser);
        else if (byte >= 0x80)
            is_good = take_utf8(parser);
        else
            parser->at++;
        if (!is_good)
            return false;
    }
}

static bool take_value(struct parser *parser, unsigned depth);

static bool take_bracket(struct parser *parser, unsigned depth) {
    const bool is_object = peek(parser) == '{';
    if (depth == parser->max_depth)
        return fail(parser, STRICT_TOO_DEEP);
    parser->at++;
    pass_space(parser);
    if (peek(parser) == (is_object ? '}' : ']')) {
        parser->at++;
        return true;
    }
    for (;;) {
        if (is_object) {
            if (!take_string(parser))
                return false;
            pass_space(parser);
            if (!take(parser, ':'))
                return false;
            pass_space(parser);
        }
        if (!take_value(parser, depth + 1))
            return false;
        pass_space(parser);
        if (peek(parser) != ',')
            return take(parser, is_object ? '}' : ']');
        parser->at++;
        pass_space(parser);
    }
}

static bool take_value(struct parser *parser, unsigned depth) {
    switch (peek(parser)) {
    case '{':
    case '[':
        return take_bracket(parser, depth);
    case '"':
        return take_string(parser);
    case 't':
        return take_word(parser, "true");
    case 'f':
        return take_word(parser, "false");
    case 'n':
        return take_word(parser, "null");
    case 'N':
        return take_non_finite(parser, "NaN");
    case 'I':
        return take_non_finite(parser, "Infinity");
    default:
        return take_number(parser);
    }
}

struct strict_result strict_check(const char *text, size_t size, unsigned max_depth,
                                  bool refuses_non_finite) {
    struct parser parser = {.text = text,
                            .size = size,
                            .max_depth = max_depth,
                            .refuses_non_finite = refuses_non_finite,
                            .result = {.verdict = STRICT_GOOD}};
    pass_space(&parser);
    parser.result.is_object = peek(&parser) == '{';
    if (take_value(&parser, 0)) {
        pass_space(&parser);
        if (parser.at != size)
            fail(&parser, STRICT_BAD);
    }
    return parser.result;
}

static struct strict_span value_at(struct parser *parser) {
    const size_t begin = parser->at;
    take_value(parser, 0);
    return (struct strict_span){parser->text + begin, parser->at - begin};
}

/* The last member of the name. */
static struct strict_span member_of(struct strict_span object, const char *name) {
    struct parser parser = {.text = object.text, .size = object.size, .at = 1, .max_depth = 1000};
    struct strict_span found = {NULL, 0};
    char *plain = malloc(object.size);
    pass_space(&parser);
    while (plain != NULL && peek(&parser) == '"') {
        const struct strict_span string = value_at(&parser);
        const size_t size = strict_unescape(string, plain);
        pass_space(&parser);
        parser.at++;
        pass_space(&parser);
        const struct strict_span value = value_at(&parser);
        if (size == strlen(name) && memcmp(plain, name, size) == 0)
            found = value;
        pass_space(&parser);
        parser.at++;
        pass_space(&parser);
    }
    free(plain);
    return found;
}

static struct strict_span element_of(struct strict_span array, const char *step) {
    const struct strict_span none = {NULL, 0};
    struct parser parser = {.text = array.text, .size = array.size, .at = 1, .max_depth = 1000};
    char *end;
    const unsigned long wanted = strtoul(step, &end, 10);
    if (*end != '\0' || !is_digit(*step) || (step[0] == '0' && step[1] != '\0'))
        return none;
    pass_space(&parser);
    if (peek(&parser) == ']')
        return none;
    for (unsigned long i = 0;; i++) {
        const struct strict_span value = value_at(&parser);
        if (i == wanted)
            return value;
        pass_space(&parser);
        if (peek(&parser) != ',')
            return none;
        parser.at++;
        pass_space(&parser);
    }
}

struct strict_span strict_find(const char *text, size_t size, const char *const *steps) {
    struct parser parser = {.text = text, .size = size, .max_depth = 1000};
    pass_space(&parser);
    struct strict_span span = value_at(&parser);
    for (; *steps != NULL && span.text != NULL; steps++) {
        if (*span.text == '{')
            span = member_of(span, *steps);
        else if (*span.text == '[')
            span = element_of(span, *steps);
        else
            span.text = NULL;
    }
    return span;
}

static size_t encode(uint32_t point, char *out) {
    static const struct {
        uint32_t bound;
        unsigned char lead;
        size_t size;
    } forms[] = {{0x80, 0x00, 1}, {0x800, 0xC0, 2}, {0x10000, 0xE0, 3}, {0x110000, 0xF0, 4}};
    size_t i = 0;
    while (point >= forms[i].bound)
        i++;
    const size_t size = forms[i].size;
    for (size_t k = size - 1; k > 0; k--, point >>= 6)
        out[k] = (char)(0x80 | (point & 0x3F));
    out[0] = (char)(forms[i].lead | point);
    return size;
}

size_t strict_unescape(struct strict_span string, char *out) {
    size_t size = 0;
    for (size_t i = 1; i < string.size - 1; i++) {
        if (string.text[i] != '\\') {
            out[size++] = string.text[i];
            continue;
        }
        i++;
        static const char from[] = "bfnrt";
        static const char to[] = "\b\f\n\r\t";
        const char *simple = strchr(from, string.text[i]);
        if (string.text[i] != 'u') {
            out[size++] = simple != NULL ? to[simple - from] : string.text[i];
            continue;
        }
        char hex[5] = {0};
        memcpy(hex, string.text + i + 1, 4);
        uint32_t point = (uint32_t)strtoul(hex, NULL, 16);
        i += 4;
        if (point >= 0xD800 && point <= 0xDBFF) {
            memcpy(hex, string.text + i + 3, 4);
            point = 0x10000 + (point - 0xD800) * 0x400 + (uint32_t)strtoul(hex, NULL, 16) - 0xDC00;
            i += 6;
        }
        size += encode(point, out + size);
    }
    return size;
}
