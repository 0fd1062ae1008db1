/*
 * engine/crash/crash_ends.h - the ways in which a process ends: the handler of deadly signals, and
 * hooks for exit, _exit, kill and pthread_exit. Inside this room.
 */
#ifndef TAKE5_ENGINE_CRASH_CRASH_ENDS_H
#define TAKE5_ENGINE_CRASH_CRASH_ENDS_H

#include "engine/crash/crash.h"

#include <signal.h>

/* Sets the hooks, once; crash_report_open() came before. */
bool crash_ends_hook(struct error *error);
/* For sigaction(): reports the signal, and dies of it. */
void crash_ends_on_signal(int number, siginfo_t *info, void *context);
/* What this thread does from now on; NULL: nothing. Its end is reported if it ends before it
 * said NULL. */
void crash_ends_set_call(struct current_call *current_call);
struct current_call *crash_ends_call(void);

#endif
