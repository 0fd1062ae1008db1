/*
 * sink/letter.h - how parcels look where the original record cannot be kept as it is.
 */
#ifndef TAKE5_SINK_LETTER_H
#define TAKE5_SINK_LETTER_H

#include "base/text.h"
#include "sink/sink.h"

/* One line of JSON with its line end: a signal's value, or a letter with its coordinates. */
void letter_write_line(const struct parcel *parcel, struct text *text);

/* What stands for a value that was refused: {"shortened":true,"length":..,"hash":..,"reason":..}.
 * The hash is XXH3 (128 bits) of the value. */
void letter_write_short(const struct parcel *parcel, const char *reason, struct text *text);

/* Whether a header is one of those that a letter adds to the original's. */
bool letter_is_own_header(const struct parcel *parcel, size_t index);

#endif
