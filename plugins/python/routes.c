#include "routes.h"
#include "message.h"

#include <stdlib.h>

/* (attribute, path) */
static int read_field(t5_host *host, PyObject *pair, struct message_field *field) {
    const char *path;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(pair, "ss#:field", &field->name, &path, &size))
        return 0;
    if (host->services->declare_field(host, path, (size_t)size, &field->index) == T5_OK)
        return 1;
    PyErr_Format(PyExc_ValueError, "field %s: \"%s\" is no path into a message", field->name, path);
    return 0;
}

static int read_form(struct message_form *form, t5_host *host, PyObject *list) {
    const Py_ssize_t count = PyList_GET_SIZE(list);
    struct message_field *fields = calloc((size_t)count + 1, sizeof *fields);
    if (fields == NULL)
        return (PyErr_NoMemory(), 0);
    Py_ssize_t read = 0;
    while (read < count && read_field(host, PyList_GET_ITEM(list, read), &fields[read]))
        read++;
    const int did = read == count && message_native_form(form, fields, (size_t)count) == 0;
    free(fields);
    return did;
}

/* (topic, callable or None, consumer or None, key, fields or None) */
static int read_route(struct route *route, t5_host *host, PyObject *tuple) {
    PyObject *callable, *consumer, *key, *fields;
    if (!PyArg_ParseTuple(tuple, "IOOOO:route", &route->topic, &callable, &consumer, &key, &fields))
        return 0;
    route->callable = callable != Py_None ? Py_NewRef(callable) : NULL;
    route->consumer = Py_NewRef(consumer);
    route->key = Py_NewRef(key);
    return PyList_Check(fields) ? read_form(&route->form, host, fields)
                                : message_kafka_form(&route->form) == 0;
}

int routes_read(struct routes *routes, t5_host *host, PyObject *script) {
    PyObject *list = PyObject_CallMethod(script, "routes", NULL);
    if (list == NULL || !PyList_Check(list)) {
        Py_XDECREF(list);
        return 0;
    }
    const Py_ssize_t count = PyList_GET_SIZE(list);
    routes->running = PyUnicode_InternFromString("running");
    routes->message_handlers = PyUnicode_InternFromString("message_handlers");
    int did = routes->running != NULL && routes->message_handlers != NULL;
    routes->items = calloc((size_t)count + 1, sizeof *routes->items);
    if (routes->items == NULL)
        did = (PyErr_NoMemory(), 0);
    for (Py_ssize_t i = 0; did && i < count; i++)
        did = read_route(&routes->items[routes->count++], host, PyList_GET_ITEM(list, i));
    Py_DECREF(list);
    return did;
}

void routes_release(struct routes *routes) {
    for (size_t i = 0; i < routes->count; i++) {
        struct route *route = &routes->items[i];
        Py_XDECREF(route->callable);
        Py_XDECREF(route->consumer);
        Py_XDECREF(route->key);
        Py_XDECREF(route->spare);
        message_form_release(&route->form);
    }
    free(routes->items);
    Py_XDECREF(routes->running);
    Py_XDECREF(routes->message_handlers);
    *routes = (struct routes){0};
}

/* ---- the handler ---- */

static PyObject *find(PyObject *handlers, const struct route *route, const t5_message *message) {
    PyObject *handler = PyDict_GetItemWithError(handlers, route->key);
    if (handler != NULL || PyErr_Occurred() != NULL)
        return Py_XNewRef(handler);
    PyObject *name = PyUnicode_DecodeUTF8(message->topic_name.data,
                                          (Py_ssize_t)message->topic_name.len, "replace");
    handler = name != NULL ? PyDict_GetItemWithError(handlers, name) : NULL;
    Py_XINCREF(handler);
    Py_XDECREF(name);
    return handler;
}

static int is_running(const struct routes *routes, PyObject *consumer) {
    PyObject *running = PyObject_GetAttr(consumer, routes->running);
    const int is = running == Py_True || (running != NULL && PyObject_IsTrue(running) == 1);
    Py_XDECREF(running);
    return is;
}

/* A new reference; NULL with an exception. */
static PyObject *handlers_of(const struct routes *routes, PyObject *consumer) {
    return PyDict_CheckExact(consumer) ? Py_NewRef(consumer)
                                       : PyObject_GetAttr(consumer, routes->message_handlers);
}

PyObject *route_handler(const struct routes *routes, const struct route *route,
                        const t5_message *message) {
    if (route->callable != NULL)
        return Py_NewRef(route->callable);
    PyObject *handlers = handlers_of(routes, route->consumer);
    PyObject *handler = NULL;
    if (handlers != NULL && !PyDict_Check(handlers)) /* another mapping */
        Py_SETREF(handlers, PyObject_CallOneArg((PyObject *)&PyDict_Type, handlers));
    if (handlers != NULL && PyDict_Check(handlers) && PyDict_GET_SIZE(handlers) > 0 &&
        (handlers == route->consumer || is_running(routes, route->consumer)))
        handler = find(handlers, route, message);
    Py_XDECREF(handlers);
    return handler;
}
