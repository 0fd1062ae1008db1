/*
 * services.h - the built-in module `_take5`: the host's services, for the callback in hand.
 *
 * A service acts for the instance whose callback runs on the calling thread; elsewhere it raises
 * RuntimeError. log() works from any thread, for the newest instance that there is.
 */
#ifndef TAKE5_PLUGINS_PYTHON_SERVICES_H
#define TAKE5_PLUGINS_PYTHON_SERVICES_H

#include "interpreter.h"

/* For PyImport_AppendInittab(). */
PyObject *services_module(void);

/* The callback of that instance begins on this thread; gives who was in hand before, for
 * services_leave(). NULL: none. */
t5_host *services_enter(t5_host *host);
void services_leave(t5_host *before);

/* From here on, and no longer, log() can go to it. With the interpreter's lock. False: no memory.
 */
int services_add_log(t5_host *host);
void services_remove_log(t5_host *host);

#endif
