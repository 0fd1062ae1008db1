/*
 * routes.h - which of a script's handlers gets the messages of which topic, in what form.
 */
#ifndef TAKE5_PLUGINS_PYTHON_ROUTES_H
#define TAKE5_PLUGINS_PYTHON_ROUTES_H

#include "interpreter.h"
#include "message.h"

struct route {
    uint32_t topic;     /* index into the topics that the script wants */
    PyObject *callable; /* or NULL: */
    PyObject *consumer; /* while it is `running`, in its dict `message_handlers`, which the script
                           may change or replace at any time; or such a dict itself */
    PyObject *key;      /* under which the handler stands there, unless by the topic's name */
    struct message_form form; /* of the messages that it gets */
    PyObject *spare;          /* one of them that nobody has; or NULL */
};

struct routes {
    struct route *items;
    size_t count;
    PyObject *running, *message_handlers; /* the names of these attributes */
};

/* Of a take5._bridge.Script; declares the fields of its handlers. Only in create, with the
 * interpreter's lock. False with an exception; release it all the same. */
int routes_read(struct routes *routes, t5_host *host, PyObject *script);
void routes_release(struct routes *routes);

/* A new reference. NULL: there is none, or, with an exception, it cannot be said. */
PyObject *route_handler(const struct routes *routes, const struct route *route,
                        const t5_message *message);

#endif
