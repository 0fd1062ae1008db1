/*
 * services.h - the built-in module `_take5`: the host's services, for the current callback.
 *
 * A service acts for the instance whose callback runs on the calling thread; elsewhere it raises
 * RuntimeError. log() works from any thread, for the newest instance that there is.
 */
#ifndef TAKE5_PLUGINS_PYTHON_SERVICES_H
#define TAKE5_PLUGINS_PYTHON_SERVICES_H

#include "interpreter.h"

/* For PyImport_AppendInittab(). */
PyObject *services_module(void);

/* Whose callback runs on a thread. */
struct current_call {
    t5_host *host;    /* NULL: nobody's */
    PyObject *script; /* take5._bridge.Script, borrowed; NULL while it is made */
    /* Told of each symbol that a service meets; NULL: nobody wants to know. */
    void (*met)(void *context, uint32_t symbol_id);
    void *context;
};
/* One begins on this thread; gives what was before, for services_leave(). */
struct current_call services_enter(struct current_call next);
void services_leave(struct current_call before);

/* From here on, and no longer, log() can go to it. With the interpreter's lock. False: no memory.
 */
int services_add_log(t5_host *host);
void services_remove_log(t5_host *host);

#endif
