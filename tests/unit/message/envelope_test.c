/* How the members of a message come from either envelope (host/doc/messages.md). */
#include "fixture.h"

#include <math.h>
#include <stdio.h>

#define MS       INT64_C(1000000)
#define KAFKA_NS (INT64_C(1718658930000) * MS) /* what fixture_record() gives */

static void decode(struct fixture *f, const char *json) {
    const enum decode_reason reason = fixture_decode(f, json);
    cr_assert_eq(reason, DECODE_OK, "%s: %s", json, decoder_error(f->decoder));
}

static void assert_symbol(const struct fixture *f, const char *symbol) {
    cr_assert_eq(f->message.symbol.len, strlen(symbol));
    cr_assert_eq(memcmp(f->message.symbol.data, symbol, strlen(symbol)), 0);
}

Test(envelope, the_production_form) {
    struct fixture f = FIXTURE("stats.mean");
    decode(&f, "{\"symbol\":\"K\",\"publishTime\":{\"take5Time\":1718658930123,\"take5TimeStr\":"
               "\"2024\"},\"barData\":{\"barTimeFrame\":420,\"open\":1.5,\"high\":2,\"low\":0.5,"
               "\"close\":1.75,\"volume\":1000},\"stats\":{\"mean\":3},\"price\":9,\"volume\":8}");
    const t5_message *m = &f.message;
    assert_symbol(&f, "K");
    cr_assert_eq(m->event_time_ns, INT64_C(1718658930123) * MS);
    cr_assert_eq(m->time_frame_s, 420);
    cr_assert_eq(m->price, 1.75);
    cr_assert_eq(m->close, 1.75);
    cr_assert_eq(m->open, 1.5);
    cr_assert_eq(m->high, 2.0);
    cr_assert_eq(m->low, 0.5);
    cr_assert_eq(m->volume, 1000.0);
    cr_assert_eq(m->flags, T5_MESSAGE_HAS_TIME_FRAME | T5_MESSAGE_HAS_PRICE |
                               T5_MESSAGE_HAS_VOLUME | T5_MESSAGE_HAS_OPEN | T5_MESSAGE_HAS_HIGH |
                               T5_MESSAGE_HAS_LOW | T5_MESSAGE_HAS_CLOSE | T5_MESSAGE_HAS_KEY |
                               T5_MESSAGE_HAS_KAFKA_TIME | T5_MESSAGE_HAS_EVENT_TIME);
    cr_assert_eq(f.warnings, 0);
    fixture_free(&f);
}

Test(envelope, the_documented_form) {
    struct fixture f = FIXTURE("trend_data");
    decode(&f, "{\"symbol\": \"QQQ\", \"timestamp\": \"2024-06-17T21:15:30Z\", \"price\": 485.23, "
               "\"volume\": 1000, \"trend_data\": {\"a\": 0}}");
    const t5_message *m = &f.message;
    assert_symbol(&f, "QQQ");
    cr_assert_eq(m->event_time_ns, KAFKA_NS);
    cr_assert_eq(m->price, 485.23);
    cr_assert_eq(m->volume, 1000.0);
    cr_assert(isnan(m->close) && isnan(m->open) && isnan(m->high) && isnan(m->low));
    cr_assert_eq(m->time_frame_s, 0);
    cr_assert_eq(m->flags, T5_MESSAGE_HAS_PRICE | T5_MESSAGE_HAS_VOLUME | T5_MESSAGE_HAS_KEY |
                               T5_MESSAGE_HAS_KAFKA_TIME | T5_MESSAGE_HAS_EVENT_TIME);
    cr_assert_eq(f.warnings, DECODE_WARNING_KEY_DIFFERS);
    fixture_free(&f);
}

Test(envelope, the_record_as_it_came_is_there_too) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{}", 2);
    record.offset = 123456789012;
    record.partition = 7;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_OK);
    cr_assert_eq(f.message.size, sizeof(t5_message));
    cr_assert_eq(f.message.offset, 123456789012);
    cr_assert_eq(f.message.partition, 7);
    cr_assert_eq(f.message.kafka_time_ns, KAFKA_NS);
    cr_assert_eq(f.message.key.data, record.key);
    cr_assert_eq(f.message.payload.data, record.payload);
    cr_assert_eq(f.message.payload.len, 2);
    fixture_free(&f);
}

/* ---- symbol ---- */

Test(envelope, without_a_usable_symbol_it_is_the_key) {
    struct fixture f = FIXTURE("a");
    static const char *const absent[] = {"{}",
                                         "{\"symbol\":null}",
                                         "{\"symbol\":\"\"}",
                                         "{\"symbol\":5}",
                                         "{\"symbol\":{\"symbol\":\"X\"}}",
                                         "{\"symbol\":[\"X\"]}",
                                         "{\"symbol\":NaN}",
                                         "{\"symbol\":\"X\",\"symbol\":null}",
                                         "{\"Symbol\":\"X\"}"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        decode(&f, absent[i]);
        assert_symbol(&f, "K");
        cr_assert_not(f.warnings & DECODE_WARNING_KEY_DIFFERS);
    }
    fixture_free(&f);
}

Test(envelope, without_symbol_and_key_the_message_is_bad) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{\"symbol\":\"\"}", 13);
    record.key_size = 0;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_NO_SYMBOL);
    record.key = NULL;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_NO_SYMBOL);
    fixture_free(&f);
}

Test(envelope, a_symbol_needs_no_key) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{\"symbol\":\"X\"}", 14);
    record.key = NULL;
    record.key_size = 0;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_OK);
    cr_assert_eq(f.warnings, 0);
    cr_assert_not(f.message.flags & T5_MESSAGE_HAS_KEY);
    cr_assert_eq(f.message.key.len, 0);
    record.key = "";
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_OK);
    cr_assert_eq(f.warnings, 0);
    cr_assert(f.message.flags & T5_MESSAGE_HAS_KEY);
    fixture_free(&f);
}

Test(envelope, a_key_that_is_the_symbol_must_be_text) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{}", 2);
    record.key = "\x00\x00\xff\x01";
    record.key_size = 4;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_BAD_UTF8);
    fixture_free(&f);
}

Test(envelope, a_symbol_may_have_the_longest_length_and_no_more) {
    struct fixture f = FIXTURE("a");
    char symbol[66];
    char json[128];
    memset(symbol, 'S', 65);
    symbol[64] = '\0';
    snprintf(json, sizeof json, "{\"symbol\":\"%s\"}", symbol);
    decode(&f, json);
    assert_symbol(&f, symbol);
    snprintf(json, sizeof json, "{\"symbol\":\"%sS\"}", symbol);
    cr_assert_eq(fixture_decode(&f, json), DECODE_SYMBOL_TOO_LONG);
    cr_assert_str_eq(decoder_error(f.decoder), "the symbol has 65 bytes; at most 64 are allowed");
    struct record record = fixture_record(&f, "{}", 2);
    record.key = symbol;
    symbol[64] = 'S';
    record.key_size = 65;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings),
                 DECODE_SYMBOL_TOO_LONG);
    fixture_free(&f);
}

Test(envelope, a_symbol_with_escapes_is_compared_resolved) {
    struct fixture f = FIXTURE("a");
    decode(&f, "{\"symbol\":\"\\u004b\"}");
    assert_symbol(&f, "K");
    cr_assert_eq(f.warnings, 0);
    fixture_free(&f);
}

/* ---- time ---- */

#define T INT64_C(1718658930) /* 2024-06-17T21:15:30Z */
#define S (1000 * MS)

enum { READABLE, UNREADABLE };

static const struct {
    const char *json;
    int64_t event_time_ns; /* 0: that of Kafka */
    bool is_unreadable;    /* a time was there that could not be read */
} times[] = {
    {"{\"publishTime\":{\"take5Time\":1718658930001}}", T *S + 1 * MS, READABLE},
    {"{\"PublishTime\":{\"take5Time\":1718658930002}}", T *S + 2 * MS, READABLE},
    {"{\"PublishTime\":{\"take5Time\":1718658930002},\"publishTime\":{\"take5Time\":1718658930001}"
     "}",
     T *S + 1 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":null},\"PublishTime\":{\"take5Time\":1718658930002}}",
     T *S + 2 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":\"\"},\"PublishTime\":{\"take5Time\":1718658930002}}",
     T *S + 2 * MS, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":true},\"PublishTime\":{\"take5Time\":1718658930002}}",
     T *S + 2 * MS, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":{}},\"timestamp\":1718658930003}", T *S + 3 * MS, UNREADABLE},
    {"{\"publishTime\":5,\"timestamp\":1718658930003}", T *S + 3 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":\"1718658930003\"}}", T *S + 3 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":1.718658930004E12}}", T *S + 4 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":1718658930005.0}}", T *S + 5 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":1718658930005.5}}", T *S + 5500000, READABLE},
    {"{\"publishTime\":{\"take5Time\":1718658930}}", T *S, READABLE},
    {"{\"publishTime\":{\"take5Time\":1718658930123456}}", T *S + 123456000, READABLE},
    {"{\"publishTime\":{\"take5Time\":\"2024-06-17T21:15:30Z\"}}", T *S, READABLE},
    {"{\"publishTime\":{\"take5Time\":-1718658930005}}", -T *S - 5 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":0}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":-5}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":\"1718658930005x\"}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":\"-5\"}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":\" 1718658930005\"}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":\"99999999999999999999\"}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":9223372036854}}", 9223372036854 * MS, READABLE},
    {"{\"publishTime\":{\"take5Time\":9223372036855}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":-9223372036855}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":9223372036854775807}}", INT64_MAX, READABLE},
    {"{\"publishTime\":{\"take5Time\":9223372036854775808}}", 0, UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":1e400}}", 0, READABLE}, /* absent, as Infinity is */
    {"{\"publishTime\":{\"take5Time\":9223372036855},\"timestamp\":1718658930004}", T *S + 4 * MS,
     UNREADABLE},
    {"{\"publishTime\":{\"take5Time\":1718658930001},\"timestamp\":\"yesterday\"}", T *S + 1 * MS,
     READABLE}, /* the first that is there */
    {"{\"timestamp\":\"1970-01-01T00:00:01.5Z\"}", 1500 * MS, READABLE},
    {"{\"timestamp\":\"1970-01-01T02:00:01+02:00\"}", 1000 * MS, READABLE},
    {"{\"timestamp\":1718658930006}", T *S + 6 * MS, READABLE},
    {"{\"timestamp\":1718658930006.25}", T *S + 6 * MS + 250000, READABLE},
    {"{\"timestamp\":-1718658930000.25}", -T *S - 250000, READABLE},
    {"{\"timestamp\":1.7e12}", 1700000000 * S, READABLE},
    {"{\"timestamp\":9.3e12}", 0, UNREADABLE},
    {"{\"timestamp\":1e30}", 0, UNREADABLE},
    {"{\"timestamp\":-0.5}", 0, UNREADABLE},
    {"{\"timestamp\":\"yesterday\"}", 0, UNREADABLE},
    {"{\"timestamp\":null}", 0, READABLE},
    {"{\"timestamp\":[1]}", 0, UNREADABLE},
    {"{}", 0, READABLE},
    /* Every form that was seen in the wild, or that a library of some language writes. */
    {"{\"timestamp\":\"2024-06-17T21:15:30.123456789+0530\"}", T *S - 19800 * S + 123456789,
     READABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30.123456789+05:30\"}", T *S - 19800 * S + 123456789,
     READABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30+05\"}", T *S - 18000 * S, READABLE},
    {"{\"timestamp\":\"2024-06-17 21:15:30Z\"}", T *S, READABLE},
    {"{\"timestamp\":\"2024-06-17 21:15:30\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17 21:15:30.5\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17 21:15:30 +0000\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17 21:15:30 UTC\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30,123Z\"}", T *S + 123 * MS, READABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30.1234567891234Z\"}", T *S + 123456789, READABLE},
    {"{\"timestamp\":\"2024-06-17t21:15:30z\"}", T *S, READABLE},
    {"{\"timestamp\":\"2024-06-17T21:15Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"20240617T211530Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"20240617\"}", 0, UNREADABLE},
    {"{\"timestamp\":20240617}", 0, UNREADABLE},
    {"{\"timestamp\":20240617211530}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T24:00:00Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T23:59:60Z\"}", 1718668800 * S - 1, READABLE},
    {"{\"timestamp\":\"2024-02-30T00:00:00Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2023-02-29T00:00:00Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"0000-01-01T00:00:00Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"1969-12-31T23:59:59Z\"}", -1 * S, READABLE},
    {"{\"timestamp\":\"9999-12-31T23:59:59Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"10000-01-01T00:00:00Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30-00:00\"}", T *S, READABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30+14:00\"}", T *S - 14 * 3600 * S, READABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30+99:99\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30 Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\" 2024-06-17T21:15:30Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30Z \"}", 0, UNREADABLE},
    {"{\"timestamp\":\"Mon, 17 Jun 2024 21:15:30 GMT\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"06/17/2024 21:15:30\"}", 0, UNREADABLE},
    {"{\"timestamp\":1718658930}", T *S, READABLE},
    {"{\"timestamp\":1718658930123}", T *S + 123 * MS, READABLE},
    {"{\"timestamp\":1718658930123456}", T *S + 123456000, READABLE},
    {"{\"timestamp\":1718658930123456789}", T *S + 123456789, READABLE},
    {"{\"timestamp\":1718658930.123456}", T *S + 123456000, READABLE},
    {"{\"timestamp\":1.71865893e9}", T *S, READABLE},
    {"{\"timestamp\":1.718658930123e12}", T *S + 123 * MS, READABLE},
    {"{\"timestamp\":\"1718658930\"}", T *S, READABLE},
    {"{\"timestamp\":\"1718658930123\"}", T *S + 123 * MS, READABLE},
    {"{\"timestamp\":\"1718658930.123\"}", 0, UNREADABLE},
    {"{\"timestamp\":0}", 0, UNREADABLE},
    {"{\"timestamp\":-1}", 0, UNREADABLE},
    {"{\"timestamp\":12345}", 0, UNREADABLE},
    {"{\"timestamp\":99999999}", 0, UNREADABLE},
    {"{\"timestamp\":100000000}", 100000000 * S, READABLE},
    {"{\"timestamp\":9223372036}", 9223372036 * S, READABLE},
    {"{\"timestamp\":99999999999}", 0, UNREADABLE},
    {"{\"timestamp\":100000000000}", 100000000 * S, READABLE},
    {"{\"timestamp\":100000000000000}", 100000000 * S, READABLE},
    {"{\"timestamp\":100000000000000000}", 100000000 * S, READABLE},
    {"{\"timestamp\":-9223372036854775808}", INT64_MIN, READABLE},
    {"{\"timestamp\":true}", 0, UNREADABLE},
    {"{\"timestamp\":\"\"}", 0, UNREADABLE},
    {"{\"timestamp\":null}", 0, READABLE},
    {"{\"timestamp\":\"null\"}", 0, UNREADABLE},
    {"{\"timestamp\":253402300800}", 253402300 * S + 800 * MS, READABLE},
    {"{\"timestamp\":1718658930123.456}", T *S + 123456000, READABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30.123456789+0530[Asia/Kolkata]\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-W25-1T21:15:30Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-169T21:15:30Z\"}", 0, UNREADABLE},
    {"{\"timestamp\":\"2024-06-17T21:15:30.Z\"}", 0, UNREADABLE},
};

Test(envelope, the_event_time_is_the_first_that_is_there) {
    struct fixture f = FIXTURE("a");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        decode(&f, times[i].json);
        const bool is_own = times[i].event_time_ns != 0;
        cr_expect_eq(f.message.event_time_ns, is_own ? times[i].event_time_ns : KAFKA_NS,
                     "%s: %lld", times[i].json, (long long)f.message.event_time_ns);
        cr_expect_eq((f.message.flags & T5_MESSAGE_HAS_EVENT_TIME) != 0, is_own, "%s",
                     times[i].json);
    }
    fixture_free(&f);
}

Test(envelope, a_time_that_is_there_and_cannot_be_read_is_counted_and_flagged) {
    struct fixture f = FIXTURE("a");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        decode(&f, times[i].json);
        const bool is_noted = (f.warnings & DECODE_WARNING_UNREADABLE_TIME) != 0;
        cr_expect_eq(is_noted, times[i].is_unreadable, "%s", times[i].json);
        cr_expect_eq(decoder_error(f.decoder)[0] != '\0', times[i].is_unreadable, "%s: %s",
                     times[i].json, decoder_error(f.decoder));
        cr_expect(!is_noted || (f.message.flags & T5_MESSAGE_TIME_SUSPECT) != 0, "%s",
                  times[i].json);
    }
    fixture_free(&f);
}

Test(envelope, the_error_names_the_time_and_its_form) {
    static const struct {
        const char *value;
        enum decode_time_form form;
    } cases[] = {
        {"\"2024-06-17T21:15:30\"", DECODE_TIME_WITHOUT_ZONE},
        {"\"2024-06-17\"", DECODE_TIME_DATE},
        {"\"2023-02-29T00:00:00Z\"", DECODE_TIME_NO_SUCH},
        {"\"yesterday\"", DECODE_TIME_TEXT},
        {"\"\"", DECODE_TIME_TEXT},
        {"12345", DECODE_TIME_NUMBER},
        {"1.5", DECODE_TIME_NUMBER},
        {"false", DECODE_TIME_TYPE},
        {"{\"a\":1}", DECODE_TIME_TYPE},
    };
    struct fixture f = FIXTURE("a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"timestamp\":%s}", cases[i].value);
        decode(&f, json);
        cr_expect_eq(decoder_time_form(f.decoder), cases[i].form, "%s", json);
        cr_expect_not_null(strstr(decoder_error(f.decoder), cases[i].value), "%s: %s", json,
                           decoder_error(f.decoder));
    }
    decode(&f, "{\"timestamp\":\"\\u001b]0;\\u202e and much more text than any time has, on and on"
               "\"}");
    for (const char *p = decoder_error(f.decoder); *p != '\0'; p++)
        cr_assert(*p >= ' ' && *p < 0x7F);
    fixture_free(&f);
}

Test(envelope, without_a_record_s_time_an_unreadable_one_is_what_is_wrong) {
    struct fixture f = FIXTURE("a");
    const char *json = "{\"symbol\":\"K\",\"timestamp\":\"2024-06-17T21:15:30\"}";
    struct record record = fixture_record(&f, json, strlen(json));
    record.kafka_time_ms = RECORD_NO_TIME;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_NO_TIME);
    cr_assert_not_null(strstr(decoder_error(f.decoder), "time_zone"));
    fixture_free(&f);
}

Test(envelope, a_zone_makes_iso_without_one_readable) {
    struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    limits.zone = (struct time_zone){.is_set = true, .offset_s = -4 * 3600};
    struct fixture f = fixture_with_limits(&limits, (const char *const[]){"a", NULL});
    static const char *const texts[] = {"2024-06-17T17:15:30", "2024-06-17 17:15:30.000",
                                        "2024-06-17T21:15:30Z", "2024-06-17T23:15:30+02:00"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"timestamp\":\"%s\"}", texts[i]);
        decode(&f, json);
        cr_expect_eq(f.message.event_time_ns, T * S, "%s", texts[i]);
        cr_expect_eq(f.warnings, 0, "%s", texts[i]);
    }
    decode(&f, "{\"timestamp\":\"2024-06-17T24:00:00\"}");
    cr_expect_eq(f.warnings, DECODE_WARNING_UNREADABLE_TIME);
    fixture_free(&f);
}

Test(envelope, without_any_time_the_message_is_bad) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{}", 2);
    record.kafka_time_ms = RECORD_NO_TIME;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_NO_TIME);
    record.kafka_time_ms = INT64_MAX;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_NO_TIME);
    record = fixture_record(&f, "{\"timestamp\":1718658930}", 24);
    record.kafka_time_ms = RECORD_NO_TIME;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_OK);
    cr_assert_eq(f.message.kafka_time_ns, 0);
    cr_assert_not(f.message.flags & T5_MESSAGE_HAS_KAFKA_TIME);
    fixture_free(&f);
}

Test(envelope, a_time_too_far_ahead_of_the_record_is_suspect) {
    struct fixture f = FIXTURE("a");
    char json[80];
    for (int64_t beyond = 0; beyond <= 1; beyond++) {
        snprintf(json, sizeof json, "{\"symbol\":\"K\",\"timestamp\":%lld}",
                 (long long)(1718658930000 + 3600000 + beyond));
        decode(&f, json);
        cr_assert_eq((f.message.flags & T5_MESSAGE_TIME_SUSPECT) != 0, beyond == 1);
        cr_assert_eq(f.warnings, beyond == 1 ? DECODE_WARNING_SUSPECT_TIME : 0);
    }
    struct record record = fixture_record(&f, json, strlen(json));
    record.kafka_time_ms = RECORD_NO_TIME;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_OK);
    cr_assert_not(f.message.flags & T5_MESSAGE_TIME_SUSPECT);
    record.kafka_time_ms = INT64_MAX / MS;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_OK);
    cr_assert(f.message.flags & T5_MESSAGE_TIME_SUSPECT);
    record.kafka_time_ms = INT64_MIN / MS;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.warnings), DECODE_OK);
    cr_assert(f.message.flags & T5_MESSAGE_TIME_SUSPECT);
    fixture_free(&f);
}

Test(envelope, a_time_too_far_behind_the_record_is_suspect) {
    struct fixture f = FIXTURE("a");
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    char json[80];
    for (int64_t beyond = 0; beyond <= 1; beyond++) {
        snprintf(json, sizeof json, "{\"symbol\":\"K\",\"timestamp\":%lld}",
                 (long long)(1718658930000 - limits.max_event_lag_ns / MS - beyond));
        decode(&f, json);
        cr_assert_eq((f.message.flags & T5_MESSAGE_TIME_SUSPECT) != 0, beyond == 1);
        cr_assert_eq(f.warnings, beyond == 1 ? DECODE_WARNING_SUSPECT_TIME : 0);
        cr_assert(f.message.flags & T5_MESSAGE_HAS_EVENT_TIME);
    }
    fixture_free(&f);
}

/* ---- bar ---- */

Test(envelope, a_time_frame_is_a_positive_whole_number) {
    static const struct {
        const char *value;
        uint32_t time_frame_s;
    } cases[] = {
        {"60", 60},
        {"1560", 1560},
        {"60.0", 60},
        {"6e1", 60},
        {"\"300\"", 300},
        {"4294967295", UINT32_MAX},
        {"4294967296", 0},
        {"0", 0},
        {"-60", 0},
        {"60.5", 0},
        {"\"60s\"", 0},
        {"\"\"", 0},
        {"null", 0},
        {"true", 0},
        {"[60]", 0},
        {"1e400", 0},
        {"\"-60\"", 0},
        {"NaN", 0},
        {"18446744073709551676", 0},
    };
    struct fixture f = FIXTURE("a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"barData\":{\"barTimeFrame\":%s}}", cases[i].value);
        decode(&f, json);
        cr_expect_eq(f.message.time_frame_s, cases[i].time_frame_s, "%s", cases[i].value);
        cr_expect_eq((f.message.flags & T5_MESSAGE_HAS_TIME_FRAME) != 0, cases[i].time_frame_s != 0,
                     "%s", cases[i].value);
    }
    fixture_free(&f);
}

Test(envelope, price_and_volume_fall_through_what_is_no_number) {
    static const char *const absent[] = {"null", "\"5\"", "\"\"",     "true", "{}",
                                         "[5]",  "NaN",   "Infinity", "1e400"};
    struct fixture f = FIXTURE("a");
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        char json[256];
        snprintf(json, sizeof json,
                 "{\"barData\":{\"close\":%s,\"volume\":%s,\"open\":%s,\"high\":%s,\"low\":%s},"
                 "\"price\":2.5,\"volume\":7}",
                 absent[i], absent[i], absent[i], absent[i], absent[i]);
        decode(&f, json);
        cr_expect_eq(f.message.price, 2.5, "%s", absent[i]);
        cr_expect_eq(f.message.volume, 7.0, "%s", absent[i]);
        cr_expect(isnan(f.message.close) && isnan(f.message.open) && isnan(f.message.high) &&
                  isnan(f.message.low));
        cr_expect_eq(f.message.flags &
                         (T5_MESSAGE_HAS_CLOSE | T5_MESSAGE_HAS_OPEN | T5_MESSAGE_HAS_HIGH |
                          T5_MESSAGE_HAS_LOW | T5_MESSAGE_HAS_PRICE | T5_MESSAGE_HAS_VOLUME),
                     T5_MESSAGE_HAS_PRICE | T5_MESSAGE_HAS_VOLUME);
        snprintf(json, sizeof json, "{\"price\":%s,\"volume\":%s}", absent[i], absent[i]);
        decode(&f, json);
        cr_expect(isnan(f.message.price) && isnan(f.message.volume));
    }
    fixture_free(&f);
}

Test(envelope, zero_is_not_absent) {
    struct fixture f = FIXTURE("a");
    decode(&f, "{\"barData\":{\"close\":0,\"volume\":0.0},\"price\":1,\"volume\":1}");
    cr_assert_eq(f.message.price, 0.0);
    cr_assert_eq(f.message.volume, 0.0);
    fixture_free(&f);
}

Test(envelope, of_two_bars_the_last_counts_alone) {
    struct fixture f = FIXTURE("a");
    decode(&f,
           "{\"barData\":{\"close\":1,\"barTimeFrame\":60},\"barData\":{\"open\":2},\"price\":3}");
    cr_assert_eq(f.message.price, 3.0);
    cr_assert_eq(f.message.open, 2.0);
    cr_assert(isnan(f.message.close));
    cr_assert_eq(f.message.time_frame_s, 0);
    fixture_free(&f);
}

Test(envelope, strategies_may_want_the_envelopes_own_paths) {
    struct fixture f = FIXTURE("barData.close", "symbol", "barData");
    cr_assert_eq(fixture_field(&f, "{\"symbol\":\"S\",\"barData\":{\"close\":1}}", 0)->integer, 1);
    assert_text(fixture_value(&f, 1), T5_VALUE_TEXT, "S", 1);
    assert_text(fixture_value(&f, 2), T5_VALUE_JSON, "{\"close\":1}", 11);
    cr_assert_eq(f.message.price, 1.0);
    fixture_free(&f);
}
