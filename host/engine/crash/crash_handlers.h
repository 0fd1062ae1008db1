/*
 * engine/crash/crash_handlers.h - the handlers and alternate stacks that this process has set, and
 * whether somebody changed them. Inside this room.
 */
#ifndef TAKE5_ENGINE_CRASH_CRASH_HANDLERS_H
#define TAKE5_ENGINE_CRASH_CRASH_HANDLERS_H

#include "engine/crash/crash.h"

/* Installs the handlers; what the signals that the host relies on do now is what
 * crash_look() keeps. */
void crash_handlers_install(void);
/* An alternate stack for this thread. False: no memory for it. */
bool crash_handlers_add_stack(void);
void crash_handlers_drop_stack(void);

#endif
