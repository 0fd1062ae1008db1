#include "services.h"
#include "message.h"
#include "named_values.h"

#include <stdlib.h>

static __thread struct current_call current;

/* Who can log, the newest last. Under the interpreter's lock. */
static struct {
    t5_host **hosts;
    size_t count;
} logs;

struct current_call services_enter(struct current_call next) {
    const struct current_call before = current;
    current = next;
    return before;
}

void services_leave(struct current_call before) {
    current = before;
}

int services_add_log(t5_host *host) {
    t5_host **hosts = realloc(logs.hosts, (logs.count + 1) * sizeof(*hosts));
    if (hosts == NULL)
        return 0;
    logs.hosts = hosts;
    logs.hosts[logs.count++] = host;
    return 1;
}

void services_remove_log(t5_host *host) {
    size_t left = 0;
    for (size_t i = 0; i < logs.count; i++)
        if (logs.hosts[i] != host)
            logs.hosts[left++] = logs.hosts[i];
    logs.count = left;
}

static void meet(uint32_t symbol_id) {
    if (current.met != NULL)
        current.met(current.context, symbol_id);
}

static t5_host *current_host(void) {
    if (current.host == NULL)
        PyErr_SetString(PyExc_RuntimeError,
                        "only in a callback of take5's, and on its thread: this is another one");
    return current.host;
}

/* None for T5_OK; else raises. */
static PyObject *answer(int32_t code, const char *refused) {
    if (code == T5_OK)
        Py_RETURN_NONE;
    PyErr_SetString(code == T5_NOT_NOW ? PyExc_RuntimeError : PyExc_ValueError,
                    code == T5_NOT_NOW ? "not in this callback" : refused);
    return NULL;
}

/* ---- log ---- */

static PyObject *service_log(PyObject *self, PyObject *args) {
    int level;
    const char *text;
    Py_ssize_t size;
    (void)self;
    if (!PyArg_ParseTuple(args, "is#:log", &level, &text, &size))
        return NULL;
    t5_host *host = current.host != NULL ? current.host
                    : logs.count > 0     ? logs.hosts[logs.count - 1]
                                         : NULL;
    if (host != NULL)
        (void)host->services->log(host, level, text, (size_t)size);
    return PyBool_FromLong(host != NULL);
}

/* The current script, or None. */
static PyObject *service_current(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    return Py_NewRef(current.script != NULL ? current.script : Py_None);
}

/* (a thread's ident, class of an exception): raised in it when it next runs Python. */
static PyObject *service_raise_in(PyObject *self, PyObject *args) {
    unsigned long ident;
    PyObject *exception;
    (void)self;
    if (!PyArg_ParseTuple(args, "kO:raise_in", &ident, &exception))
        return NULL;
    return PyBool_FromLong(PyThreadState_SetAsyncExc(ident, exception) > 0);
}

/* Converter of PyArg_Parse(): 0 to 2^64 - 1, of whatever counts as an integer. */
static int read_unsigned(PyObject *object, void *number) {
    PyObject *integer = PyNumber_Index(object);
    const unsigned long long value =
        integer != NULL ? PyLong_AsUnsignedLongLong(integer) : (unsigned long long)-1;
    Py_XDECREF(integer);
    if (PyErr_Occurred() != NULL)
        return 0;
    *(uint64_t *)number = value;
    return 1;
}

/* The same, to 2^32 - 1. */
static int read_unsigned_32(PyObject *object, void *number) {
    uint64_t value;
    if (!read_unsigned(object, &value))
        return 0;
    if (value > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "int too big to convert");
        return 0;
    }
    *(uint32_t *)number = (uint32_t)value;
    return 1;
}

/* ---- signals ---- */

static PyObject *service_emit(PyObject *self, PyObject *args, PyObject *names) {
    static char *known[] = {"name",  "symbol",        "value",        "confidence", "data",
                            "price", "event_time_ns", "time_frame_s", NULL};
    t5_signal signal = t5_signal_init(NULL, 0.0, 1.0);
    PyObject *data = NULL;
    Py_ssize_t name_size = 0, symbol_size = 0;
    long long event_time_ns = 0;
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, names, "s#|z#ddOdLO&:emit", known, &signal.name.data,
                                     &name_size, &signal.symbol.data, &symbol_size, &signal.value,
                                     &signal.confidence, &data, &signal.price, &event_time_ns,
                                     read_unsigned_32, &signal.time_frame_s))
        return NULL;
    signal.name.len = (size_t)name_size;
    signal.symbol.len = (size_t)symbol_size;
    signal.event_time_ns = event_time_ns;
    t5_host *host = current_host();
    struct named_values values;
    if (host == NULL || !named_values_read(&values, data))
        return NULL;
    named_values_put(&values, &signal);
    const int32_t code = t5_emit(host, &signal);
    named_values_release(&values);
    return answer(code, "the host refused the signal; its log says why");
}

/* (number of the series, value, symbol or None, event_time_ns, time_frame_s): whether anybody can
 * look at it. */
static PyObject *service_publish(PyObject *self, PyObject *args) {
    t5_point point = {.size = (uint32_t)sizeof point};
    Py_ssize_t symbol_size = 0;
    long long event_time_ns;
    (void)self;
    if (!PyArg_ParseTuple(args, "O&dz#LO&:publish", read_unsigned_32, &point.series, &point.value,
                          &point.symbol.data, &symbol_size, &event_time_ns, read_unsigned_32,
                          &point.time_frame_s))
        return NULL;
    point.symbol.len = (size_t)symbol_size;
    point.event_time_ns = event_time_ns;
    t5_host *host = current_host();
    if (host == NULL)
        return NULL;
    const int32_t code = host->services->publish(host, &point);
    if (code == T5_UNSUPPORTED)
        Py_RETURN_FALSE;
    PyObject *did = answer(code, "the host refused the point; its log says why");
    return did != NULL ? (Py_DECREF(did), Py_NewRef(Py_True)) : NULL;
}

/* ---- parameters and time ---- */

static PyObject *service_parameter(PyObject *self, PyObject *name) {
    Py_ssize_t size;
    t5_value value = {.type = T5_VALUE_MISSING};
    (void)self;
    const char *text = PyUnicode_AsUTF8AndSize(name, &size);
    t5_host *host = text != NULL ? current_host() : NULL;
    if (host == NULL)
        return NULL;
    if (host->services->parameter(host, text, (size_t)size, &value) != T5_OK)
        return PyErr_Format(PyExc_KeyError, "there is no parameter %U", name);
    return message_value(&value);
}

static PyObject *service_now(PyObject *self, PyObject *args) {
    int is_wall = 0;
    (void)self;
    t5_host *host = current_host();
    if (host == NULL || !PyArg_ParseTuple(args, "|p:now", &is_wall))
        return NULL;
    return PyLong_FromLongLong(host->services->now(host, is_wall ? T5_CLOCK_WALL : T5_CLOCK_EVENT));
}

/* ---- symbols and timers ---- */

/* T5_NO_SYMBOL for None. False with an exception. */
static int symbol_id(t5_host *host, PyObject *symbol, uint32_t *id) {
    Py_ssize_t size;
    *id = T5_NO_SYMBOL;
    if (symbol == NULL || symbol == Py_None)
        return 1;
    const char *text = PyUnicode_AsUTF8AndSize(symbol, &size);
    if (text == NULL)
        return 0;
    PyObject *did = answer(host->services->symbol_id(host, text, (size_t)size, id),
                           "no symbol: it is empty or too long, or there are too many");
    Py_XDECREF(did);
    if (did != NULL)
        meet(*id);
    return did != NULL;
}

/* (key, due_ns, symbol, is_wall) */
static t5_host *read_timer(PyObject *args, t5_timer *timer) {
    PyObject *symbol = NULL;
    long long due_ns;
    int is_wall = 0;
    t5_host *host = current_host();
    if (host == NULL ||
        !PyArg_ParseTuple(args, "O&L|Op:timer", read_unsigned, &timer->key, &due_ns, &symbol,
                          &is_wall) ||
        !symbol_id(host, symbol, &timer->symbol_id))
        return NULL;
    timer->size = (uint32_t)sizeof *timer;
    timer->clock = is_wall ? T5_CLOCK_WALL : T5_CLOCK_EVENT;
    timer->due_ns = due_ns;
    return host;
}

static PyObject *service_arm(PyObject *self, PyObject *args) {
    t5_timer timer = {0};
    (void)self;
    t5_host *host = read_timer(args, &timer);
    return host != NULL ? answer(host->services->arm_timer(host, &timer), "too many timers") : NULL;
}

static PyObject *service_cancel(PyObject *self, PyObject *args) {
    t5_timer timer = {0};
    (void)self;
    t5_host *host = read_timer(args, &timer);
    if (host == NULL)
        return NULL;
    const int32_t code = host->services->cancel_timer(host, &timer);
    if (code == T5_END)
        Py_RETURN_FALSE;
    PyObject *did = answer(code, "the host did not cancel the timer");
    return did != NULL ? (Py_DECREF(did), Py_NewRef(Py_True)) : NULL;
}

/* ---- state ---- */

/* (symbol's id, bytes) */
static PyObject *service_write(PyObject *self, PyObject *args) {
    Py_buffer data;
    unsigned int id;
    (void)self;
    t5_host *host = current_host();
    if (host == NULL || !PyArg_ParseTuple(args, "Iy*:write_record", &id, &data))
        return NULL;
    PyObject *did = answer(t5_record_write(host, id, data.buf, (size_t)data.len),
                           "the host did not take the record");
    PyBuffer_Release(&data);
    return did;
}

/* (symbol or None, bytes), or None after the last. */
static PyObject *service_read(PyObject *self, PyObject *none) {
    t5_record record;
    (void)self, (void)none;
    t5_host *host = current_host();
    if (host == NULL)
        return NULL;
    const int32_t code = t5_record_read(host, &record);
    if (code == T5_END)
        Py_RETURN_NONE;
    PyObject *did = answer(code, "the host gave no record");
    if (did == NULL)
        return NULL;
    Py_DECREF(did);
    meet(record.symbol_id);
    const char *symbol = record.symbol_id != T5_NO_SYMBOL ? record.symbol.data : NULL;
    return Py_BuildValue("z#y#", symbol, (Py_ssize_t)record.symbol.len, record.data,
                         (Py_ssize_t)record.data_size);
}

/* ---- the module ---- */

static PyMethodDef methods[] = {
    {"log", service_log, METH_VARARGS, NULL},
    {"current", service_current, METH_NOARGS, NULL},
    {"raise_in", service_raise_in, METH_VARARGS, NULL},
    {"emit", (PyCFunction)(void (*)(void))service_emit, METH_VARARGS | METH_KEYWORDS, NULL},
    {"publish", service_publish, METH_VARARGS, NULL},
    {"parameter", service_parameter, METH_O, NULL},
    {"now", service_now, METH_VARARGS, NULL},
    {"arm_timer", service_arm, METH_VARARGS, NULL},
    {"cancel_timer", service_cancel, METH_VARARGS, NULL},
    {"write_record", service_write, METH_VARARGS, NULL},
    {"read_record", service_read, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyObject *services_module(void) {
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                     "_take5",
                                     "The host's services.",
                                     -1,
                                     methods,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL};
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL || message_add_types(module) == 0)
        return module;
    Py_DECREF(module);
    return NULL;
}
