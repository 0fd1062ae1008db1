/*
 * os/spawn.h - begins a process: this program once more, or another one.
 *
 * It is spawned, not forked: other threads may hold any lock. It begins with signals as at a
 * process's beginning, in its own process group unless the caller asks otherwise, and with no
 * descriptor but those it is given.
 */
#ifndef TAKE5_OS_SPAWN_H
#define TAKE5_OS_SPAWN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The caller's descriptor, and the number under which the process has it. */
struct spawn_fd {
    int fd, as;
};

#define SPAWN_FDS 8

struct spawn {
    const char *program;      /* NULL: /proc/self/exe */
    char *const *arguments;   /* with the name first, NULL at the end */
    char *const *environment; /* NULL: this process's */
    const struct spawn_fd *fds;
    size_t fd_count;  /* at most SPAWN_FDS; each `as` is below the count */
    bool is_in_group; /* in this process's group: what ends that from a terminal ends it too */
};

/* False: it could not be begun; errors say why. */
bool spawn_process(const struct spawn *spawn, pid_t *pid, struct error *error);

/* A pipe of which the process gets the writing end, which is moved out of the way of the numbers
 * that it may get; ours does not block. Both are closed on exec. False with errno. */
bool spawn_pipe(int *ours, int *theirs);
/* Moves a descriptor out of that way. False with errno, and it is as it was. */
bool spawn_move_up(int *fd);

/* Ends the process and its group by SIGKILL and reaps it. False: somebody else took its status. */
bool spawn_reap(pid_t pid, int *status);

/* Whether this process has a child, be it one that has ended and was not reaped. */
bool spawn_has_children(void);
/* A child that has ended and was not reaped yet; 0: there is none. */
pid_t spawn_ended(void);
/* Reaps such a one, of which nobody wants to know anything. */
void spawn_forget(pid_t pid);

#endif
