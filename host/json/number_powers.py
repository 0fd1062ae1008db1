#!/usr/bin/env python3
"""Writes number_powers.c: python3 number_powers.py > number_powers.c

Each entry is 5^q with its top bit moved to bit 127, cut there; rounded up for -27 <= q < 0.
"""

LOWEST, HIGHEST = -342, 308
LOWEST_ROUNDED_UP = -27


def scaled(q):
    power = 5 ** abs(q)
    if q >= 0:
        return (power << 128) >> power.bit_length()
    # power < 2^bits and is no power of two: the quotient lies in (2^127, 2^128).
    quotient = (1 << (power.bit_length() + 127)) // power
    return quotient + 1 if q >= LOWEST_ROUNDED_UP else quotient


print("/* Written by number_powers.py; number_powers.h says what it holds. */")
print('#include "json/number_powers.h"')
print()
print("const struct number_power number_powers[NUMBER_POWER_MAX - NUMBER_POWER_MIN + 1] = {")
for q in range(LOWEST, HIGHEST + 1):
    value = scaled(q)
    assert 1 << 127 <= value < 1 << 128
    print(f"    {{0x{value >> 64:016x}, 0x{value & (1 << 64) - 1:016x}}}, /* 5^{q} */")
print("};")
