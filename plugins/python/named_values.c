#include "named_values.h"

/* What one value came to. */
enum took { TOOK, IS_REST, HAS_RAISED };

static enum took took_unless_raised(void) {
    return PyErr_Occurred() != NULL ? HAS_RAISED : TOOK;
}

static enum took read_text(PyObject *object, t5_value *value) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text == NULL)
        return HAS_RAISED;
    *value = t5_named_text("", (t5_str){text, (size_t)size}).value;
    return TOOK;
}

/* One beyond 64 bits goes with the rest: JSON has them of any length. */
static enum took read_integer(PyObject *object, t5_value *value) {
    int overflow;
    *value = t5_named_integer("", PyLong_AsLongLongAndOverflow(object, &overflow)).value;
    return overflow != 0 ? IS_REST : took_unless_raised();
}

static enum took read_number(PyObject *object, t5_value *value) {
    if (PyBool_Check(object))
        *value = t5_named_boolean("", object == Py_True).value;
    else if (PyFloat_Check(object))
        *value = t5_named_number("", PyFloat_AS_DOUBLE(object)).value;
    else if (PyLong_Check(object))
        return read_integer(object, value);
    else
        return IS_REST;
    return took_unless_raised();
}

/* A number of another library's, numpy's as a rule. */
static enum took read_foreign(PyObject *object, t5_value *value) {
    PyObject *plain = interpreter_call("number", "(O)", object);
    const enum took took = plain != NULL ? read_number(plain, value) : HAS_RAISED;
    Py_XDECREF(plain);
    return took;
}

static enum took read_value(PyObject *object, t5_value *value) {
    if (object == Py_None) {
        *value = t5_value_of(T5_VALUE_NULL, (double)NAN, 0);
        return TOOK;
    }
    if (PyUnicode_Check(object))
        return read_text(object, value);
    const enum took took = read_number(object, value);
    if (took != IS_REST || PyDict_Check(object) || PyList_Check(object) || PyTuple_Check(object))
        return took;
    return read_foreign(object, value);
}

static int put_rest(PyObject **rest, PyObject *name, PyObject *object) {
    if (*rest == NULL)
        *rest = PyDict_New();
    return *rest != NULL && PyDict_SetItem(*rest, name, object) == 0;
}

static int read_item(struct named_values *values, PyObject **rest, PyObject *name,
                     PyObject *object) {
    Py_ssize_t size;
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "data: a name must be text, not %.50s",
                     Py_TYPE(name)->tp_name);
        return 0;
    }
    const char *text = PyUnicode_AsUTF8AndSize(name, &size);
    if (text == NULL)
        return 0;
    if (values->count == NAMED_VALUES_MOST)
        return put_rest(rest, name, object);
    t5_named_value *item = &values->items[values->count];
    const enum took took = read_value(object, &item->value);
    if (took == IS_REST)
        return put_rest(rest, name, object);
    item->name = (t5_str){text, (size_t)size};
    values->count++;
    return took == TOOK;
}

static int read_items(struct named_values *values) {
    PyObject *name, *object, *rest = NULL;
    Py_ssize_t at = 0;
    int did = 1;
    while (did && PyDict_Next(values->items_of, &at, &name, &object))
        did = read_item(values, &rest, name, object);
    if (did && rest != NULL)
        values->rest = interpreter_call("dumps", "(O)", rest);
    Py_XDECREF(rest);
    return did && PyErr_Occurred() == NULL;
}

int named_values_read(struct named_values *values, PyObject *data) {
    values->count = 0;
    values->rest = values->items_of = NULL;
    if (data == NULL || data == Py_None)
        return 1;
    if (!PyDict_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "data must be a dict");
        return 0;
    }
    values->items_of = PyDict_Copy(data);
    if (values->items_of != NULL && read_items(values))
        return 1;
    named_values_release(values);
    return 0;
}

void named_values_put(const struct named_values *values, t5_signal *signal) {
    Py_ssize_t size = 0;
    signal->values = values->items;
    signal->value_count = values->count;
    if (values->rest == NULL)
        return;
    signal->data.data = PyUnicode_AsUTF8AndSize(values->rest, &size);
    signal->data.len = (size_t)size;
}

void named_values_release(struct named_values *values) {
    Py_CLEAR(values->rest);
    Py_CLEAR(values->items_of);
}
