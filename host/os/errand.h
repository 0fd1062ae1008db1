/*
 * os/errand.h - what a dying process has another one do: this program once more,
 * with a command that is not for people, which reads a request and writes an answer.
 *
 * For signal handlers: all of it is async-signal-safe, and uses nothing of the process but system
 * calls, since its memory may be damaged. The other process has no descriptor but stdin (the
 * request), stdout (the answer), stderr (nobody reads it) and what it is given; it dies with the
 * thread that waits for it, and by itself when its time is over.
 */
#ifndef TAKE5_OS_ERRAND_H
#define TAKE5_OS_ERRAND_H

#include <stddef.h>

#define ERRAND_REQUEST  4096 /* bytes at most: what a pipe takes at once */
#define ERRAND_ATTACHED 3

struct errand {
    const char *command;
    const void *request;
    size_t request_size;
    int attached; /* a descriptor that it has as ERRAND_ATTACHED; -1: none */
    int limit_s;
};

/* The program has these commands: without this call none is run. Once, by main(). */
void errand_allow(void);

/* Runs it and waits for its end. Gives the size of its answer, which a NUL follows: 0 when there is
 * none, and none is whole when its time was over. */
size_t errand_run(const struct errand *errand, char *answer, size_t size);

#endif
