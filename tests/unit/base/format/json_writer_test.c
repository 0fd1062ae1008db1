#include "base/format/json_writer.h"

#include <criterion/criterion.h>
#include <math.h>

static struct text text;
static struct json_writer json;

static void begin(void) {
    text_init(&text);
    json = json_writer_of(&text);
}

static void end(void) {
    text_release(&text);
}

TestSuite(json_writer, .init = begin, .fini = end);

Test(json_writer, commas_stand_between_members_and_elements_alone) {
    json_begin_object(&json, NULL);
    json_begin_array(&json, "none");
    json_end_array(&json);
    json_begin_array(&json, "some");
    json_integer(&json, NULL, -1);
    json_begin_object(&json, NULL);
    json_end_object(&json);
    json_begin_object(&json, NULL);
    json_bool(&json, "is", true);
    json_bool(&json, "is_not", false);
    json_end_object(&json);
    json_end_array(&json);
    json_text(&json, "last", "x");
    json_end_object(&json);
    cr_assert_str_eq(
        text.data, "{\"none\":[],\"some\":[-1,{},{\"is\":true,\"is_not\":false}],\"last\":\"x\"}");
}

Test(json_writer, a_value_may_be_the_whole) {
    json_text(&json, NULL, "x");
    cr_assert_str_eq(text.data, "\"x\"");
}

Test(json_writer, begins_where_the_text_ends) {
    text_puts(&text, "line: ");
    json_begin_array(&json, NULL);
    json_end_array(&json);
    cr_assert_str_eq(text.data, "line: []");
}

Test(json_writer, names_and_texts_are_escaped) {
    json_begin_object(&json, NULL);
    json_text(&json, "\"", "\n");
    json_bytes(&json, "b", "a\0b", 3);
    json_end_object(&json);
    cr_assert_str_eq(text.data, "{\"\\\"\":\"\\n\",\"b\":\"a\\u0000b\"}");
}

Test(json_writer, nothing_is_null) {
    json_begin_array(&json, NULL);
    json_text(&json, NULL, NULL);
    json_bytes(&json, NULL, NULL, 0);
    json_number(&json, NULL, NAN);
    json_end_array(&json);
    cr_assert_str_eq(text.data, "[null,null,null]");
}

Test(json_writer, numbers_have_their_forms) {
    json_begin_array(&json, NULL);
    json_integer(&json, NULL, INT64_MIN);
    json_unsigned(&json, NULL, UINT64_MAX);
    json_number(&json, NULL, 0.1);
    json_fixed(&json, NULL, 2.0 / 3, 3);
    json_fixed(&json, NULL, 41.5, 0);
    json_end_array(&json);
    cr_assert_str_eq(text.data, "[-9223372036854775808,18446744073709551615,0.1,0.667,42]");
}

Test(json_writer, other_values_take_their_place) {
    json_begin_object(&json, NULL);
    text_puts(json_value(&json, "a"), "{\"raw\":1}");
    text_puts(json_value(&json, "b"), "2");
    json_end_object(&json);
    cr_assert_str_eq(text.data, "{\"a\":{\"raw\":1},\"b\":2}");
}
