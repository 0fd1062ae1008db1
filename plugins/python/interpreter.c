#include "interpreter.h"
#include "services.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULES_FOLDER "<take5>"
#define VENV_SIZE      4096

/* Under the interpreter's lock, but for the first call, which the host makes from one thread. */
static struct {
    int is_begun;
    char venv[VENV_SIZE];
    PyObject *bridge; /* the module take5._bridge */
} interpreter;

/* ---- to begin ---- */

static int refuse(char why[INTERPRETER_WHY_SIZE], const char *text, const char *detail) {
    snprintf(why, INTERPRETER_WHY_SIZE, "%s%s", text, detail != NULL ? detail : "");
    return 0;
}

static int check_version(const char *wanted, char why[INTERPRETER_WHY_SIZE]) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d", PY_MAJOR_VERSION, PY_MINOR_VERSION);
    if (wanted[0] == '\0' || strcmp(wanted, version) == 0)
        return 1;
    snprintf(why, INTERPRETER_WHY_SIZE,
             "python = %.20s: this plugin has Python %s in it; set that, or leave it out", wanted,
             version);
    return 0;
}

static int has_part(const char *venv, const char *part) {
    char path[VENV_SIZE + 64];
    snprintf(path, sizeof path, "%s/%s", venv, part);
    return access(path, F_OK) == 0;
}

/* Python itself would begin with the system's packages instead. */
static int check_venv(const char *venv, char why[INTERPRETER_WHY_SIZE]) {
    char packages[64];
    snprintf(packages, sizeof packages, "lib/python%d.%d", PY_MAJOR_VERSION, PY_MINOR_VERSION);
    const int is_one = has_part(venv, "pyvenv.cfg");
    if (is_one && has_part(venv, packages))
        return 1;
    snprintf(why, INTERPRETER_WHY_SIZE, "venv = %.500s: it has no %s, so it %s Python %d.%d", venv,
             is_one ? packages : "pyvenv.cfg",
             is_one ? "is not of this plugin's" : "is not a virtual environment of",
             PY_MAJOR_VERSION, PY_MINOR_VERSION);
    return 0;
}

/* The absolute path; empty: none is wanted. */
static int find_venv(const struct interpreter_setup *setup, char venv[VENV_SIZE],
                     char why[INTERPRETER_WHY_SIZE]) {
    const char *end = strrchr(setup->file, '/');
    const int folder = setup->venv[0] != '/' && end != NULL ? (int)(end + 1 - setup->file) : 0;
    venv[0] = '\0';
    if (setup->venv[0] == '\0')
        return 1;
    snprintf(venv, VENV_SIZE, "%.*s%s", folder, setup->file, setup->venv);
    return check_venv(venv, why);
}

/* Extension modules are not linked with libpython: they look for it among what all can see. */
static int show_library(char why[INTERPRETER_WHY_SIZE]) {
    Dl_info info;
    if (dladdr((const void *)Py_GetVersion, &info) != 0 &&
        dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) != NULL)
        return 1;
    return refuse(why, "cannot show libpython to extension modules: ", dlerror());
}

static PyStatus configure(PyConfig *config, const char *venv) {
    char executable[4200];
    snprintf(executable, sizeof executable, "%s/bin/python3", venv[0] != '\0' ? venv : "/usr");
    config->site_import = 1;
    config->install_signal_handlers = 0;
    config->write_bytecode = 0;
    return PyConfig_SetBytesString(config, &config->executable, executable);
}

static int begin(const char *venv, char why[INTERPRETER_WHY_SIZE]) {
    PyPreConfig early;
    PyConfig config;
    PyPreConfig_InitIsolatedConfig(&early);
    early.utf8_mode = 1;
    PyConfig_InitIsolatedConfig(&config);
    PyStatus status = Py_PreInitialize(&early);
    if (!PyStatus_Exception(status))
        status = configure(&config, venv);
    if (!PyStatus_Exception(status)) {
        PyImport_AppendInittab("_take5", services_module);
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return !PyStatus_Exception(status) ||
           refuse(why, "Python does not begin: ",
                  status.err_msg != NULL ? status.err_msg : "no reason given");
}

/* ---- the plugin's own modules ---- */

static const struct interpreter_module *find_module(const char *name) {
    const struct interpreter_module *module = interpreter_modules;
    while (module->name != NULL && strcmp(module->name, name) != 0)
        module++;
    return module->name != NULL ? module : NULL;
}

/* source(name) -> (text, is_package), or None: for the finder in take5._bridge. */
static PyObject *source(PyObject *self, PyObject *name) {
    (void)self;
    const char *text = PyUnicode_AsUTF8(name);
    const struct interpreter_module *module = text != NULL ? find_module(text) : NULL;
    if (module == NULL)
        return text != NULL ? Py_NewRef(Py_None) : NULL;
    return Py_BuildValue("s#O", module->source, (Py_ssize_t)module->size,
                         module->is_package ? Py_True : Py_False);
}

static PyMethodDef source_method = {"source", source, METH_O, "Of a module of the plugin's own."};

/* Runs one of them without its finder, which one of them is. */
static PyObject *run_module(const char *name) {
    const struct interpreter_module *module = find_module(name);
    PyObject *made = NULL;
    PyObject *code = Py_CompileString(module->source, MODULES_FOLDER "/_bridge.py", Py_file_input);
    PyObject *reader = PyCFunction_New(&source_method, NULL);
    PyObject *services = PyImport_ImportModule("_take5");
    if (code != NULL && reader != NULL && services != NULL &&
        PyObject_SetAttrString(services, "source", reader) == 0)
        made = PyImport_ExecCodeModule(name, code);
    Py_XDECREF(services);
    Py_XDECREF(reader);
    Py_XDECREF(code);
    return made;
}

/* Ends without the lock. */
static int begin_all(const char *venv, char why[INTERPRETER_WHY_SIZE]) {
    if (!show_library(why) || !begin(venv, why))
        return 0;
    interpreter.bridge = run_module("take5._bridge");
    if (interpreter.bridge == NULL)
        interpreter_why(why);
    else
        snprintf(interpreter.venv, sizeof interpreter.venv, "%s", venv);
    interpreter.is_begun = 1;
    (void)PyEval_SaveThread();
    return interpreter.bridge != NULL;
}

int interpreter_begin(const struct interpreter_setup *setup, char why[INTERPRETER_WHY_SIZE]) {
    char venv[VENV_SIZE];
    if (!check_version(setup->python, why) || !find_venv(setup, venv, why))
        return 0;
    if (!interpreter.is_begun)
        return begin_all(venv, why);
    if (interpreter.bridge == NULL)
        return refuse(why, "Python did not begin in this process", NULL);
    if (strcmp(interpreter.venv, venv) == 0)
        return 1;
    snprintf(why, INTERPRETER_WHY_SIZE,
             "this process has a Python with venv %.300s, and cannot begin one with %.300s: give "
             "the deployment a worker of its own",
             interpreter.venv[0] != '\0' ? interpreter.venv : "(none)",
             venv[0] != '\0' ? venv : "(none)");
    return 0;
}

/* ---- the lock ---- */

static __thread struct {
    PyThreadState *state; /* kept for good */
    unsigned depth;       /* of calls that have entered */
} own;

static PyThreadState *make_state(void) {
    PyThreadState *state = PyGILState_GetThisThreadState();
    if (state != NULL)
        return state;
    (void)PyGILState_Ensure(); /* never undone: the state stays */
    return PyEval_SaveThread();
}

void interpreter_enter(void) {
    if (own.depth++ > 0)
        return;
    if (own.state == NULL)
        own.state = make_state();
    PyEval_RestoreThread(own.state);
}

void interpreter_leave(void) {
    if (--own.depth == 0)
        (void)PyEval_SaveThread();
}

/* ---- the bridge ---- */

PyObject *interpreter_bridge(const char *name) {
    PyObject *function = PyDict_GetItemString(PyModule_GetDict(interpreter.bridge), name);
    if (function == NULL)
        PyErr_Format(PyExc_SystemError, "take5._bridge has no %s", name);
    return function;
}

PyObject *interpreter_call(const char *name, const char *format, ...) {
    PyObject *function = interpreter_bridge(name);
    va_list arguments;
    va_start(arguments, format);
    PyObject *tuple = function != NULL ? Py_VaBuildValue(format, arguments) : NULL;
    va_end(arguments);
    PyObject *result = tuple != NULL ? PyObject_CallObject(function, tuple) : NULL;
    Py_XDECREF(tuple);
    return result;
}

/* The exception that is set, as one object; NULL: there is none. */
static PyObject *take_exception(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL)
        return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        (void)PyException_SetTraceback(value, traceback);
    Py_DECREF(type);
    Py_XDECREF(traceback);
    return value;
}

void interpreter_why(char why[INTERPRETER_WHY_SIZE]) {
    PyObject *exception = take_exception();
    PyObject *text = exception != NULL && interpreter.bridge != NULL
                         ? interpreter_call("why", "(O)", exception)
                         : NULL;
    if (text == NULL && exception != NULL) {
        PyErr_Clear();
        text = PyObject_Repr(exception);
    }
    const char *words = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    PyErr_Clear();
    snprintf(why, INTERPRETER_WHY_SIZE, "%s", words != NULL ? words : "Python gave no reason");
    Py_XDECREF(text);
    Py_XDECREF(exception);
}

int interpreter_put(PyObject *dict, const char *name, PyObject *value) {
    const int code = value != NULL ? PyDict_SetItemString(dict, name, value) : -1;
    Py_XDECREF(value);
    return code;
}
