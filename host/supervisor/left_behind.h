/*
 * supervisor/left_behind.h - what strategies of a worker have started, and what outlives it.
 *
 * Whatever is in the worker's process group ends with it (os/spawn.h). Somebody who has left that,
 * by setsid(), is known by a variable of the workers' environment, which has a word of this start
 * and the worker's name. What has that mark ends with its worker; and what a supervisor that was
 * killed has left so, by the next start in the same run directory, which finds the word there. An
 * environment without it is no way out either as long as the supervisor lives: as subreaper it is
 * the parent of all who lose theirs, and ends them with the host.
 *
 * The supervisor's main thread.
 */
#ifndef TAKE5_SUPERVISOR_LEFT_BEHIND_H
#define TAKE5_SUPERVISOR_LEFT_BEHIND_H

#include "base/error.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>

#define LEFT_BEHIND_VARIABLE "TAKE5_WORKER="

struct left_behind {
    char mark[160]; /* "NAME=VALUE", of the environment of who is begun next */
    size_t fixed;   /* bytes of it that all workers have */
    bool is_alone;  /* who is a child of this process and no worker, was left behind by one */
};

/* Ends what the supervisor before has left; `directory`: that of the workers, and this process's
 * alone. False: the word of this start cannot be noted there. */
bool left_behind_begin(struct left_behind *left, const char *directory, struct log *log,
                       struct error *error);

/* From here on the worker of that name is begun. */
void left_behind_name(struct left_behind *left, const char *worker);

/* Its process has ended. */
void left_behind_end(struct left_behind *left, const char *worker, struct log *log);
/* All workers have, and none is begun any more. */
void left_behind_end_all(struct left_behind *left, struct log *log);

#endif
