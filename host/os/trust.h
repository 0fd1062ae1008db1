/*
 * os/trust.h - whether others could have put something where this process looks.
 *
 * A file is as safe as the whole way to it: a user who may write a directory on it can replace
 * what lies below. So every directory from the root on is looked at, as sshd does, symbolic links
 * are followed one by one and looked at too, and everything by descriptor, relative to the
 * directory that was looked at before: what was checked is what is opened.
 *
 * A directory on the way must belong to root or to the user who runs this process, and be writable
 * by nobody else, unless it is sticky (/tmp): there others can add, but not replace. The last part
 * has no such excuse. A group may be trusted besides: what belongs to it may be writable by it, and
 * belong to any user.
 */
#ifndef TAKE5_OS_TRUST_H
#define TAKE5_OS_TRUST_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define TRUST_NO_GROUP ((gid_t)-1)

struct trust {
    bool is_off; /* strict_modes = no: only what is opened is looked at, not the way to it */
    gid_t group; /* TRUST_NO_GROUP: none */
};

extern const struct trust trust_strict; /* root, and the user who runs this */
extern const struct trust trust_any;    /* off */

/*
 * Opens a regular file, or with O_DIRECTORY in `flags` a directory; O_CLOEXEC, O_NONBLOCK and
 * O_NOCTTY are added, so that neither a FIFO nor a device makes anybody wait. Nothing is made
 * (O_CREAT is not for this). Gives the descriptor, or -1: ERROR_SYSTEM with errno kept (ENOENT:
 * there is none), or ERROR_INVALID: what is wrong with which part of the way, and what to do.
 */
int trust_open(const char *path, int flags, const struct trust *trust, struct error *error);

/* The same without opening for anything: of a file or directory that need not be readable. True
 * when `trust` is off. */
bool trust_check(const char *path, const struct trust *trust, struct error *error);
/* Of the way alone: whatever is at its end, which must be there. */
bool trust_check_way(const char *path, const struct trust *trust, struct error *error);

#endif
