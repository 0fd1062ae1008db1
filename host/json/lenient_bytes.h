/*
 * json/lenient_bytes.h - finding bytes in JSON text, 16 at a time where there is SSE2 (unless
 * TAKE5_NO_SIMD).
 *
 * All of them may read up to LENIENT_SLACK bytes beyond `end`; what stands there does not matter.
 */
#ifndef TAKE5_JSON_LENIENT_BYTES_H
#define TAKE5_JSON_LENIENT_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LENIENT_SLACK 64

#if defined(__SSE2__) && !defined(TAKE5_NO_SIMD)
#include <emmintrin.h>

/* Copies from `from` up to, not including, the first quote or backslash before `end`, and up to 15
 * bytes of whatever more. Gives how many count. */
static inline size_t lenient_copy_run(char *to, const char *from, const char *end) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    size_t done = 0, size = (size_t)(end - from);
    while (done < size) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(from + done));
        _mm_storeu_si128((__m128i *)(to + done), bytes);
        unsigned hits = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        if (hits != 0) {
            done += (size_t)__builtin_ctz(hits);
            return done < size ? done : size;
        }
        done += 16;
    }
    return size;
}

/* The first quote or backslash, or `end`. */
static inline const char *lenient_find_quote(const char *from, const char *end) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; from < end; from += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)from);
        unsigned hits = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        if (hits != 0) {
            from += __builtin_ctz(hits);
            break;
        }
    }
    return from < end ? from : end;
}

/* Which of 64 bytes are quotes, backslashes, opening and closing brackets of either kind. */
struct lenient_mask {
    uint64_t quote, backslash, open, close;
};

static inline struct lenient_mask lenient_mask_64(const char *bytes) {
    struct lenient_mask mask = {0, 0, 0, 0};
    for (int i = 0; i < 4; i++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(bytes + 16 * i));
        /* '[' and '{', and ']' and '}', differ in this bit alone. */
        __m128i folded = _mm_or_si128(part, _mm_set1_epi8(0x20));
#define HITS(reg, c)                                                                               \
    ((uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8((reg), _mm_set1_epi8(c))) << 16 * i)
        mask.quote |= HITS(part, '"');
        mask.backslash |= HITS(part, '\\');
        mask.open |= HITS(folded, '{');
        mask.close |= HITS(folded, '}');
#undef HITS
    }
    return mask;
}

#else

static inline size_t lenient_copy_run(char *to, const char *from, const char *end) {
    const char *at = from;
    while (at < end && *at != '"' && *at != '\\')
        *to++ = *at++;
    return (size_t)(at - from);
}

static inline const char *lenient_find_quote(const char *from, const char *end) {
    while (from < end && *from != '"' && *from != '\\')
        from++;
    return from;
}

struct lenient_mask {
    uint64_t quote, backslash, open, close;
};

static inline struct lenient_mask lenient_mask_64(const char *bytes) {
    struct lenient_mask mask = {0, 0, 0, 0};
    for (int i = 0; i < 64; i++) {
        char c = bytes[i];
        mask.quote |= (uint64_t)(c == '"') << i;
        mask.backslash |= (uint64_t)(c == '\\') << i;
        mask.open |= (uint64_t)(c == '{' || c == '[') << i;
        mask.close |= (uint64_t)(c == '}' || c == ']') << i;
    }
    return mask;
}

#endif
#endif
