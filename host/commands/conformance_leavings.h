/*
 * commands/conformance_leavings.h - what a process has, counted.
 */
#ifndef TAKE5_COMMANDS_CONFORMANCE_LEAVINGS_H
#define TAKE5_COMMANDS_CONFORMANCE_LEAVINGS_H

#include <stddef.h>

/* Threads of this process. */
size_t leavings_threads(void);

#endif
