/*
 * named_values.h - what a signal carries: a dict, as the host's named values where they can say it,
 * and the rest of it as JSON text.
 */
#ifndef TAKE5_PLUGINS_PYTHON_NAMED_VALUES_H
#define TAKE5_PLUGINS_PYTHON_NAMED_VALUES_H

#include "interpreter.h"

#define NAMED_VALUES_MOST 64

struct named_values {
    t5_named_value items[NAMED_VALUES_MOST];
    uint32_t count;
    PyObject *rest;     /* text of a JSON object; NULL: there is none */
    PyObject *items_of; /* the dict as it was: what reads it may run Python, and other threads */
};

/* `data` is a dict, None or NULL. False with an exception; then there is nothing to release. */
int named_values_read(struct named_values *values, PyObject *data);
/* Views: valid until the release. */
void named_values_put(const struct named_values *values, t5_signal *signal);
void named_values_release(struct named_values *values);

#endif
