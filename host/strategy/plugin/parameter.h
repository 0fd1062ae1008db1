/*
 * strategy/plugin/parameter.h - the text of one parameter, as an ini file or a descriptor has it.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_PARAMETER_H
#define TAKE5_STRATEGY_PLUGIN_PARAMETER_H

#include <take5/parameter.h>

#include <stdbool.h>

/* False when the text is no such value. The text of the value points to `text`. */
bool parameter_parse(enum t5_parameter_type type, const char *text, t5_value *value);

/* "a whole number", for faults. */
const char *parameter_type_wish(enum t5_parameter_type type);

/* INTEGER, NUMBER and DURATION have an order, and so bounds. */
bool parameter_has_bounds(enum t5_parameter_type type);
/* Two values of one such type: below 0, 0, above 0. */
int parameter_compare(const t5_value *a, const t5_value *b);

#endif
