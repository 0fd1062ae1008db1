/*
 * os/sweep.h - ends by SIGKILL, and waits for the end of, what nobody looks after any more.
 *
 * What forks as fast as it is ended, or cannot be ended as the kernel holds it, is given up after
 * SWEEP_NS.
 */
#ifndef TAKE5_OS_SWEEP_H
#define TAKE5_OS_SWEEP_H

#include "base/clock.h"

#include <stddef.h>

#define SWEEP_NS NS_PER_S

/* All children, and theirs, which become children of a subreaper as their parents end; all are
 * reaped. Gives how many there were that had not ended by themselves. */
size_t sweep_children(void);

/*
 * Processes of this user, but this one, whose environment has a variable that begins with `mark`
 * ("NAME=VALUE"): whoever was given it, and whom that one started, by fork() or as another program,
 * in whichever session and whosever children they are by now. Somebody who was started with another
 * environment (`env -i`) is not found. Gives how many there were.
 */
size_t sweep_marked(const char *mark);

#endif
