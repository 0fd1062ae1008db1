/*
 * sink/dead_letter.h - how deliveries look where the original record cannot be kept unchanged.
 */
#ifndef TAKE5_SINK_DEAD_LETTER_H
#define TAKE5_SINK_DEAD_LETTER_H

#include "base/text.h"
#include "sink/sink.h"

/* One line of JSON with its line end: a signal's value, or a dead letter with its coordinates. The
 * text is text_is_oom() also if the delivery's own text could not be made. */
void dead_letter_write_line(struct delivery *delivery, struct text *text);

/* Replaces a value that was refused: {"shortened":true,"length":..,"hash":..,"reason":..}. The hash
 * is XXH3 (128 bits) of the value. */
void dead_letter_write_short(const struct delivery_text *own, const char *reason,
                             struct text *text);

/* A summary for people, without a line end: "dead letter TOPIC/PARTITION/OFFSET: REASON: ...". */
void dead_letter_write_summary(const struct delivery_text *own, struct text *text);

/* Whether a header of a dead letter is one of those added to the original's. */
bool dead_letter_is_own_header(const struct delivery_text *own, size_t index);

#endif
