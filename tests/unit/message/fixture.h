/*
 * A decoder for a test: paths in, values out. Payloads are copied into heap blocks of exactly their
 * size, so that AddressSanitizer sees every read beyond.
 */
#ifndef TAKE5_TESTS_MESSAGE_FIXTURE_H
#define TAKE5_TESTS_MESSAGE_FIXTURE_H

#include "message/decode.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURE_MAX_FIELDS 16

struct fixture {
    struct projection *projection;
    struct decoder *decoder;
    uint32_t slots[FIXTURE_MAX_FIELDS];
    char *payload;
    t5_message message;
    uint32_t warnings;
};

static inline struct fixture fixture_with_limits(const struct decode_limits *limits,
                                                 const char *const *paths) {
    struct fixture f = {.projection = projection_new()};
    struct error error;
    cr_assert_not_null(f.projection);
    for (int i = 0; paths != NULL && paths[i] != NULL; i++)
        cr_assert(projection_add(f.projection, paths[i], strlen(paths[i]), &f.slots[i], &error),
                  "%s", error.text);
    cr_assert(projection_seal(f.projection, &error), "%s", error.text);
    f.decoder = decoder_new(f.projection, limits, &error);
    cr_assert_not_null(f.decoder, "%s", error.text);
    return f;
}

static inline struct fixture fixture_new(const char *const *paths) {
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    return fixture_with_limits(&limits, paths);
}

#define FIXTURE(...) fixture_new((const char *const[]){__VA_ARGS__, NULL})

static inline void fixture_free(struct fixture *f) {
    free(f->payload);
    decoder_free(f->decoder);
    projection_free(f->projection);
}

/* A record with key "K" and a timestamp; the payload is bytes. */
static inline struct record fixture_record(struct fixture *f, const char *payload, size_t size) {
    free(f->payload);
    f->payload = malloc(size > 0 ? size : 1);
    cr_assert_not_null(f->payload);
    memcpy(f->payload, payload, size);
    return (struct record){.payload = f->payload,
                           .payload_size = size,
                           .key = "K",
                           .key_size = 1,
                           .kafka_time_ms = 1718658930000};
}

static inline enum decode_reason fixture_decode_bytes(struct fixture *f, const char *payload,
                                                      size_t size) {
    const struct record record = fixture_record(f, payload, size);
    return decoder_decode(f->decoder, &record, &f->message, &f->warnings);
}

static inline enum decode_reason fixture_decode(struct fixture *f, const char *json) {
    return fixture_decode_bytes(f, json, strlen(json));
}

/* Decodes what must be good, and gives field number i. */
static inline const t5_value *fixture_field(struct fixture *f, const char *json, int i) {
    const enum decode_reason reason = fixture_decode(f, json);
    cr_assert_eq(reason, DECODE_OK, "%s: %s: %s", json, decode_reason_name(reason),
                 decoder_error(f->decoder));
    return &f->message.slots[f->slots[i]];
}

static inline const t5_value *fixture_value(const struct fixture *f, int i) {
    return &f->message.slots[f->slots[i]];
}

static inline void assert_text(const t5_value *value, enum t5_value_type type, const char *text,
                               size_t size) {
    cr_assert_eq(value->type, type);
    cr_assert_eq(value->length, size, "length %u, not %zu", value->length, size);
    cr_assert_eq(memcmp(value->text, text, size), 0, "text is \"%.*s\"", (int)size, value->text);
    cr_assert(value->number != value->number, "its number must be NaN");
    cr_assert_eq(value->integer, 0);
}

#endif
