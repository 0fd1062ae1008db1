/*
 * supervisor/supervisor.h - the process that keeps the workers running (config/sections/workers.h),
 * and is their one face to the outside: signals, service manager, control socket, HTTP, log.
 *
 * It has no client of Kafka and runs no strategy: neither is among what this room can link. So
 * nothing of theirs breaks it. A worker is this program with a name; it begins with the same
 * options and the configuration in force (config/in_force.h), not with what lies in the ini files
 * by then, and ends with the supervisor, however that ends.
 *
 *   worker.h            one worker: begun, noticed when it dies or hangs, begun again
 *   restarts.h          when, and when no more
 *   notices.h           what a worker reports: it is ready, it makes progress
 *   relay.h             what it writes
 *   left_behind.h       what its strategies have started, and what outlives it
 *   workers_reload.c    a new configuration for all
 *   orders.c            what an operator has ordered: workers that begin later keep to it
 *   workers_requests.c  `take5 ctl`; http_face.c HTTP; merge.h many answers into one
 *
 * Threads: supervisor_run()'s begins and ends processes, and waits for nothing else. The control
 * socket's, the HTTP server's and one for SIGHUP ask workers and wait for them.
 */
#ifndef TAKE5_SUPERVISOR_SUPERVISOR_H
#define TAKE5_SUPERVISOR_SUPERVISOR_H

#include "base/error.h"
#include "base/faults.h"
#include "config/config.h"
#include "log/log.h"
#include "os/signals.h"

#include <stdbool.h>
#include <stdint.h>

struct supervisor;

struct supervisor_options {
    struct config *config; /* of the start, whole; the supervisor's from here */
    /* Reads it again, whole, for a reload; NULL: the faults say why not. */
    struct config *(*read)(void *context, struct faults *faults);
    void *context;
    const char *program;    /* of the workers; NULL: /proc/self/exe */
    char *const *arguments; /* NULL at the end; a worker's name is put behind them */
    struct log *log;        /* started */
    struct signals *signals;
    int64_t run_for_ns; /* 0: until a stop */
};

/* Makes the run directory, and listens. Begins no worker yet. */
struct supervisor *supervisor_new(const struct supervisor_options *options, struct error *error);
/* Begins the workers, keeps them running until a stop is asked for, and stops them. False: one of
 * them left something behind. The thread with which the workers die. */
bool supervisor_run(struct supervisor *supervisor);
/* NULL is allowed. */
void supervisor_free(struct supervisor *supervisor);

#endif
