/*
 * os/private_file.h - files that belong to this service alone: states, crash files, caches.
 *
 * A user who can replace them decides what the service does. So they are opened
 * in a way that neither follows a link nor waits for the other end of a FIFO, and looked at after
 * they are open, by descriptor: what was checked is what is read.
 */
#ifndef TAKE5_OS_PRIVATE_FILE_H
#define TAKE5_OS_PRIVATE_FILE_H

#include "base/error.h"
#include "log/log.h"
#include "os/trust.h"

/* ---- directories ---- */

/* Makes a directory, mode 0700, and what leads to it, mode 0755; one that is there is left as it
 * is.
 */
bool directory_make(const char *path, struct error *error);

/*
 * The same for a directory that is this service's alone, and sees to it that it is: nobody else can
 * have put it there (os/trust.h), it belongs to this user, and its mode is 0700. One that is open
 * wider is closed, which is logged, if it is empty or holds one of `names` (ended by NULL),
 * which only a take5 puts there; otherwise it may be somebody else's too (/tmp, a home), and is
 * refused. With `trust` off it need only be a directory of this user's or root's.
 */
bool private_directory_make(const char *path, const char *const *names, const struct trust *trust,
                            struct log *log, struct error *error);

/* Whether a directory inside of such a one is no link, belongs to this user or root, and nobody
 * else may write it. ERROR_SYSTEM with errno kept (ENOENT) when it cannot be looked at. */
bool private_directory_check(const char *path, struct error *error);

/*
 * Locks a directory for this process: a file .lock in it, with the process's number. Gives the
 * descriptor, which holds the lock until it is closed, or the process ends, however it ends. -1: it
 * is locked (ERROR_STATE, with the number of the process that has it), or cannot be (others).
 * The lock belongs to the process and not to the descriptor: children do not inherit it, so that
 * one which outlives a crash does not keep the next start out.
 */
int private_directory_lock(const char *path, struct error *error);

/* ---- files ---- */

/*
 * Opens `path` with `flags` (O_RDONLY, or O_RDWR | O_CREAT, ...; O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK
 * and mode 0600 are added). Gives the descriptor, or -1: the system refused (ERROR_SYSTEM, errno
 * kept; ERROR_MEMORY when it has no memory or descriptor now), or it is no regular file of this
 * user's or root's, or group or others may write it (ERROR_INVALID). The caller closes it.
 */
int private_file_open(const char *path, int flags, struct error *error);

/* A new one for writing, in the place of whatever lies there. The descriptor, or -1 (ERROR_SYSTEM).
 */
int private_file_create(const char *path, struct error *error);

#endif
