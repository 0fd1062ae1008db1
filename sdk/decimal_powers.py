#!/usr/bin/env python3
"""Writes include/take5/decimal_powers.h: python3 decimal_powers.py > include/take5/decimal_powers.h

Each entry is 10^k with its top bit moved to bit 127, rounded up to a whole number: at most 2^127
times what the 128 bits of an exact one would be, plus less than one.
"""

LOWEST, HIGHEST = -342, 324


def scaled(k):
    if k >= 0:
        shift = (10**k).bit_length() - 128
        return -(-(10**k) >> shift) if shift > 0 else 10**k << -shift
    power = 10**-k
    shift = power.bit_length() + 127
    return -(-(1 << shift) // power)


print(f"""/*
 * take5/decimal_powers.h - powers of ten to 128 bits, for decimal.h, and for the host's reading of
 * numbers. Written by sdk/decimal_powers.py.
 */
#ifndef TAKE5_DECIMAL_POWERS_H
#define TAKE5_DECIMAL_POWERS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* 10^k, {LOWEST} <= k <= {HIGHEST}: high and low half of the least whole number that is not below
 * 10^k * 2^s, with the s that makes it 128 bits long. */
static inline const uint64_t *t5_decimal_power_(int k) {{
    static const uint64_t powers[][2] = {{""")
for k in range(LOWEST, HIGHEST + 1):
    value = scaled(k)
    assert 1 << 127 <= value < 1 << 128
    print(f"        {{0x{value >> 64:016x}U, 0x{value & (1 << 64) - 1:016x}U}}, /* 10^{k} */")
print(f"""    }};
    return powers[k + {-LOWEST}];
}}

#ifdef __cplusplus
}}
#endif

#endif""")
