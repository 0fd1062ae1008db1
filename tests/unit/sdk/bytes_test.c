#include <take5/bytes.h>

#include <criterion/criterion.h>

#include <math.h>

Test(bytes, what_is_put_comes_back) {
    t5_bytes out;
    t5_bytes_init(&out);
    t5_bytes_put_u32(&out, UINT32_C(0xfedcba98));
    t5_bytes_put_u64(&out, UINT64_MAX - 1);
    t5_bytes_put_i64(&out, INT64_MIN);
    t5_bytes_put_f64(&out, -0.0);
    t5_bytes_put_f64(&out, 0x1.fffffffffffffp-1022);
    t5_bytes_put_text(&out, t5_text("QQQ"));
    t5_bytes_put_text(&out, t5_text(NULL));
    cr_assert_not(out.is_oom);

    t5_reader in;
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_reader_u32(&in), UINT32_C(0xfedcba98));
    cr_assert_eq(t5_reader_u64(&in), UINT64_MAX - 1);
    cr_assert_eq(t5_reader_i64(&in), INT64_MIN);
    cr_assert(signbit(t5_reader_f64(&in)));
    cr_assert(t5_reader_f64(&in) == 0x1.fffffffffffffp-1022);
    const t5_str text = t5_reader_text(&in);
    cr_assert(t5_str_equal(text, t5_text("QQQ")));
    cr_assert_not(t5_reader_done(&in));
    cr_assert_eq(t5_reader_text(&in).len, 0);
    cr_assert(t5_reader_done(&in));
    t5_bytes_release(&out);
}

Test(bytes, numbers_are_little_endian) {
    t5_bytes out;
    t5_bytes_init(&out);
    t5_bytes_put_u32(&out, UINT32_C(0x04030201));
    t5_bytes_put_f64(&out, 1.0);
    const unsigned char expected[] = {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f};
    cr_assert_eq(out.size, sizeof expected);
    cr_assert(memcmp(out.data, expected, sizeof expected) == 0);
    t5_bytes_release(&out);
}

Test(bytes, reading_past_the_end_gives_zeroes_and_is_remembered) {
    const unsigned char raw[12] = {1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9};
    t5_reader in;
    t5_reader_init(&in, raw, sizeof raw);
    cr_assert_eq(t5_reader_u64(&in), 1);
    cr_assert_eq(t5_reader_u64(&in), 0);
    cr_assert(in.is_bad);
    /* Four bytes are left, but a reader that ran short gives nothing more. */
    cr_assert_eq(t5_reader_u32(&in), 0);
    cr_assert(t5_reader_take(&in, 1) == NULL);
    cr_assert_not(t5_reader_done(&in));
}

Test(bytes, a_text_longer_than_the_bytes_is_refused) {
    t5_bytes out;
    t5_bytes_init(&out);
    t5_bytes_put_u64(&out, UINT64_MAX);
    t5_bytes_put(&out, "abc", 3);
    t5_reader in;
    t5_reader_init(&in, out.data, out.size);
    cr_assert_eq(t5_reader_text(&in).len, 0);
    cr_assert(in.is_bad);
    t5_bytes_release(&out);
}

Test(bytes, an_impossible_size_leaves_the_content_and_is_remembered) {
    t5_bytes out;
    t5_bytes_init(&out);
    t5_bytes_put_u32(&out, 7);
    cr_assert(t5_bytes_grow(&out, SIZE_MAX - 2) == NULL);
    cr_assert(out.is_oom);
    cr_assert_eq(out.size, 4);
    t5_bytes_put_u32(&out, 8); /* nothing behind a hole */
    cr_assert_eq(out.size, 4);
    t5_bytes_reset(&out);
    t5_bytes_put_u32(&out, 9);
    cr_assert_not(out.is_oom);
    cr_assert_eq(out.size, 4);
    t5_bytes_release(&out);
}

Test(bytes, nothing_is_nothing) {
    t5_bytes out;
    t5_bytes_init(&out);
    t5_bytes_put(&out, NULL, 0);
    cr_assert_eq(out.size, 0);
    t5_reader in;
    t5_reader_init(&in, NULL, 0);
    cr_assert(t5_reader_done(&in));
    t5_bytes_release(&out);
}
