/*
 * Field paths: what is well formed is added, keeps its slot, and finds its value in a document that
 * is made of its own steps; what is not is refused alike everywhere.
 */
#include "fuzz.h"

#include "base/text.h"
#include "message/decode.h"
#include "message/document.h"

#include <stdlib.h>
#include <string.h>

/* Writes {"step":{"step":1}} for the alternative at `*at`, which moves behind it. */
static void write_document(struct text *json, const char *path, size_t size, size_t *at) {
    int depth = 0;
    char *step = malloc(size + 1);
    bool is_last = false;
    FUZZ_CHECK(step != NULL, "out of memory");
    while (!is_last) {
        size_t length = 0;
        for (; *at < size && path[*at] != '.' && path[*at] != '|'; (*at)++) {
            if (path[*at] == '\\')
                (*at)++;
            step[length++] = path[*at];
        }
        is_last = *at == size || path[*at] == '|';
        (*at)++;
        text_putc(json, '{');
        text_json_string(json, step, length);
        text_putc(json, ':');
        depth++;
    }
    text_putc(json, '1');
    while (depth-- > 0)
        text_putc(json, '}');
    free(step);
}

/* The value itself, or an object: an earlier alternative may name one above it. */
static bool is_found(const t5_value *value) {
    return value->type == T5_VALUE_JSON || (value->type == T5_VALUE_INTEGER && value->integer == 1);
}

static void check_found(const struct projection *projection, uint32_t slot, const char *path,
                        size_t size, const struct text *json) {
    struct error error;
    const struct decode_limits limits = {.max_bytes = 1 << 20,
                                         .max_depth = 64,
                                         .max_symbol = 64,
                                         .non_finite = DECODE_NON_FINITE_REJECT};
    struct decoder *decoder = decoder_new(projection, &limits, &error);
    FUZZ_CHECK(decoder != NULL, "%s", error.text);
    const struct record record = {.payload = json->data,
                                  .payload_size = json->size,
                                  .key = "K",
                                  .key_size = 1,
                                  .kafka_time_ms = 0};
    t5_message message;
    uint32_t warnings;
    for (int i = 0; i < 2; i++) {
        const enum decode_reason reason = decoder_decode(decoder, &record, &message, &warnings);
        FUZZ_CHECK(reason == DECODE_OK, "%s: %s", json->data, decoder_error(decoder));
        FUZZ_CHECK(is_found(&message.slots[slot]), "not found in %s", json->data);
    }
    decoder_free(decoder);

    struct document *document = document_new(json->data, json->size, &error);
    FUZZ_CHECK(document != NULL, "%s", error.text);
    t5_document query = {.size = sizeof query, .child = UINT32_MAX, .path = {path, size}};
    FUZZ_CHECK(document_look(document, &query) == T5_OK && is_found(&query.value),
               "no document look-up finds it in %s", json->data);
    document_free(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error error;
    char *path = fuzz_copy(data, size);
    struct projection *projection = projection_new();
    FUZZ_CHECK(projection != NULL, "out of memory");
    uint32_t slot = UINT32_MAX;
    const bool is_good = projection_check(path, size, &error);
    const bool is_added = projection_add(projection, path, size, &slot, &error);
    FUZZ_CHECK(is_good == is_added, "checked %d, added %d", is_good, is_added);
    if (is_added) {
        uint32_t again = UINT32_MAX;
        FUZZ_CHECK(projection_add(projection, path, size, &again, &error) && again == slot,
                   "slot %u became %u", slot, again);
        struct projection *copy = projection_copy(projection);
        FUZZ_CHECK(copy != NULL, "out of memory");
        FUZZ_CHECK(projection_seal(copy, &error), "%s", error.text);
        FUZZ_CHECK(projection_add(copy, path, size, &again, &error) && again == slot,
                   "slot %u became %u in a copy", slot, again);
        for (size_t at = 0; at < size;) {
            struct text json;
            text_init(&json);
            write_document(&json, path, size, &at);
            check_found(copy, slot, path, size, &json);
            text_release(&json);
        }
        projection_free(copy);
    }
    projection_free(projection);
    free(path);
    return 0;
}
