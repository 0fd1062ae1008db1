/*
 * commands/operation/run_hold.h - `take5 run --wait-for-config`: where a process that ends is
 * started again and again (containers), one whose configuration is refused (exit code 78) waits
 * until it is asked to try again.
 */
#ifndef TAKE5_COMMANDS_OPERATION_RUN_HOLD_H
#define TAKE5_COMMANDS_OPERATION_RUN_HOLD_H

#include "os/signals.h"

#include <stdbool.h>

/* Waits. True: a reload was asked for (SIGHUP); false: a stop, or there is no memory. */
bool run_hold(struct signals *signals);
/* Begins `take5 ARGV...` in the place of this process, so that nothing of what was refused is left.
 * Comes back when that cannot be. */
void run_again(char *const *argv);

#endif
