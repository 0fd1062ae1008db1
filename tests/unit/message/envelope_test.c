/* How the members of a message come from either envelope (MESSAGES.md). */
#include "fixture.h"

#include <math.h>
#include <stdio.h>

#define MS       INT64_C(1000000)
#define KAFKA_NS (INT64_C(1718658930000) * MS) /* what fixture_record() gives */

static void decode(struct fixture *f, const char *json) {
    const enum decode_reason reason = fixture_decode(f, json);
    cr_assert_eq(reason, DECODE_OK, "%s: %s", json, decoder_complaint(f->decoder));
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
    cr_assert_eq(f.remarks, 0);
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
    cr_assert_eq(f.remarks, DECODE_REMARK_KEY_DIFFERS);
    fixture_free(&f);
}

Test(envelope, the_record_as_it_came_is_there_too) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{}", 2);
    record.offset = 123456789012;
    record.partition = 7;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_OK);
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
        cr_assert_not(f.remarks & DECODE_REMARK_KEY_DIFFERS);
    }
    fixture_free(&f);
}

Test(envelope, without_symbol_and_key_the_message_is_bad) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{\"symbol\":\"\"}", 13);
    record.key_size = 0;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_NO_SYMBOL);
    record.key = NULL;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_NO_SYMBOL);
    fixture_free(&f);
}

Test(envelope, a_symbol_needs_no_key) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{\"symbol\":\"X\"}", 14);
    record.key = NULL;
    record.key_size = 0;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_OK);
    cr_assert_eq(f.remarks, 0);
    cr_assert_not(f.message.flags & T5_MESSAGE_HAS_KEY);
    cr_assert_eq(f.message.key.len, 0);
    record.key = "";
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_OK);
    cr_assert_eq(f.remarks, 0);
    cr_assert(f.message.flags & T5_MESSAGE_HAS_KEY);
    fixture_free(&f);
}

Test(envelope, a_key_that_is_the_symbol_must_be_text) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{}", 2);
    record.key = "\x00\x00\xff\x01";
    record.key_size = 4;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_BAD_UTF8);
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
    cr_assert_str_eq(decoder_complaint(f.decoder),
                     "the symbol has 65 bytes; at most 64 are allowed");
    struct record record = fixture_record(&f, "{}", 2);
    record.key = symbol;
    symbol[64] = 'S';
    record.key_size = 65;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks),
                 DECODE_SYMBOL_TOO_LONG);
    fixture_free(&f);
}

Test(envelope, a_symbol_with_escapes_is_compared_resolved) {
    struct fixture f = FIXTURE("a");
    decode(&f, "{\"symbol\":\"\\u004b\"}");
    assert_symbol(&f, "K");
    cr_assert_eq(f.remarks, 0);
    fixture_free(&f);
}

/* ---- time ---- */

static const struct {
    const char *json;
    int64_t event_time_ns; /* 0: that of Kafka */
} times[] = {
    {"{\"publishTime\":{\"take5Time\":1718658930001}}", 1718658930001 * MS},
    {"{\"PublishTime\":{\"take5Time\":1718658930002}}", 1718658930002 * MS},
    {"{\"PublishTime\":{\"take5Time\":2},\"publishTime\":{\"take5Time\":1}}", 1 * MS},
    {"{\"publishTime\":{\"take5Time\":null},\"PublishTime\":{\"take5Time\":2}}", 2 * MS},
    {"{\"publishTime\":{\"take5Time\":\"\"},\"PublishTime\":{\"take5Time\":2}}", 2 * MS},
    {"{\"publishTime\":{\"take5Time\":true},\"PublishTime\":{\"take5Time\":2}}", 2 * MS},
    {"{\"publishTime\":{\"take5Time\":{}},\"timestamp\":3}", 3 * MS},
    {"{\"publishTime\":5,\"timestamp\":3}", 3 * MS},
    {"{\"publishTime\":{\"take5Time\":\"1718658930003\"}}", 1718658930003 * MS},
    {"{\"publishTime\":{\"take5Time\":1.718658930004E12}}", 1718658930004 * MS},
    {"{\"publishTime\":{\"take5Time\":1718658930005.0}}", 1718658930005 * MS},
    {"{\"publishTime\":{\"take5Time\":-5}}", -5 * MS},
    {"{\"publishTime\":{\"take5Time\":1718658930005.5}}", 0},
    {"{\"publishTime\":{\"take5Time\":\"1718658930005x\"}}", 0},
    {"{\"publishTime\":{\"take5Time\":\"-5\"}}", 0},
    {"{\"publishTime\":{\"take5Time\":\" 5\"}}", 0},
    {"{\"publishTime\":{\"take5Time\":\"99999999999999999999\"}}", 0},
    {"{\"publishTime\":{\"take5Time\":9223372036854}}", 9223372036854 * MS},
    {"{\"publishTime\":{\"take5Time\":9223372036855}}", 0},
    {"{\"publishTime\":{\"take5Time\":-9223372036855}}", 0},
    {"{\"publishTime\":{\"take5Time\":9223372036854775807}}", 0},
    {"{\"publishTime\":{\"take5Time\":9223372036854775808}}", 0},
    {"{\"publishTime\":{\"take5Time\":1e400}}", 0},
    {"{\"publishTime\":{\"take5Time\":9223372036855},\"timestamp\":4}", 4 * MS},
    {"{\"timestamp\":\"1970-01-01T00:00:01.5Z\"}", 1500 * MS},
    {"{\"timestamp\":\"1970-01-01T02:00:01+02:00\"}", 1000 * MS},
    {"{\"timestamp\":1718658930006}", 1718658930006 * MS},
    {"{\"timestamp\":1718658930006.25}", 1718658930006 * MS + 250000},
    {"{\"timestamp\":-0.5}", -500000},
    {"{\"timestamp\":1.7e12}", 1700000000000 * MS},
    {"{\"timestamp\":9.3e12}", 0},
    {"{\"timestamp\":1e30}", 0},
    {"{\"timestamp\":\"yesterday\"}", 0},
    {"{\"timestamp\":\"2024-06-17T21:15:30\"}", 0},
    {"{\"timestamp\":\"1718658930006\"}", 0},
    {"{\"timestamp\":null}", 0},
    {"{\"timestamp\":[1]}", 0},
    {"{}", 0},
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

Test(envelope, without_any_time_the_message_is_bad) {
    struct fixture f = FIXTURE("a");
    struct record record = fixture_record(&f, "{}", 2);
    record.kafka_time_ms = RECORD_NO_TIME;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_NO_TIME);
    record.kafka_time_ms = INT64_MAX;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_NO_TIME);
    record = fixture_record(&f, "{\"timestamp\":1}", 15);
    record.kafka_time_ms = RECORD_NO_TIME;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_OK);
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
        cr_assert_eq(f.remarks, beyond == 1 ? DECODE_REMARK_SUSPECT_TIME : 0);
    }
    struct record record = fixture_record(&f, json, strlen(json));
    record.kafka_time_ms = RECORD_NO_TIME;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_OK);
    cr_assert_not(f.message.flags & T5_MESSAGE_TIME_SUSPECT);
    record.kafka_time_ms = INT64_MAX / MS;
    cr_assert_eq(decoder_decode(f.decoder, &record, &f.message, &f.remarks), DECODE_OK);
    cr_assert_not(f.message.flags & T5_MESSAGE_TIME_SUSPECT);
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
