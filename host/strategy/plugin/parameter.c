#include "strategy/plugin/parameter.h"

#include "base/units.h"

#include <math.h>
#include <string.h>

static void set_integer(t5_value *value, enum t5_value_type type, int64_t integer) {
    value->type = (uint16_t)type;
    value->integer = integer;
    value->number = (double)integer;
}

static void set_text(t5_value *value, const char *text) {
    value->type = T5_VALUE_TEXT;
    value->text = text;
    value->length = (uint32_t)strlen(text);
}

bool parameter_parse(enum t5_parameter_type type, const char *text, t5_value *value) {
    int64_t integer;
    bool is_true;
    *value = (t5_value){.type = T5_VALUE_MISSING, .number = (double)NAN};
    switch (type) {
    case T5_PARAMETER_INTEGER:
        if (!parse_integer(text, &integer))
            return false;
        set_integer(value, T5_VALUE_INTEGER, integer);
        return true;
    case T5_PARAMETER_DURATION:
        if (!parse_duration_ns(text, &integer))
            return false;
        set_integer(value, T5_VALUE_INTEGER, integer);
        return true;
    case T5_PARAMETER_BOOLEAN:
        if (!parse_boolean(text, &is_true))
            return false;
        set_integer(value, T5_VALUE_BOOLEAN, is_true);
        return true;
    case T5_PARAMETER_NUMBER:
        if (!parse_number(text, &value->number))
            return false;
        value->type = T5_VALUE_NUMBER;
        return true;
    case T5_PARAMETER_TEXT:
    case T5_PARAMETER_FILE:
        set_text(value, text);
        return true;
    }
    return false;
}

const char *parameter_type_wish(enum t5_parameter_type type) {
    switch (type) {
    case T5_PARAMETER_INTEGER:
        return "an integer";
    case T5_PARAMETER_NUMBER:
        return "a finite number";
    case T5_PARAMETER_BOOLEAN:
        return "yes or no";
    case T5_PARAMETER_TEXT:
        return "text";
    case T5_PARAMETER_DURATION:
        return "a duration such as 250ms, 30s, 5m or 2h";
    case T5_PARAMETER_FILE:
        return "a path";
    }
    return "of a known type";
}

bool parameter_has_bounds(enum t5_parameter_type type) {
    return type == T5_PARAMETER_INTEGER || type == T5_PARAMETER_NUMBER ||
           type == T5_PARAMETER_DURATION;
}

int parameter_compare(const t5_value *a, const t5_value *b) {
    if (a->type == T5_VALUE_INTEGER && b->type == T5_VALUE_INTEGER)
        return (a->integer > b->integer) - (a->integer < b->integer);
    return (a->number > b->number) - (a->number < b->number);
}
