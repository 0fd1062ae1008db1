/*
 * json/simd_block.h - several bytes of text at once. For json/ and message/.
 *
 * With SSE2, which every x86-64 has, 16 bytes are classified in one go. Without it (or with
 * TAKE5_NO_SIMD) BLOCK_SIMD is not defined, and callers have only their byte by byte way, which is
 * also how they treat what is too close to an end of the text.
 */
#ifndef TAKE5_JSON_SIMD_BLOCK_H
#define TAKE5_JSON_SIMD_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t block_load(const char *p) {
    uint64_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return bytes;
}

/* Ones, then zeros: from 16 - n on, the mask of the first n bytes of 16. */
/* clang-format off */
static const unsigned char block_ones[32] = {
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* clang-format on */

#if defined(__SSE2__) && !defined(TAKE5_NO_SIMD)
#include <emmintrin.h>
#define BLOCK_SIMD 1

static inline __m128i block_16(const void *p) {
    return _mm_loadu_si128((const __m128i *)p);
}

/* Bit i: byte i of 16 ends plain text: a quote, a backslash, a control character, not ASCII. */
static inline uint32_t block_specials(const char *p) {
    const __m128i bytes = block_16(p);
    /* Compared as signed, control characters and bytes above 7F both lie below the space. */
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));
}

/* Bit i: bytes i of both 32 are equal. */
static inline uint32_t block_equal_32(const char *p, const char *q) {
    const __m128i low = _mm_cmpeq_epi8(block_16(p), block_16(q));
    const __m128i high = _mm_cmpeq_epi8(block_16(p + 16), block_16(q + 16));
    return (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
}

/* Bit i: byte i of 16 is a decimal digit. */
static inline uint32_t block_digits(const char *p) {
    const __m128i bytes = block_16(p);
    const __m128i values = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i capped = _mm_min_epu8(values, _mm_set1_epi8(9));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(values, capped));
}

/* Ones in the first `count` bytes, at most 16. */
static inline __m128i block_head(uint32_t count) {
    return block_16(block_ones + 16 - count);
}

/*
 * The number that `whole` digits at p, a point, and the digits behind it make, 2 to 16 in all, as
 * if the point were not there and zeros filled them up to 16 digits. Reads 17 bytes.
 */
static inline uint64_t block_decimal(const char *p, uint32_t whole, uint32_t count) {
    const __m128i before = block_head(whole);
    const __m128i text =
        _mm_or_si128(_mm_and_si128(before, block_16(p)), _mm_andnot_si128(before, block_16(p + 1)));
    const __m128i digits =
        _mm_and_si128(_mm_xor_si128(text, _mm_set1_epi8('0')), block_head(count));
    /* The first of two digits is in the lower byte. */
    const __m128i tens =
        _mm_mullo_epi16(_mm_and_si128(digits, _mm_set1_epi16(0xFF)), _mm_set1_epi16(10));
    const __m128i twos = _mm_add_epi16(tens, _mm_srli_epi16(digits, 8));
    const __m128i fours = _mm_madd_epi16(twos, _mm_set1_epi32(1 << 16 | 100));
    const __m128i packed = _mm_packs_epi32(fours, fours);
    const __m128i eights = _mm_madd_epi16(packed, _mm_set1_epi32(1 << 16 | 10000));
    const uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
    return (both & UINT32_MAX) * 100000000 + (both >> 32);
}
#endif

#endif
