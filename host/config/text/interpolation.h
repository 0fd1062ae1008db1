/*
 * config/text/interpolation.h - variables in the value of a key: ${NAME} is the environment's value
 * of NAME, ${NAME:-DEFAULT} that or DEFAULT, which goes up to the brace and has no variables in it,
 * and $$ a dollar, in DEFAULT too. An empty variable counts as one that is not set. What a variable
 * holds is not looked through again. Inside config.
 */
#ifndef TAKE5_CONFIG_TEXT_INTERPOLATION_H
#define TAKE5_CONFIG_TEXT_INTERPOLATION_H

#include "base/error.h"

#include <stdbool.h>

struct interpolated {
    char *text;         /* the caller's, free() it */
    bool has_variables; /* it has the value of a variable in it, or a default in its place */
};

/* `environment` as for environment_value(). False with what is wrong, which shows of the value no
 * more than names of variables. */
bool interpolate(const char *value, const char *const *environment, struct interpolated *to,
                 struct error *error);

#endif
