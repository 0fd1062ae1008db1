/*
 * message.h - a message as scripts see it, in two forms over the same memory:
 *
 *   KafkaMessage  the methods of confluent-kafka's: key(), value(), topic(), ...
 *   Message       the host's decoded message: symbol, price, ..., and the fields that a handler
 *                 declared, as attributes; each handler has a type of its own, derived from it
 *
 * During a callback the object is a view of the host's memory, and copies nothing. What a script
 * keeps beyond it is copied at its end, so it stays good for as long as it is kept.
 */
#ifndef TAKE5_PLUGINS_PYTHON_MESSAGE_H
#define TAKE5_PLUGINS_PYTHON_MESSAGE_H

#include "interpreter.h"

/* Makes the two types, and puts them into the module. -1 with an exception. */
int message_add_types(PyObject *module);

/* The type of confluent-kafka's form, a new reference. */
PyTypeObject *message_kafka_type(void);

/* The attribute `name` is field number `index` (t5_field()). */
struct message_field {
    const char *name;
    uint32_t index;
};
/* A type with these attributes beside those of Message. The names are copied. NULL with an
 * exception. */
PyTypeObject *message_native_type(const struct message_field *fields, size_t count);

/* Lends the message out as an object of that type. `spare` has one from before, or NULL, and
 * serves again unless somebody kept it. A new reference; NULL with an exception. */
PyObject *message_lend(PyTypeObject *type, PyObject **spare, const t5_message *message);
/* The callback is over: takes the reference. */
void message_end(PyObject *object, PyObject **spare);

/* A value as an object: None unless it is there. NULL with an exception. */
PyObject *message_value(const t5_value *value);

#endif
