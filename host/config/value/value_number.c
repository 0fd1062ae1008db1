#include "config/value/value_number.h"

#include "base/clock.h"
#include "base/units.h"

#include <string.h>

static int64_t factor_of(enum schema_type type) {
    if (type == SCHEMA_MILLISECONDS)
        return NS_PER_MS;
    return type == SCHEMA_MINUTES ? 60 * NS_PER_S : 1;
}

static bool parse_rate(const char *text, int64_t *value) {
    char number[32];
    size_t size = strlen(text);
    if (size > 4 && strcmp(text + size - 4, "/min") == 0)
        size -= 4;
    if (size >= sizeof number)
        return false;
    memcpy(number, text, size);
    number[size] = '\0';
    return parse_integer(number, value);
}

static bool parse_any_number(enum schema_type type, const char *text, int64_t *value) {
    switch (type) {
    case SCHEMA_DURATION:
        return parse_duration_ns(text, value);
    case SCHEMA_SIZE_32:
    case SCHEMA_SIZE:
        return parse_size(text, value);
    case SCHEMA_RATE:
        return parse_rate(text, value);
    default:
        return parse_integer(text, value) &&
               !__builtin_mul_overflow(*value, factor_of(type), value);
    }
}

void value_number_print(enum schema_type type, int64_t value, struct text *out) {
    char duration[32];
    switch (type) {
    case SCHEMA_DURATION:
        format_duration(value, duration, sizeof duration);
        text_puts(out, duration);
        break;
    case SCHEMA_SIZE_32:
    case SCHEMA_SIZE:
        if (value > 0 && value % (1 << 30) == 0)
            text_printf(out, "%lldGiB", (long long)(value >> 30));
        else if (value > 0 && value % (1 << 20) == 0)
            text_printf(out, "%lldMiB", (long long)(value >> 20));
        else if (value > 0 && value % 1024 == 0)
            text_printf(out, "%lldKiB", (long long)(value >> 10));
        else
            text_json_integer(out, value);
        break;
    case SCHEMA_RATE:
        text_printf(out, "%lld/min", (long long)value);
        break;
    default:
        text_json_integer(out, value / factor_of(type));
    }
}

static bool check_bounds(const struct schema_key *key, int64_t value, const char *text,
                         struct error *error) {
    if (value >= key->min && (key->max == SCHEMA_NO_BOUND || value <= key->max))
        return true;
    struct text bounds;
    text_init(&bounds);
    text_puts(&bounds, value < key->min ? "at least " : "at most ");
    value_number_print(key->type, value < key->min ? key->min : key->max, &bounds);
    error_set(error, ERROR_INVALID, "%s = %s is out of range: %s", key->key, text, bounds.data);
    text_release(&bounds);
    return false;
}

bool value_number_parse(const struct schema_key *key, const char *text, int64_t *value,
                        struct error *error) {
    int64_t number = 0;
    if (!parse_any_number(key->type, text, &number)) {
        int64_t plain;
        bool lacks_unit = key->type == SCHEMA_DURATION && parse_integer(text, &plain);
        return error_set(error, ERROR_INVALID, "%s = %s is not %s%s", key->key, text,
                         schema_type_text(key->type), lacks_unit ? ": the unit is missing" : "");
    }
    if (!check_bounds(key, number, text, error))
        return false;
    *value = number;
    return true;
}
