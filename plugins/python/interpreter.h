/*
 * interpreter.h - the CPython of this process: begun once, never ended, since neither it nor what
 * scripts import (numpy, threads) can be begun a second time. So it is static; and so is, by thread
 * or under its lock, whose callback runs and who can log (services.c), and whose settings a thread
 * has (script.c).
 *
 * Whoever calls into it holds the interpreter's lock: interpreter_enter() to interpreter_leave().
 * A thread that has entered once keeps its thread state for good, so that entering again is taking
 * the lock and no more, and what the script keeps by thread lasts.
 */
#ifndef TAKE5_PLUGINS_PYTHON_INTERPRETER_H
#define TAKE5_PLUGINS_PYTHON_INTERPRETER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <take5/take5.h>

#define INTERPRETER_WHY_SIZE 1024

/* How it is begun. Texts are the caller's. */
struct interpreter_setup {
    const char *file;   /* the script: a relative `venv` is seen from its directory */
    const char *venv;   /* a virtual environment; empty: the system's packages */
    const char *python; /* "3.11": what it has to be; empty: as it is */
};

/* Begins it, or finds it begun in the same way. False: `why` says why not. */
int interpreter_begin(const struct interpreter_setup *setup, char why[INTERPRETER_WHY_SIZE]);

/* They nest. */
void interpreter_enter(void);
void interpreter_leave(void);

/* ---- with the lock ---- */

/* A function of the module take5._bridge, borrowed. NULL with an exception. */
PyObject *interpreter_bridge(const char *name);
/* Calls one; `format` as in Py_BuildValue(), a tuple. NULL with an exception. */
PyObject *interpreter_call(const char *name, const char *format, ...);
/* Takes the exception that is set, and puts it into words: FILE:LINE: TYPE: text. */
void interpreter_why(char why[INTERPRETER_WHY_SIZE]);

/* Like PyDict_SetItemString(), but takes the reference. -1 with an exception. */
int interpreter_put(PyObject *dict, const char *name, PyObject *value);

/* A module of the plugin's own, in the file that the build makes of modules/. */
struct interpreter_module {
    const char *name; /* "take5._bridge" */
    int is_package;
    const char *source;
    size_t size;
};
extern const struct interpreter_module interpreter_modules[]; /* the last has no name */

#endif
