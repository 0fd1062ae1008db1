#include "recording/line.h"

#include "message/decode.h"
#include "synth/market.h"
#include "json/lenient_bytes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy with exactly the slack that the contract asks for, so that the sanitizer sees more. */
struct scanned {
    char *text, *scratch;
    const char *problem;
    struct recording_line line;
};

static struct scanned scan_bytes(const char *bytes, size_t size) {
    struct scanned result = {.text = malloc(size + LENIENT_SLACK),
                             .scratch = malloc(recording_line_scratch(size))};
    size_t used = SIZE_MAX;
    memcpy(result.text, bytes, size);
    /* What follows a line may be anything; the worst is more of the same. */
    memset(result.text + size, '"', LENIENT_SLACK);
    result.problem = recording_line_scan(result.text, size, result.scratch, &used, &result.line);
    if (result.problem == NULL)
        cr_assert_leq(used, size);
    return result;
}

static struct scanned scan(const char *text) {
    return scan_bytes(text, strlen(text));
}

static void release(struct scanned *scanned) {
    free(scanned->text);
    free(scanned->scratch);
}

static void expect_bytes(const char *what, const char *got, size_t got_size, const char *wanted,
                         size_t wanted_size) {
    cr_assert_not_null(got, "%s is absent", what);
    cr_assert(got_size == wanted_size && memcmp(got, wanted, wanted_size) == 0, "%s is \"%.*s\"",
              what, (int)got_size, got);
}

#define EXPECT(line, member, literal)                                                              \
    expect_bytes(#member, (line).member, (line).member##_size, literal, sizeof(literal) - 1)

Test(recording_line, a_line_of_kcat_is_taken_apart) {
    struct scanned s =
        scan("{\"topic\":\"bar_trends\",\"partition\":3,\"offset\":12,\"tstype\":\"create\","
             "\"ts\":1795522453851,\"broker\":1,\"headers\":[\"h\\\"1\",\"v\"],\"key\":\"QQQ\","
             "\"payload\":\"{\\\"a\\\":\\\"b/\\\\n\\u00e9\\u20ac\\ud83d\\ude00\\\"}\\n\\t\\u0001"
             "\\u0000z\"}");
    cr_assert_null(s.problem);
    cr_assert_not(s.line.is_plain);
    EXPECT(s.line, topic, "bar_trends");
    EXPECT(s.line, key, "QQQ");
    EXPECT(s.line, payload, "{\"a\":\"b/\\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}\n\t\x01\0z");
    cr_assert(s.line.partition == 3 && s.line.offset == 12 && s.line.time_ms == 1795522453851LL);
    release(&s);
}

Test(recording_line, bytes_that_are_no_utf8_are_taken_as_kcat_writes_them) {
    struct scanned s = scan("{\"topic\":\"t\",\"key\":\"k\xff\",\"payload\":\"\xff\xfe\x80\"}");
    cr_assert_null(s.problem);
    EXPECT(s.line, key, "k\xff");
    EXPECT(s.line, payload, "\xff\xfe\x80");
    release(&s);
}

Test(recording_line, null_and_empty_are_told_apart) {
    struct scanned s = scan("{\"topic\":\"t\",\"key\":null,\"payload\":null}");
    cr_assert(s.problem == NULL && s.line.key == NULL && s.line.payload == NULL);
    cr_assert(s.line.partition == RECORDING_NO_PARTITION && s.line.offset == RECORDING_NO_OFFSET &&
              s.line.time_ms == RECORD_NO_TIME);
    release(&s);
    s = scan("{\"topic\":\"t\",\"key\":\"\",\"payload\":\"\"}");
    cr_assert_null(s.problem);
    EXPECT(s.line, key, "");
    EXPECT(s.line, payload, "");
    release(&s);
}

Test(recording_line, base64_members_give_their_bytes) {
    static const struct {
        const char *base64, *bytes;
        size_t size;
    } cases[] = {{"", "", 0},
                 {"AA==", "\0", 1},
                 {"/+8=", "\xff\xef", 2},
                 {"TWFu", "Man", 3},
                 {"TWFuTQ==", "ManM", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"topic\":\"t\",\"key_base64\":\"%s\",\"payload_base64\":\"%s\"}",
                 cases[i].base64, cases[i].base64);
        struct scanned s = scan(text);
        cr_assert_null(s.problem, "%s", s.problem);
        expect_bytes("key", s.line.key, s.line.key_size, cases[i].bytes, cases[i].size);
        expect_bytes("payload", s.line.payload, s.line.payload_size, cases[i].bytes, cases[i].size);
        release(&s);
    }
}

Test(recording_line, order_spaces_and_unknown_members_do_not_matter) {
    struct scanned s =
        scan(" { \"payload\" : \"x\" , \"ts\":5,\"key_schema_id\":{\"a\":[1,\"]}\"]} ,"
             "\"offset\" :7,\"topic\":\"t\" , \"partition\": 0 } \r");
    cr_assert_null(s.problem, "%s", s.problem);
    cr_assert(!s.line.is_plain && s.line.offset == 7 && s.line.partition == 0 &&
              s.line.time_ms == 5);
    EXPECT(s.line, payload, "x");
    release(&s);
}

Test(recording_line, an_object_as_payload_is_taken_as_its_text) {
    struct scanned s =
        scan("{\"topic\":\"t\",\"payload\":{\"symbol\":\"A}\",\"x\":[{}]},\"offset\":1}");
    cr_assert_null(s.problem);
    EXPECT(s.line, payload, "{\"symbol\":\"A}\",\"x\":[{}]}");
    cr_assert_eq(s.line.offset, 1);
    release(&s);
}

Test(recording_line, an_unknown_or_negative_time_is_none) {
    struct scanned s = scan("{\"topic\":\"t\",\"tstype\":\"unknown\",\"ts\":0,\"payload\":\"\"}");
    cr_assert(s.problem == NULL && s.line.time_ms == RECORD_NO_TIME);
    release(&s);
    s = scan("{\"topic\":\"t\",\"ts\":-1,\"payload\":\"\"}");
    cr_assert(s.problem == NULL && s.line.time_ms == RECORD_NO_TIME);
    release(&s);
}

Test(recording_line, a_message_is_plain_whatever_its_members_are_called) {
    static const char *const lines[] = {"{\"symbol\":\"QQQ\",\"payload\":\"x\"}",
                                        "{}",
                                        "{\"topic\":\"t\",\"symbol\":\"A\"}",
                                        "{\"ts\":\"2024-06-17\",\"symbol\":\"A\"}",
                                        "{\"key\":{\"a\":1},\"symbol\":\"A\"}",
                                        "{\"offset\":1.5}",
                                        "{ 'broken' }",
                                        "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[200];
        snprintf(text, sizeof text, "  %s \r", lines[i]);
        struct scanned s = scan(text);
        cr_assert_null(s.problem, "%s: %s", lines[i], s.problem);
        cr_assert(s.line.is_plain && s.line.topic == NULL);
        expect_bytes("payload", s.line.payload, s.line.payload_size, lines[i], strlen(lines[i]));
        release(&s);
    }
}

Test(recording_line, lines_that_cannot_be_used_say_what_is_wrong) {
    static const struct {
        const char *line, *problem;
    } cases[] = {
        {"", "empty"},
        {"hello", "not a JSON object"},
        {"[1]", "not a JSON object"},
        {"{\"symbol\":\"A\"", "is not closed"},
        {"{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"payload\":\"{\\\"a", "\"payload\""},
        {"{\"topic\":\"t\",\"payload\":\"x\"", "expected ',' or '}' after a member"},
        {"{\"topic\":\"t\",\"payload\":\"x\"}}", "after the object"},
        {"{\"topic\":\"t\",\"payload\":\"x\"} {}", "after the object"},
        {"{\"topic\":\"t\",\"payload\":5}", "\"payload\""},
        {"{\"topic\":\"t\",\"payload\":\"\\ud800\"}", "\"payload\""},
        {"{\"topic\":\"t\",\"payload\":\"\\ud800\\u0041\"}", "\"payload\""},
        {"{\"topic\":\"t\",\"payload\":\"\\udc00\"}", "\"payload\""},
        {"{\"topic\":\"t\",\"payload\":\"\\x\"}", "\"payload\""},
        {"{\"topic\":\"t\",\"payload\":\"\\u12g4\"}", "\"payload\""},
        {"{\"topic\":\"t\",\"payload_base64\":\"QQ\"}", "\"payload_base64\""},
        {"{\"topic\":\"t\",\"payload_base64\":\"Q=Q=\"}", "\"payload_base64\""},
        {"{\"topic\":\"t\",\"payload_base64\":null}", "\"payload_base64\""},
        {"{\"topic\":\"t\",\"partition\":-1,\"payload\":\"\"}", "\"partition\""},
        {"{\"topic\":\"t\",\"partition\":2147483648,\"payload\":\"\"}", "\"partition\""},
        {"{\"topic\":\"t\",\"offset\":9223372036854775807,\"payload\":\"\"}", "\"offset\""},
        {"{\"topic\":\"t\",\"offset\":99999999999999999999,\"payload\":\"\"}", "\"offset\""},
        {"{\"topic\":\"t\",\"offset\":1.5,\"payload\":\"\"}", "\"offset\""},
        {"{\"topic\":\"t\",\"ts\":9223372036854775807,\"payload\":\"\"}", "\"ts\""},
        {"{\"topic\":\"t\",\"key\":7,\"payload\":\"\"}", "\"key\""},
        {"{\"topic\":\"t\",\"offset\"}", "lacks its name or its value"},
        {"{\"topic\":\"t\",}", "lacks its name or its value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scanned s = scan(cases[i].line);
        cr_assert_not_null(s.problem, "taken as good: %s", cases[i].line);
        cr_assert_not_null(strstr(s.problem, cases[i].problem), "%s: %s", cases[i].line, s.problem);
        release(&s);
    }
}

Test(recording_line, every_cut_of_a_recorded_line_is_bad_or_plain) {
    static const char line[] =
        "{\"topic\":\"bar_trends\",\"partition\":3,\"offset\":12,\"tstype\":"
        "\"create\",\"ts\":17,\"headers\":[\"a\",\"b\"],\"key\":\"Q\\u0041\","
        "\"payload\":\"{\\\"symbol\\\":\\\"x\\\\\\\"}\\ud83d\\ude00\"}";
    for (size_t size = 0; size < sizeof line - 1; size++) {
        struct scanned s = scan_bytes(line, size);
        cr_assert_not_null(s.problem, "cut at %zu is taken as good", size);
        release(&s);
    }
    struct scanned s = scan(line);
    cr_assert_null(s.problem);
    release(&s);
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_next(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Bytes that mean something to the scan, and some that do not. */
static char random_byte(void) {
    static const char bytes[] = "\"\\{}[]:,u0dn \t\r1-.e\xff\x01";
    return random_next() % 4 == 0 ? (char)random_next() : bytes[random_next() % (sizeof bytes - 1)];
}

Test(recording_line, mutated_lines_never_give_spans_outside_of_them) {
    static const char line[] =
        "{\"topic\":\"bar_trends\",\"partition\":3,\"offset\":12,\"tstype\":"
        "\"create\",\"ts\":17,\"headers\":[\"a\",{\"b\":[]}],\"key\":\"Q\\u0041\","
        "\"payload\":\"{\\\"symbol\\\":\\\"x\\\\\\\"}\\ud83d\\ude00\",\"key_"
        "base64\":\"QUJD\",\"payload_base64\":\"QQ==\"}";
    size_t good = 0;
    for (int i = 0; i < 60000; i++) {
        char text[sizeof line];
        memcpy(text, line, sizeof line);
        size_t size = sizeof line - 1;
        for (uint64_t n = 1 + random_next() % 3; n > 0; n--) {
            size_t at = random_next() % size;
            switch (random_next() % 3) {
            case 0:
                text[at] = random_byte();
                break;
            case 1:
                memmove(text + at, text + at + 1, --size - at);
                break;
            default:
                text[at] = text[random_next() % size];
                break;
            }
        }
        struct scanned s = scan_bytes(text, size);
        if (s.problem == NULL) {
            good++;
            const struct recording_line *l = &s.line;
            const char *spans[] = {l->topic, l->key, l->payload};
            size_t sizes[] = {l->topic_size, l->key_size, l->payload_size};
            for (int j = 0; j < 3; j++) {
                bool in_text = spans[j] >= s.text && spans[j] + sizes[j] <= s.text + size;
                bool in_scratch = spans[j] >= s.scratch && spans[j] + sizes[j] <= s.scratch + size;
                cr_assert(spans[j] == NULL || in_text || in_scratch);
            }
        }
        size_t used;
        struct recording_shape shape;
        recording_shape_scan(s.text, size, s.scratch, &used, &shape);
        release(&s);
    }
    cr_assert_gt(good, 1000);
}

static bool shape_of(const char *text, struct recording_shape *shape, char *scratch) {
    size_t used, size = strlen(text);
    char *copy = malloc(size + LENIENT_SLACK);
    memcpy(copy, text, size);
    memset(copy + size, '}', LENIENT_SLACK);
    bool is_good = recording_shape_scan(copy, size, scratch, &used, shape);
    free(copy);
    return is_good;
}

Test(recording_shape, members_tell_the_topic) {
    static const struct {
        const char *text, *role;
    } cases[] = {{"{\"symbol\":\"A\",\"lastSampleStats\":{}}", "bar_trends"},
                 {"{\"trend_data\":{\"a\":\"}\"}}", "bar_trends"},
                 {"{\"stats\":{},\"z_score\":1}", "historic_stats"},
                 {"{\"stats\":{}}", NULL},
                 {"{\"z_score\":1}", NULL},
                 {"{\"historic_analysis\":[]}", "historic_stats"},
                 {"{\"statistics\":null}", "historic_stats"},
                 {"{\"trendData\":1}", "asset_trends"},
                 {"{\"trendVector\":1}", "asset_trends"},
                 {"{\"predictions\":1}", "asset_trends"},
                 {"{\"tr\\u0065nd_vectors\":1}", "asset_trends"},
                 {"{\"a\":{\"trendData\":1},\"b\":\"\\\"trendData\\\"\"}", NULL},
                 {" { } ", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char scratch[256];
        struct recording_shape shape;
        cr_assert(shape_of(cases[i].text, &shape, scratch), "%s", cases[i].text);
        if (cases[i].role == NULL)
            cr_assert_null(shape.role, "%s", cases[i].text);
        else
            cr_assert(shape.role != NULL && strcmp(shape.role, cases[i].role) == 0, "%s: %s",
                      cases[i].text, shape.role == NULL ? "none" : shape.role);
    }
}

Test(recording_shape, the_symbol_is_the_last_ones_text) {
    static const struct {
        const char *text, *symbol;
    } cases[] = {{"{\"symbol\":\"QQQ\"}", "QQQ"},
                 {"{\"symbol\":\"A\",\"x\":{\"symbol\":\"B\"},\"symbol\":\"C\"}", "C"},
                 {"{\"s\\u0079mbol\":\"\\u0041\\n\",\"x\\u0041\":1}", "A\n"},
                 {"{\"symbol\":\"A\",\"symbol\":null}", NULL},
                 {"{\"symbol\":\"\"}", NULL},
                 {"{\"symbol\":5}", NULL},
                 {"{\"symbols\":\"A\"}", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char scratch[256];
        struct recording_shape shape;
        cr_assert(shape_of(cases[i].text, &shape, scratch), "%s", cases[i].text);
        if (cases[i].symbol == NULL)
            cr_assert_null(shape.symbol, "%s", cases[i].text);
        else
            expect_bytes(cases[i].text, shape.symbol, shape.symbol_size, cases[i].symbol,
                         strlen(cases[i].symbol));
    }
}

Test(recording_shape, what_does_not_close_is_no_object) {
    static const char *const texts[] = {"",
                                        "[]",
                                        "{",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\":1",
                                        "{\"a\":{\"b\":1}",
                                        "{\"a\":\"x}",
                                        "{}x",
                                        "{\"a\":1}}",
                                        "{\"a\":1,}",
                                        "{\"a\" 1}",
                                        "{\"a\":\"\\\"}",
                                        "{\"symbol\":\"\\q\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char scratch[256];
        struct recording_shape shape;
        cr_assert(!shape_of(texts[i], &shape, scratch), "%s", texts[i]);
    }
}

/* A slow and simple scan beside the one by 64 bytes: nested values of any length and content. */
Test(recording_shape, nested_values_are_stepped_over_at_any_length) {
    static const char pieces[][8] = {"{}",       "[]",     "\"x\"", "\"\\\"\"",
                                     "\"\\\\\"", "\"}]\"", "1",     "[[\"{\"]]"};
    for (int i = 0; i < 20000; i++) {
        char text[600] = "{\"a\":[", scratch[700];
        size_t size = strlen(text);
        for (uint64_t n = random_next() % 60; n > 0; n--) {
            size += (size_t)sprintf(text + size, "%s,", pieces[random_next() % 8]);
        }
        sprintf(text + size, "0],\"symbol\":\"S\"}");
        struct recording_shape shape;
        cr_assert(shape_of(text, &shape, scratch), "%s", text);
        expect_bytes("symbol", shape.symbol, shape.symbol_size, "S", 1);
    }
}

Test(recording_shape, every_good_market_message_tells_its_role_and_symbol) {
    for (int envelope = MARKET_PRODUCTION; envelope <= MARKET_MIXED; envelope++) {
        struct market_options options = {.seed = 5,
                                         .symbol_count = 20,
                                         .envelope = (enum market_envelope)envelope,
                                         .start_ms = 1718658900000LL};
        struct error error;
        struct market *market = market_new(&options, &error);
        cr_assert_not_null(market);
        for (int i = 0; i < 3000; i++) {
            struct market_message message;
            market_next(market, &message);
            char text[MARKET_MESSAGE_SIZE + 1], scratch[MARKET_MESSAGE_SIZE + 64];
            memcpy(text, message.payload, message.payload_size);
            text[message.payload_size] = '\0';
            struct recording_shape shape;
            cr_assert(shape_of(text, &shape, scratch));
            cr_assert(shape.role != NULL && strcmp(shape.role, market_role_name(message.role)) == 0,
                      "%s", text);
            expect_bytes("symbol", shape.symbol, shape.symbol_size,
                         market_symbol(market, message.symbol), message.key_size);
        }
        market_free(market);
    }
}

Test(recording_shape, what_the_decoders_shape_tells_this_one_tells_too) {
    struct market_options options = {.seed = 6,
                                     .symbol_count = 20,
                                     .envelope = MARKET_MIXED,
                                     .bad_share = 0.2,
                                     .start_ms = 1718658900000LL};
    struct error error;
    struct market *market = market_new(&options, &error);
    size_t told = 0, untold = 0;
    cr_assert_not_null(market);
    for (int i = 0; i < 40000; i++) {
        struct market_message message;
        market_next(market, &message);
        char text[MARKET_MESSAGE_SIZE + LENIENT_SLACK], scratch[MARKET_MESSAGE_SIZE + 64];
        size_t used, size = message.payload_size;
        if (size == 0)
            continue;
        memcpy(text, message.payload, size);
        memset(text + size, '"', LENIENT_SLACK);
        /* Half of them with a member's name spelled otherwise. */
        if (i % 2 == 0)
            text[random_next() % size] = random_byte();
        const char *role = decode_shape(text, size);
        struct recording_shape shape;
        bool is_object = recording_shape_scan(text, size, scratch, &used, &shape);
        if (role == NULL) {
            untold++;
            continue; /* the strict scan refuses more */
        }
        told++;
        cr_assert(is_object && shape.role != NULL && strcmp(shape.role, role) == 0, "%.*s: %s",
                  (int)size, text, role);
    }
    cr_assert(told > 10000 && untold > 2000, "%zu told, %zu not", told, untold);
    market_free(market);
}
