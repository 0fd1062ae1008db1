/*
 * message.h - a message as scripts see it, in two forms over the same memory:
 *
 *   KafkaMessage  the methods of confluent-kafka's: key(), value(), topic(), ...
 *   Message       the host's decoded message: symbol, price, ..., and the fields that a handler
 *                 declared, as attributes; each handler has a type of its own, derived from it
 *
 * During a callback the object is a view of the host's memory. Copied are the values that nearly
 * every handler reads: symbol, prices, volume, and the declared fields. They are slots, which the
 * interpreter finds without a look-up, and what is in them serves again where the script has not
 * kept it. What a script keeps of a message beyond the callback is copied at its end, so it stays
 * good for as long as it is kept.
 */
#ifndef TAKE5_PLUGINS_PYTHON_MESSAGE_H
#define TAKE5_PLUGINS_PYTHON_MESSAGE_H

#include "interpreter.h"

/* Makes the two types, and puts them into the module. -1 with an exception. */
int message_add_types(PyObject *module);

/* The attribute `name` is field number `index` (t5_field()). */
struct message_field {
    const char *name;
    uint32_t index;
};

/* What the messages of one handler look like. */
struct message_form {
    PyTypeObject *type;
    uint32_t *fields; /* the indices of its attributes of its own */
    size_t count;
};

/* confluent-kafka's; and Message with these attributes beside its own, whose names are copied. -1
 * with an exception; to be released all the same. */
int message_kafka_form(struct message_form *form);
int message_native_form(struct message_form *form, const struct message_field *fields,
                        size_t count);
void message_form_release(struct message_form *form);

/* Texts of the symbols that came, by id: of one symbol the same object with each message. */
struct message_symbols {
    PyObject **items; /* NULL: it has not come */
    size_t count;
};

void message_symbols_release(struct message_symbols *symbols);

/* Lends the message out in that form. `spare` has an object from before, or NULL, and serves again
 * unless somebody kept it. A new reference; NULL with an exception. */
PyObject *message_lend(const struct message_form *form, PyObject **spare,
                       struct message_symbols *symbols, const t5_message *message);
/* The callback is over: takes the reference. */
void message_end(PyObject *object, PyObject **spare);

/* A value as an object: None unless it is there. NULL with an exception. */
PyObject *message_value(const t5_value *value);

#endif
