#include <criterion/criterion.h>
#include <string.h>
#include <take5/decimal_powers.h>

/* Numbers of up to 1088 bits, least significant word first: enough for 5^342 and 2^(794 + 128). */
#define WORDS 34

struct big {
    uint32_t words[WORDS];
};

static void multiply(struct big *big, uint32_t factor) {
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++) {
        carry += (uint64_t)big->words[i] * factor;
        big->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    cr_assert_eq(carry, 0);
}

static int bit_length(const struct big *big) {
    for (int i = WORDS - 1; i >= 0; i--)
        if (big->words[i] != 0)
            return 32 * i + 32 - __builtin_clz(big->words[i]);
    return 0;
}

static uint32_t bit(const struct big *big, int i) {
    return i < 0 ? 0 : big->words[i / 32] >> (i % 32) & 1;
}

static void shift_in(struct big *big, int lowest) {
    uint32_t carry = (uint32_t)lowest;
    for (int i = 0; i < WORDS; i++) {
        const uint32_t out = big->words[i] >> 31;
        big->words[i] = big->words[i] << 1 | carry;
        carry = out;
    }
}

static bool is_below(const struct big *a, const struct big *b) {
    for (int i = WORDS - 1; i >= 0; i--)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i];
    return false;
}

static void subtract(struct big *a, const struct big *b) {
    int64_t borrow = 0;
    for (int i = 0; i < WORDS; i++) {
        const int64_t difference = (int64_t)a->words[i] - b->words[i] - borrow;
        borrow = difference < 0;
        a->words[i] = (uint32_t)difference;
    }
}

static struct big power_of_five(int exponent) {
    struct big big = {{1}};
    for (int i = 0; i < exponent; i++)
        multiply(&big, 5);
    return big;
}

typedef unsigned __int128 wide;

/* Rounded up. */
static wide top_bits(const struct big *big) {
    wide value = 0;
    const int length = bit_length(big);
    for (int i = 0; i < 128; i++)
        value = (value << 1) + bit(big, length - 1 - i);
    for (int i = 128; i < length; i++) {
        if (bit(big, length - 1 - i))
            return value + 1;
    }
    return value;
}

/* The first 128 significant bits of 1 / divisor, by long division in base 2, rounded up: it never
 * comes out even. */
static wide reciprocal_bits(const struct big *divisor) {
    struct big rest = {{1}};
    wide value = 0;
    while (value >> 127 == 0) {
        shift_in(&rest, 0);
        const bool goes = !is_below(&rest, divisor);
        if (goes)
            subtract(&rest, divisor);
        value = (value << 1) + goes;
    }
    return value + 1;
}

Test(decimal_powers, the_table_is_what_long_arithmetic_gives) {
    for (int k = -342; k <= 324; k++) {
        const struct big power = power_of_five(k < 0 ? -k : k);
        const wide expected = k < 0 ? reciprocal_bits(&power) : top_bits(&power);
        const uint64_t *entry = t5_decimal_power_(k);
        cr_assert((wide)entry[0] << 64 == (expected & ~(wide)UINT64_MAX) &&
                      entry[1] == (uint64_t)expected,
                  "10^%d", k);
    }
}
