/*
 * synth/market_number.h - doubles as the upstream Java services print them.
 *
 * The shortest decimal text that reads back as the same double, in the form of Double.toString:
 * plain from 1e-3 up to 1e7 ("485.23", "1.0"), else with an exponent ("1.234E-4").
 */
#ifndef TAKE5_SYNTH_MARKET_NUMBER_H
#define TAKE5_SYNTH_MARKET_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* The most that one call writes. */
#define MARKET_NUMBER_SIZE 32

/* Writes a finite number, no NUL; gives its end. */
char *market_number_put(char *to, double number);
char *market_number_put_integer(char *to, int64_t number);
/* Exactly `width` digits with leading zeros, for times. */
char *market_number_put_digits(char *to, uint32_t number, int width);

#endif
