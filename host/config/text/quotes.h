/*
 * config/text/quotes.h - values stand without quotes: a pair around one would be part of it, which
 * nobody means. All code that takes a value from people checks here.
 */
#ifndef TAKE5_CONFIG_TEXT_QUOTES_H
#define TAKE5_CONFIG_TEXT_QUOTES_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the value, or with `is_list` one of its items, has quotes around it. */
bool quotes_in(const char *value, bool is_list);

/* Appends what was probably meant by such a value, in one line. */
void quotes_meant(const char *value, struct text *meant);

#endif
