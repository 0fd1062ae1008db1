#include "script.h"
#include "message.h"
#include "routes.h"
#include "services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script {
    t5_host *host;
    unsigned long number; /* no other one has it */
    PyObject *object;     /* take5._bridge.Script */
    struct routes routes; /* who gets what */
    uint32_t symbol_end;  /* all ids that came were below */
    struct message_symbols symbols;
};

/* Around every callback: the interpreter's lock, and the current instance. */
struct scope {
    struct current_call before;
};

/* One that came, in whatever way. */
static void note_symbol(void *self, uint32_t id) {
    struct script *script = self;
    if (id != T5_NO_SYMBOL && id >= script->symbol_end)
        script->symbol_end = id + 1;
}

/* The script whose settings by thread this thread has; the context is one that was entered. */
static __thread struct {
    unsigned long number; /* 0: none */
    PyObject *context;
} taken;

/* In the old service one thread ran the script and its handlers: what the script set for its own
 * (contextvars, and so decimal's and numpy's modes), its callbacks find on the host's. */
static void take_thread_settings(struct script *script) {
    PyObject *context = PyObject_CallMethod(script->object, "take_thread_settings", NULL);
    if (taken.context != NULL)
        (void)PyContext_Exit(taken.context);
    Py_CLEAR(taken.context);
    if (context != NULL && context != Py_None && PyContext_Enter(context) == 0)
        taken.context = Py_NewRef(context);
    Py_XDECREF(context);
    PyErr_Clear();
    taken.number = script->number;
}

static struct scope scope_begin(struct script *script) {
    interpreter_enter();
    const struct scope scope = {
        services_enter((struct current_call){script->host, script->object, note_symbol, script})};
    if (script->object != NULL && taken.number != script->number)
        take_thread_settings(script);
    return scope;
}

static void scope_end(struct scope scope) {
    services_leave(scope.before);
    interpreter_leave();
}

/* ---- what went wrong ---- */

/* What can come of an exception. */
enum answer {
    REJECTS, /* it may reject the message */
    FAILS,   /* it is an error */
    IS_MUTE, /* the host takes no answer: the log alone has it */
};

/* Why several handlers of one message failed. */
struct reasons {
    size_t size;
    char text[INTERPRETER_WHY_SIZE];
};

static void add_reason(struct reasons *reasons, const char *text, size_t size) {
    const char *before = reasons->size > 0 ? "; " : "";
    const size_t room = sizeof reasons->text - reasons->size;
    const int more = snprintf(reasons->text + reasons->size, room, "%s%.*s", before,
                              size < room ? (int)size : (int)room, text);
    reasons->size += more < 0 ? 0 : (size_t)more < room ? (size_t)more : room - 1;
}

/* Takes the exception that is set: says why, and the log where from. `what` begins the line in the
 * log. */
static int32_t fail(struct script *script, const char *what, enum answer may,
                    struct reasons *reasons) {
    PyObject *type, *value, *traceback;
    int is_reject = 0;
    const char *text = NULL;
    Py_ssize_t size = 0;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        (void)PyException_SetTraceback(value, traceback);
    PyObject *reason = PyObject_CallMethod(script->object, "failed", "OsOO", value, what,
                                           may == REJECTS ? Py_True : Py_False,
                                           may == IS_MUTE ? Py_True : Py_False);
    if (reason == NULL || !PyArg_ParseTuple(reason, "ps#", &is_reject, &text, &size)) {
        PyErr_Clear();
        text = "an exception that cannot be put into words";
        size = (Py_ssize_t)strlen(text);
    }
    add_reason(reasons, text, (size_t)size);
    Py_XDECREF(reason);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return is_reject ? T5_REJECT : T5_ERROR;
}

static void tell(const struct script *script, const struct reasons *reasons) {
    (void)script->host->services->fail(script->host, reasons->text, reasons->size);
}

/* Of a method's result, which it takes. */
static int32_t settle(struct script *script, PyObject *result, const char *what) {
    struct reasons reasons = {.size = 0};
    if (result == NULL) {
        (void)fail(script, what, FAILS, &reasons);
        tell(script, &reasons);
        return T5_ERROR;
    }
    Py_DECREF(result);
    return T5_OK;
}

/* The same in a callback that answers nothing. */
static void settle_mute(struct script *script, PyObject *result, const char *what) {
    struct reasons reasons = {.size = 0};
    if (result == NULL)
        (void)fail(script, what, IS_MUTE, &reasons);
    Py_XDECREF(result);
}

/* ---- life ---- */

static PyObject *settings_of(t5_host *host) {
    static const char *const names[] = {"file", "venv", "path", NULL};
    PyObject *settings = PyDict_New();
    for (size_t i = 0; settings != NULL && names[i] != NULL; i++) {
        const t5_str text = t5_parameter_text(host, names[i]);
        if (interpreter_put(settings, names[i],
                            PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace")) != 0)
            Py_CLEAR(settings);
    }
    return settings;
}

/* With the lock. False with an exception. */
static int run(struct script *script, const t5_create_args *args) {
    PyObject *settings = settings_of(script->host);
    if (settings == NULL)
        return 0;
    script->object = interpreter_call("create", "(NIs#)", settings, (unsigned int)args->mode,
                                      args->deployment.data, (Py_ssize_t)args->deployment.len);
    return script->object != NULL && routes_read(&script->routes, script->host, script->object);
}

static void script_free(struct script *script) {
    routes_release(&script->routes);
    message_symbols_release(&script->symbols);
    Py_XDECREF(script->object);
    /* Types and modules hold themselves. Twice: a type is free once the messages are that a module
     * kept. */
    (void)PyGC_Collect();
    (void)PyGC_Collect();
    services_remove_log(script->host);
    free(script);
}

static int begin_interpreter(t5_host *host, char why[INTERPRETER_WHY_SIZE]) {
    const t5_value file = t5_parameter_value(host, "file");
    const t5_value venv = t5_parameter_value(host, "venv");
    const t5_value python = t5_parameter_value(host, "python");
    const struct interpreter_setup setup = {file.text, venv.text, python.text};
    return interpreter_begin(&setup, why);
}

/* Ever made; under the interpreter's lock. */
static unsigned long scripts;

int32_t script_create(const t5_create_args *args, void **self) {
    char why[INTERPRETER_WHY_SIZE];
    struct script *script = calloc(1, sizeof *script);
    if (script == NULL || !begin_interpreter(args->host, why)) {
        free(script);
        return t5_fail(args->host, "%s", script != NULL ? why : "out of memory");
    }
    script->host = args->host;
    const struct scope scope = scope_begin(script);
    script->number = ++scripts;
    const int did = services_add_log(args->host) && run(script, args);
    if (!did) {
        interpreter_why(why);
        script_free(script);
    }
    scope_end(scope);
    if (!did)
        return t5_fail(args->host, "%s", why);
    *self = script;
    return T5_OK;
}

void script_destroy(void *self) {
    struct script *script = self;
    const struct scope scope = scope_begin(script);
    Py_XDECREF(PyObject_CallMethod(script->object, "destroy", NULL));
    PyErr_Clear();
    script_free(script);
    scope_end(scope);
}

void script_activate(void *self, const t5_activate_args *args) {
    struct script *script = self;
    const struct scope scope = scope_begin(script);
    settle_mute(script, PyObject_CallMethod(script->object, "activate", "I", (unsigned)args->mode),
                "Error in a callback:");
    scope_end(scope);
}

void script_deactivate(void *self) {
    struct script *script = self;
    const struct scope scope = scope_begin(script);
    settle_mute(script, PyObject_CallMethod(script->object, "deactivate", NULL),
                "Error in a callback:");
    scope_end(scope);
}

/* ---- state ---- */

static int put_symbol(PyObject *symbols, t5_str text, uint32_t id) {
    PyObject *name = PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace");
    PyObject *number = PyLong_FromUnsignedLong(id);
    const int did = name != NULL && number != NULL && PyDict_SetItem(symbols, name, number) == 0;
    Py_XDECREF(name);
    Py_XDECREF(number);
    return did;
}

/* Ids by symbol: in save the host tells the text of an id, and not the other way round. A new
 * reference; NULL with an exception. */
static PyObject *symbols_of(const struct script *script) {
    PyObject *symbols = PyDict_New();
    for (uint32_t id = 0; symbols != NULL && id < script->symbol_end; id++) {
        t5_str text;
        if (script->host->services->symbol_text(script->host, id, &text) == T5_OK &&
            !put_symbol(symbols, text, id))
            Py_CLEAR(symbols);
    }
    return symbols;
}

int32_t script_load(void *self, const t5_load_args *args) {
    struct script *script = self;
    const struct scope scope = scope_begin(script);
    const int32_t code =
        settle(script, PyObject_CallMethod(script->object, "load_state", "I", args->state_version),
               "cannot load the state:");
    scope_end(scope);
    return code;
}

int32_t script_save(void *self, const t5_save_args *args) {
    struct script *script = self;
    (void)args;
    const struct scope scope = scope_begin(script);
    PyObject *symbols = symbols_of(script);
    PyObject *result =
        symbols != NULL ? PyObject_CallMethod(script->object, "save_state", "N", symbols) : NULL;
    const int32_t code = settle(script, result, "cannot save the state:");
    scope_end(scope);
    return code;
}

/* ---- at work ---- */

/* T5_OK as well when nobody wants it. */
static int32_t hand_over(struct script *script, struct route *route, const t5_message *message,
                         struct reasons *reasons) {
    static const char what[] = "Error processing message:";
    PyObject *handler = route_handler(&script->routes, route, message);
    if (handler == NULL)
        return PyErr_Occurred() != NULL ? fail(script, what, REJECTS, reasons) : T5_OK;
    PyObject *object = message_lend(&route->form, &route->spare, &script->symbols, message);
    PyObject *result = object != NULL ? PyObject_CallOneArg(handler, object) : NULL;
    const int32_t code = result != NULL ? T5_OK : fail(script, what, REJECTS, reasons);
    Py_XDECREF(result);
    Py_DECREF(handler);
    if (object != NULL)
        message_end(object, &route->spare);
    return code;
}

int32_t script_message(void *self, const t5_message *message) {
    struct script *script = self;
    struct reasons reasons;
    int32_t code = T5_OK;
    reasons.size = 0;
    note_symbol(script, message->symbol_id);
    const struct scope scope = scope_begin(script);
    for (size_t i = 0; i < script->routes.count; i++) {
        struct route *route = &script->routes.items[i];
        if (route->topic != message->topic)
            continue;
        const int32_t one = hand_over(script, route, message, &reasons);
        if (one != T5_OK && code != T5_REJECT) /* a dead letter, whatever others came to */
            code = one;
    }
    if (code != T5_OK)
        tell(script, &reasons);
    scope_end(scope);
    return code;
}

int32_t script_timer(void *self, const t5_timer *timer) {
    struct script *script = self;
    const struct scope scope = scope_begin(script);
    const int32_t code =
        settle(script,
               PyObject_CallMethod(
                   script->object, "on_timer", "Kz#LLO", (unsigned long long)timer->key,
                   timer->symbol_id != T5_NO_SYMBOL ? timer->symbol.data : NULL,
                   (Py_ssize_t)timer->symbol.len, (long long)timer->due_ns,
                   (long long)timer->now_ns, timer->clock == T5_CLOCK_WALL ? Py_True : Py_False),
               "Error in a timer:");
    scope_end(scope);
    return code;
}

void script_event(void *self, const t5_event *event) {
    struct script *script = self;
    const struct scope scope = scope_begin(script);
    PyObject *result = PyObject_CallMethod(
        script->object, "on_event", "IIz#LL", (unsigned)event->kind, (unsigned)event->topic,
        event->symbol_id != T5_NO_SYMBOL ? event->symbol.data : NULL, (Py_ssize_t)event->symbol.len,
        (long long)event->from_offset, (long long)event->to_offset);
    settle_mute(script, result, "Error in an event:");
    scope_end(scope);
}
