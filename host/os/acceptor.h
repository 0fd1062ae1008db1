/*
 * os/acceptor.h - takes connections in, also while the process has no descriptor left.
 *
 * One descriptor is kept in reserve. When accept() finds none, the reserve goes to the client that
 * has waited longest, so that a probe or an operator still gets in, one at a time; the others wait
 * in the listener's backlog, and the listener is not looked at for ACCEPTOR_PAUSE_MS. As soon as
 * there is a descriptor again, the reserve is filled up. The begin and the end of such a shortage
 * are logged, and each failed accept() is counted.
 *
 * One thread, but for acceptor_lacks_descriptors() and acceptor_failures(): any.
 */
#ifndef TAKE5_OS_ACCEPTOR_H
#define TAKE5_OS_ACCEPTOR_H

#include "base/error.h"
#include "log/log.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ACCEPTOR_PAUSE_MS 100

struct acceptor {
    const char *name; /* "http", for logs */
    struct log *log;
    int listener;       /* non-blocking; the caller's */
    int reserve;        /* -1: given away */
    int64_t since_ns;   /* monotonic, when the shortage began; 0: there is none */
    int64_t retry_ns;   /* the listener is not looked at before */
    uint64_t failed_at; /* `failures` when the shortage began */
    bool is_starved;    /* the last acceptor_accept() found neither a descriptor nor the reserve */
    _Atomic bool lacks_descriptors;
    _Atomic uint64_t failures;
};

bool acceptor_init(struct acceptor *acceptor, int listener, const char *name, struct log *log,
                   struct error *error);
/* After an acceptor_init() that failed too. */
void acceptor_release(struct acceptor *acceptor);

/* What to wait for, and how long at most in milliseconds (-1: for ever): before each poll(). Fills
 * up the reserve if it can. */
int acceptor_prepare(struct acceptor *acceptor, struct pollfd *fd);
/* A connection (close-on-exec; with its address if wanted), or -1: none now. To be called once
 * after each poll() that reports it: without descriptors, accept() does not show whether anybody
 * waits. */
int acceptor_accept(struct acceptor *acceptor, struct sockaddr_storage *address, socklen_t *size);

/* Whether connections wait for descriptors. */
bool acceptor_lacks_descriptors(const struct acceptor *acceptor);
/* accept() failed so often for lack of descriptors or memory. */
uint64_t acceptor_failures(const struct acceptor *acceptor);

#endif
