/*
 * The decoder against two oracles: strict.h on every input, and cJSON on what is good.
 *
 * The first byte of an input is options; the rest is one or more payloads divided by the byte 1E,
 * decoded one after the other by one decoder, so that it also guesses and resets as on a stream,
 * and then once more by the same.
 */
#include "fuzz.h"
#include "strict.h"

#include "message/decode.h"
#include "message/document.h"

#include <cjson/cJSON.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_REFUSE_NON_FINITE = 1, OPTION_SHALLOW = 2 };

#define MAX_STEPS 4
#define MAX_BYTES 4096

/* Every path with its alternatives taken apart. */
static const struct wanted {
    const char *path;
    const char *alternatives[3][MAX_STEPS];
} wanted[] = {
    {"a", {{"a"}}},
    {"b", {{"b"}}},
    {"a.b", {{"a", "b"}}},
    {"a.b.c", {{"a", "b", "c"}}},
    {"a.0", {{"a", "0"}}},
    {"a.2", {{"a", "2"}}},
    {"a.2.b", {{"a", "2", "b"}}},
    {"a.0.0", {{"a", "0", "0"}}},
    {"0.1", {{"0", "1"}}},
    {"c.d|a.b", {{"c", "d"}, {"a", "b"}}},
    {"x|b.y|c", {{"x"}, {"b", "y"}, {"c"}}},
    {"symbol", {{"symbol"}}},
    {"price", {{"price"}}},
    {"barData", {{"barData"}}},
    {"barData.close", {{"barData", "close"}}},
    {"publishTime.take5Time", {{"publishTime", "take5Time"}}},
    {"a_name_of_more_than_sixteen", {{"a_name_of_more_than_sixteen"}}},
    {"a_name_of_more_than_thirty_two_bytes", {{"a_name_of_more_than_thirty_two_bytes"}}},
    {"\xc3\xa9", {{"\xc3\xa9"}}},
    {"d\\.e", {{"d.e"}}},
    {"q\"", {{"q\""}}},
    {"\\\\", {{"\\"}}},
};

#define WANTED (sizeof wanted / sizeof *wanted)

static const char *show(struct strict_span span) {
    static char text[200];
    const size_t size = span.size < sizeof text - 1 ? span.size : sizeof text - 1;
    memcpy(text, span.text, size);
    text[size] = '\0';
    return text;
}

static double number_in(struct strict_span span) {
    char *text = malloc(span.size + 1);
    if (text == NULL)
        fuzz_fail("out of memory");
    memcpy(text, span.text, span.size);
    text[span.size] = '\0';
    const double number = strtod(text, NULL);
    free(text);
    return number;
}

static bool same_number(double a, double b) {
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

static void check_number(const t5_value *value, struct strict_span span, const char *path) {
    const double number = number_in(span);
    FUZZ_CHECK(same_number(value->number, number), "%s: %s read as %.17g", path, show(span),
               value->number);
    bool is_integer = true;
    for (size_t i = 0; i < span.size; i++)
        is_integer = is_integer && span.text[i] != '.' && (span.text[i] | 0x20) != 'e';
    bool fits = is_integer && span.size <= 20;
    long long integer = 0;
    if (fits) {
        char text[24] = {0};
        memcpy(text, span.text, span.size);
        errno = 0;
        integer = strtoll(text, NULL, 10);
        fits = errno == 0;
        integer = fits ? integer : 0;
    }
    FUZZ_CHECK(value->type == (fits ? T5_VALUE_INTEGER : T5_VALUE_NUMBER), "%s: %s has type %u",
               path, show(span), value->type);
    FUZZ_CHECK(value->integer == integer, "%s: %s has integer %lld", path, show(span),
               (long long)value->integer);
    FUZZ_CHECK(value->flags == (is_integer && !fits ? T5_VALUE_ROUNDED : 0), "%s: %s flags %u",
               path, show(span), value->flags);
}

static void check_text(const t5_value *value, struct strict_span span, const char *path) {
    char *plain = malloc(span.size);
    if (plain == NULL)
        fuzz_fail("out of memory");
    const size_t size = strict_unescape(span, plain);
    FUZZ_CHECK(value->type == T5_VALUE_TEXT && value->length == size &&
                   memcmp(value->text, plain, size) == 0,
               "%s: %s read as text of %u bytes", path, show(span), value->length);
    free(plain);
}

static void check_value(const t5_value *value, struct strict_span span, const char *path) {
    const char first = span.text != NULL ? *span.text : 'N';
    const bool is_number = first == '-' || (first >= '0' && first <= '9');
    if (is_number && !(first == '-' && span.text[1] == 'I')) {
        check_number(value, span, path);
        return;
    }
    FUZZ_CHECK(value->flags == 0, "%s: flags %u", path, value->flags);
    if (first == '"') {
        check_text(value, span, path);
    } else if (first == '{' || first == '[') {
        FUZZ_CHECK(value->type == T5_VALUE_JSON && value->text == span.text &&
                       value->length == span.size,
                   "%s: %s read as %.*s", path, show(span), (int)value->length, value->text);
    } else if (first == 't' || first == 'f') {
        FUZZ_CHECK(value->type == T5_VALUE_BOOLEAN && value->integer == (first == 't') &&
                       value->number == (double)(first == 't'),
                   "%s: %s", path, show(span));
        return;
    } else {
        FUZZ_CHECK(value->type == (first == 'n' ? T5_VALUE_NULL : T5_VALUE_MISSING), "%s: type %u",
                   path, value->type);
    }
    FUZZ_CHECK(isnan(value->number) && value->integer == 0, "%s: a number in a value that is none",
               path);
}

/* What is there and finite counts as present: no NaN, and nothing beyond the range of doubles. */
static bool is_present(struct strict_span span) {
    if (span.text == NULL || *span.text == 'N' || *span.text == 'I' ||
        (*span.text == '-' && span.text[1] == 'I'))
        return false;
    const bool is_number = *span.text == '-' || (*span.text >= '0' && *span.text <= '9');
    return !is_number || isfinite(number_in(span));
}

static struct strict_span find_first(const char *text, size_t size, const struct wanted *want) {
    for (int i = 0; i < 3 && want->alternatives[i][0] != NULL; i++) {
        const struct strict_span span = strict_find(text, size, want->alternatives[i]);
        if (is_present(span))
            return span;
    }
    return (struct strict_span){NULL, 0};
}

/* ---- cJSON ---- */

static const cJSON *tree_step(const cJSON *item, const char *step) {
    const cJSON *found = NULL;
    if (cJSON_IsArray(item)) {
        char *end;
        const unsigned long index = strtoul(step, &end, 10);
        const bool is_index = *end == '\0' && *step >= '0' && *step <= '9';
        return is_index ? cJSON_GetArrayItem(item, (int)index) : NULL;
    }
    if (!cJSON_IsObject(item))
        return NULL;
    for (const cJSON *child = item->child; child != NULL; child = child->next)
        if (strcmp(child->string, step) == 0)
            found = child;
    return found;
}

static void check_tree_value(const t5_value *value, const cJSON *item, const char *path) {
    bool is_same = true;
    if (item == NULL)
        is_same = value->type == T5_VALUE_MISSING;
    else if (cJSON_IsNumber(item))
        is_same = t5_value_is_number(value) && same_number(value->number, item->valuedouble);
    else if (cJSON_IsString(item))
        is_same = value->type == T5_VALUE_TEXT && value->length == strlen(item->valuestring) &&
                  memcmp(value->text, item->valuestring, value->length) == 0;
    else if (cJSON_IsBool(item))
        is_same = value->type == T5_VALUE_BOOLEAN && value->integer == cJSON_IsTrue(item);
    else if (cJSON_IsNull(item))
        is_same = value->type == T5_VALUE_NULL;
    else
        is_same = value->type == T5_VALUE_JSON;
    FUZZ_CHECK(is_same, "%s: cJSON has another value", path);
}

/* What cJSON cannot do is left out: NaN, a NUL in a text, numbers of more than 63 bytes. */
static void check_tree(const char *text, size_t size, const struct strict_result *strict,
                       const t5_message *message, const uint32_t *slots) {
    if (strict->has_non_finite || strict->has_nul || strict->longest_number >= 63)
        return;
    cJSON *tree = cJSON_ParseWithLength(text, size);
    FUZZ_CHECK(tree != NULL, "cJSON refuses what the decoder takes");
    for (size_t i = 0; i < WANTED; i++) {
        const cJSON *item = NULL;
        for (int k = 0; k < 3 && wanted[i].alternatives[k][0] != NULL && item == NULL; k++) {
            item = tree;
            for (int s = 0; s < MAX_STEPS && wanted[i].alternatives[k][s] != NULL; s++)
                item = tree_step(item, wanted[i].alternatives[k][s]);
        }
        check_tree_value(&message->slots[slots[i]], item, wanted[i].path);
    }
    cJSON_Delete(tree);
}

/* ---- the document service ---- */

static void check_document(const char *text, size_t size, const t5_message *message,
                           const uint32_t *slots) {
    struct error error;
    struct document *document = document_new(text, size, &error);
    FUZZ_CHECK(document != NULL, "no document of what the decoder takes: %s", error.text);
    for (size_t i = 0; i < WANTED; i++) {
        t5_document query = {
            .size = sizeof query, .child = UINT32_MAX, .path = t5_text(wanted[i].path)};
        const t5_value *field = &message->slots[slots[i]];
        const int32_t code = document_look(document, &query);
        const bool is_there = field->type != T5_VALUE_MISSING;
        FUZZ_CHECK(code == (is_there ? T5_OK : T5_END), "%s: document says %d", wanted[i].path,
                   code);
        FUZZ_CHECK(
            query.value.type == field->type && query.value.flags == field->flags &&
                query.value.integer == field->integer &&
                same_number(query.value.number, field->number) &&
                query.value.length == field->length &&
                (field->length == 0 || memcmp(query.value.text, field->text, field->length) == 0),
            "%s: document has another value", wanted[i].path);
        for (uint32_t child = 0; child < query.child_count; child++) {
            t5_document deeper = {
                .size = sizeof deeper, .child = child, .path = t5_text(wanted[i].path)};
            FUZZ_CHECK(document_look(document, &deeper) == T5_OK, "%s: child %u is missing",
                       wanted[i].path, child);
        }
    }
    document_free(document);
}

/* ---- one payload ---- */

static bool is_expected(enum decode_reason reason, const struct strict_result *strict) {
    switch (strict->verdict) {
    case STRICT_GOOD:
        if (!strict->is_object)
            return reason == DECODE_NOT_OBJECT;
        return reason == DECODE_OK || reason == DECODE_SYMBOL_TOO_LONG;
    case STRICT_TOO_DEEP:
        return reason == DECODE_TOO_DEEP;
    case STRICT_NON_FINITE:
        return reason == DECODE_NON_FINITE;
    case STRICT_BAD:
        break;
    }
    return reason == DECODE_NOT_JSON || reason == DECODE_BAD_UTF8 || reason == DECODE_EMPTY;
}

static void check_payload(struct decoder *decoder, const struct decode_limits *limits,
                          const uint32_t *slots, const uint8_t *data, size_t size) {
    char *text = fuzz_copy(data, size);
    const bool refuses = limits->non_finite == DECODE_NON_FINITE_REJECT;
    const struct strict_result strict = strict_check(text, size, limits->max_depth, refuses);
    const struct record record = {
        .payload = text, .payload_size = size, .key = "K", .key_size = 1, .kafka_time_ms = 0};
    t5_message message;
    uint32_t warnings;
    const enum decode_reason reason = decoder_decode(decoder, &record, &message, &warnings);
    FUZZ_CHECK(is_expected(reason, &strict), "verdict %d, but %s: %s", strict.verdict,
               decode_reason_name(reason), decoder_error(decoder));
    if (reason == DECODE_OK) {
        FUZZ_CHECK(((warnings & DECODE_WARNING_NON_FINITE) != 0) == strict.has_non_finite,
                   "warnings are %u", warnings);
        for (size_t i = 0; i < WANTED; i++)
            check_value(&message.slots[slots[i]], find_first(text, size, &wanted[i]),
                        wanted[i].path);
        check_tree(text, size, &strict, &message, slots);
        check_document(text, size, &message, slots);
    }

    const struct strict_result finite = strict_check(text, size, limits->max_depth, true);
    FUZZ_CHECK(decode_is_object(text, size, limits->max_depth) ==
                   (finite.verdict == STRICT_GOOD && finite.is_object),
               "decode_is_object() disagrees");
    const struct strict_result any = strict_check(text, size, 1000, false);
    FUZZ_CHECK(decode_shape(text, size) == NULL || (any.verdict == STRICT_GOOD && any.is_object),
               "decode_shape() takes what is bad");
    free(text);
}

static void check_stream(struct decoder *decoder, const struct decode_limits *limits,
                         const uint32_t *slots, const uint8_t *data, size_t size) {
    while (size > 0) {
        const uint8_t *mark = memchr(data, 0x1E, size);
        const size_t length = mark != NULL ? (size_t)(mark - data) : size;
        check_payload(decoder, limits, slots, data, length);
        const size_t passed = mark != NULL ? length + 1 : length;
        data += passed;
        size -= passed;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > MAX_BYTES)
        return 0;
    struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    limits.max_bytes = MAX_BYTES;
    if (data[0] & OPTION_REFUSE_NON_FINITE)
        limits.non_finite = DECODE_NON_FINITE_REJECT;
    if (data[0] & OPTION_SHALLOW)
        limits.max_depth = 4;

    struct error error;
    uint32_t slots[WANTED];
    struct projection *projection = projection_new();
    FUZZ_CHECK(projection != NULL, "out of memory");
    for (size_t i = 0; i < WANTED; i++)
        FUZZ_CHECK(
            projection_add(projection, wanted[i].path, strlen(wanted[i].path), &slots[i], &error),
            "%s", error.text);
    FUZZ_CHECK(projection_seal(projection, &error), "%s", error.text);
    struct decoder *decoder = decoder_new(projection, &limits, &error);
    FUZZ_CHECK(decoder != NULL, "%s", error.text);
    for (int round = 0; round < 2; round++)
        check_stream(decoder, &limits, slots, data + 1, size - 1);
    decoder_free(decoder);
    projection_free(projection);
    return 0;
}
