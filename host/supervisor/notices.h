/*
 * supervisor/notices.h - what workers report of themselves: a socket that takes what sd_notify(3)
 * sends, and knows which process sent it. So a worker reports to its supervisor what the only
 * process of a host reports to systemd: that it is ready, that it moves, how it is.
 */
#ifndef TAKE5_SUPERVISOR_NOTICES_H
#define TAKE5_SUPERVISOR_NOTICES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NOTICE_MAX 2048

struct notice {
    pid_t pid;
    char text[NOTICE_MAX]; /* "NAME=VALUE" lines */
};

/* Binds a socket at the path, in the place of whatever lies there. Gives a descriptor that does not
 * block; -1 with an error. */
int notices_open(const char *path, struct error *error);
/* The next one that has come. False: there is none. */
bool notices_next(int fd, struct notice *notice);
/* Copies the value of that name. False: there is none. */
bool notice_value(const struct notice *notice, const char *name, char *value, size_t size);

#endif
