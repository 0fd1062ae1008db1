/*
 * os/at_fork.h - what a fork() in this process must not take along.
 *
 * The host itself never forks: it spawns, and all its descriptors are closed on exec. But code that
 * it has loaded may fork and stay, and such a copy of the process would keep ports, sockets and
 * locks taken when the host has long ended. So what must not be held twice is named here, and is
 * closed in the copy, by a handler of fork(). clone() and vfork() run no handlers: what is begun by
 * them without exec is out of reach.
 *
 * The process has one table for it, since it has one fork(). Any thread.
 */
#ifndef TAKE5_OS_AT_FORK_H
#define TAKE5_OS_AT_FORK_H

#include <stdatomic.h>
#include <stdbool.h>

/* The descriptor is closed in copies of the process. There is room for 64; what finds none stays
 * open in copies. Take it out before it is closed. */
void at_fork_close(int fd);
void at_fork_forget(int fd);

/* How often the calling thread has forked since the first call of this room. */
unsigned at_fork_count(void);

/* Whether this process is such a copy: it has one thread, and nothing of the host in it works. */
static inline bool at_fork_is_copy(void) {
    extern atomic_bool at_fork_made_this;
    return atomic_load_explicit(&at_fork_made_this, memory_order_relaxed);
}
/* This one is no longer: it was made on purpose. */
void at_fork_adopt(void);

#endif
