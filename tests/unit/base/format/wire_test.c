#include "base/format/wire.h"

#include <criterion/criterion.h>

#include <stdlib.h>

Test(wire, numbers_and_texts_come_back) {
    struct text out;
    struct wire_reader reader;
    text_init(&out);
    wire_put_u32(&out, 0xDEADBEEF);
    wire_put_u64(&out, UINT64_MAX - 1);
    wire_put_i64(&out, -5);
    wire_put_bytes(&out, "a\0b", 3);
    wire_put_string(&out, "word");
    wire_put_string(&out, "");
    wire_put_string(&out, NULL);
    wire_open(&reader, out.data, out.size);
    cr_assert_eq(wire_u32(&reader), 0xDEADBEEF);
    cr_assert_eq(wire_u64(&reader), UINT64_MAX - 1);
    cr_assert_eq(wire_i64(&reader), -5);
    const t5_str bytes = wire_bytes(&reader);
    cr_assert_eq(bytes.len, 3);
    cr_assert_arr_eq(bytes.data, "a\0b", 3);
    char *word = wire_string(&reader);
    char *empty = wire_string(&reader);
    cr_assert_str_eq(word, "word");
    cr_assert_str_eq(empty, "");
    cr_assert_null(wire_string(&reader));
    cr_assert_not(reader.is_bad);
    cr_assert_eq(wire_left(&reader), 0);
    free(word);
    free(empty);
    text_release(&out);
}

Test(wire, numbers_are_little_endian) {
    struct text out;
    text_init(&out);
    wire_put_u32(&out, 0x04030201);
    cr_assert_arr_eq(out.data, "\1\2\3\4", 4);
    text_release(&out);
}

Test(wire, reading_past_the_end_is_bad_and_stays_bad) {
    struct wire_reader reader;
    wire_open(&reader, "\1\0\0\0\2", 5);
    cr_assert_eq(wire_u32(&reader), 1);
    cr_assert_eq(wire_u32(&reader), 0);
    cr_assert(reader.is_bad);
    cr_assert_eq(wire_left(&reader), 0);
    cr_assert_null(wire_bytes(&reader).data);
    cr_assert_null(wire_string(&reader));
}

Test(wire, length_beyond_the_end_is_bad) {
    struct text out;
    struct wire_reader reader;
    text_init(&out);
    wire_put_u64(&out, 4);
    text_append(&out, "abc", 3);
    wire_open(&reader, out.data, out.size);
    cr_assert_null(wire_bytes(&reader).data);
    cr_assert(reader.is_bad);
    text_release(&out);
}

Test(wire, text_with_a_nul_inside_is_bad) {
    struct text out;
    struct wire_reader reader;
    text_init(&out);
    wire_put_bytes(&out, "a\0b", 3);
    wire_open(&reader, out.data, out.size);
    cr_assert_null(wire_string(&reader));
    cr_assert(reader.is_bad);
    text_release(&out);
}

Test(wire, count_of_more_than_there_can_be_is_bad) {
    struct text out;
    struct wire_reader reader;
    text_init(&out);
    wire_put_u64(&out, 3);
    text_append(&out, "0123456789012345", 16);
    wire_open(&reader, out.data, out.size);
    cr_assert_eq(wire_count(&reader, 8), 0);
    cr_assert(reader.is_bad);
    wire_open(&reader, out.data, out.size);
    cr_assert_eq(wire_count(&reader, 5), 3);
    cr_assert_not(reader.is_bad);
    text_release(&out);
}
