#include "sink/dead_letter.h"

#include "support.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct tally tally;

/* The dead letter's line, parsed; the line must be one. */
static cJSON *line_of(struct delivery *delivery) {
    struct text text;
    text_init(&text);
    dead_letter_write_line(delivery, &text);
    cr_assert_eq(strchr(text.data, '\n'), text.data + text.size - 1);
    cJSON *json = cJSON_Parse(text.data);
    cr_assert_not_null(json, "%s", text.data);
    text_release(&text);
    delivery_release(delivery);
    return json;
}

static const char *string_of(const cJSON *json, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    cr_assert_not_null(item, "%s is missing", name);
    return item->valuestring;
}

static double number_of(const cJSON *json, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    cr_assert(cJSON_IsNumber(item), "%s is no number", name);
    return item->valuedouble;
}

Test(dead_letter, line_has_the_coordinates_the_reason_and_the_record) {
    cJSON *json = line_of(dead_letter_make(&tally, 42, "AAPL", 4, "{\"a\": \n", 7));
    cr_assert_str_eq(string_of(json, "topic"), "bar_trends");
    cr_assert_eq(number_of(json, "partition"), 3);
    cr_assert_eq(number_of(json, "offset"), 42);
    cr_assert_eq(number_of(json, "ts"), 1718658930000);
    cr_assert_str_eq(string_of(json, "key"), "AAPL");
    cr_assert_str_eq(string_of(json, "payload"), "{\"a\": \n");
    cr_assert_str_eq(string_of(json, "reason"), "not-json");
    cr_assert_str_eq(string_of(json, "message"), "byte 3: \"quoted\"");
    cr_assert(cJSON_IsNull(cJSON_GetObjectItem(json, "strategy")));
    cJSON_Delete(json);
    check_leaks();
}

Test(dead_letter, keeps_the_records_own_headers_and_not_its_own) {
    cJSON *json = line_of(dead_letter_make(&tally, 42, NULL, 0, NULL, 0));
    char *headers = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "headers"));
    cr_assert_str_eq(headers,
                     "[[\"trace\",\"abc\"],[\"raw\",{\"base64\":\"/wAB\"}],[\"nothing\",null]]");
    free(headers);
    cr_assert(cJSON_IsNull(cJSON_GetObjectItem(json, "key")));
    cr_assert(cJSON_IsNull(cJSON_GetObjectItem(json, "payload")));
    cJSON_Delete(json);
    check_leaks();
}

Test(dead_letter, bytes_that_are_no_utf8_are_base64) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *base64; /* NULL: is UTF-8 */
    } cases[] = {
        {"\xff", 1, "/w=="},
        {"a\x80", 2, "YYA="},
        {"\xc0\xaf", 2, "wK8="},             /* over-long */
        {"\xe0\x9f\xbf", 3, "4J+/"},         /* over-long */
        {"\xed\xa0\x80", 3, "7aCA"},         /* surrogate */
        {"\xf4\x90\x80\x80", 4, "9JCAgA=="}, /* above U+10FFFF */
        {"\xe2\x82", 2, "4oI="},             /* cut */
        {"\xe2\x82\xac", 3, NULL},           /* euro */
        {"\xf0\x9f\x93\x8a", 4, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *json = line_of(dead_letter_make(&tally, i, cases[i].bytes, cases[i].size,
                                               cases[i].bytes, cases[i].size));
        if (cases[i].base64) {
            cr_assert_str_eq(string_of(json, "key_base64"), cases[i].base64);
            cr_assert_str_eq(string_of(json, "payload_base64"), cases[i].base64);
        } else {
            cr_assert_str_eq(string_of(json, "key"), cases[i].bytes);
            cr_assert_str_eq(string_of(json, "payload"), cases[i].bytes);
        }
        cJSON_Delete(json);
    }
    check_leaks();
}

Test(dead_letter, about_a_dead_letter_has_its_own_coordinates) {
    struct delivery_header headers[] = {
        {"__take5.errors.topic", "first", 5},     {"__take5.errors.offset", "1", 1},
        {"__take5.errors.reason", "old", 3},      {"__take5.errors.topic", "algo_letters", 12},
        {"__take5.errors.offset", "99", 2},       {"__take5.errors.reason", "new", 3},
        {"__take5.errors.message", "because", 7}, {"__take5.errors.partition", "0", 1},
        {"__take5.errors.strategy", "s", 1},
    };
    const struct delivery_text text = {.headers = headers, .header_count = 9};
    cJSON *json =
        line_of(delivery_new(&(struct delivery){.kind = DELIVERY_DEAD_LETTER, .text = &text}));
    cr_assert_str_eq(string_of(json, "topic"), "algo_letters");
    cr_assert_eq(number_of(json, "offset"), 99);
    cr_assert_str_eq(string_of(json, "reason"), "new");
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "headers")), 3);
    cJSON_Delete(json);
    check_leaks();
}

Test(dead_letter, signal_with_line_breaks_stays_on_one_line) {
    struct signal signal = signal_like(1);
    signal.data = t5_text("{\n  \"a\": 1,\r\n  \"b\": \"x\\n\"\n}");
    cJSON *json =
        line_of(delivery_new(&(struct delivery){.kind = DELIVERY_SIGNAL, .signal = &signal}));
    cr_assert_eq(number_of(cJSON_GetObjectItem(json, "data"), "a"), 1);
    cr_assert_str_eq(string_of(cJSON_GetObjectItem(json, "data"), "b"), "x\n");
    cJSON_Delete(json);
    check_leaks();
}

Test(dead_letter, shortened_value_tells_length_and_hash) {
    struct delivery *delivery = dead_letter_make(&tally, 1, NULL, 0, "abc", 3);
    struct text text;
    text_init(&text);
    dead_letter_write_short(delivery_text(delivery), "MSG_SIZE_TOO_LARGE", &text);
    cJSON *json = cJSON_Parse(text.data);
    cr_assert(cJSON_IsTrue(cJSON_GetObjectItem(json, "shortened")));
    cr_assert_eq(number_of(json, "length"), 3);
    /* XXH3-128 of "abc", as xxhsum -H2 prints it. */
    cr_assert_str_eq(string_of(json, "hash"), "06b05ab6733a618578af5f94892f3950");
    cr_assert_str_eq(string_of(json, "reason"), "MSG_SIZE_TOO_LARGE");
    cJSON_Delete(json);
    text_release(&text);
    delivery_release(delivery);
    check_leaks();
}
