/*
 * service/service.h - a running host put together: source, sinks, engine, control socket; and what
 * its main loop serves.
 */
#ifndef TAKE5_SERVICE_SERVICE_H
#define TAKE5_SERVICE_SERVICE_H

#include "base/error.h"
#include "cli/cli.h"
#include "cli/time_arg.h"
#include "engine/engine.h"
#include "engine/view.h"
#include "log/log.h"
#include "os/signals.h"

#include <stdbool.h>
#include <stdint.h>

struct service;

struct service_options {
    struct config_options *config_options; /* read again at each reload */
    struct config *config;                 /* of the start; the service's from here */
    struct log *log;
    struct signals *signals;
    int64_t run_for_ns; /* 0: until a stop */
    /* Of a demo: the time above counts from the first message; without one for so long it ends, and
     * has failed. 0: neither. */
    int64_t patience_ns;
    /* What an operator has ordered before, of which a new process of a worker knows nothing: no
     * message is read, and these deployments are suspended, from the beginning on. */
    bool is_drained;
    struct csv_arg suspended;
};

struct service *service_new(const struct service_options *options, struct error *error);

/* Starts, works until a stop, ends; gives the exit code. `started` is called once it runs (may be
 * NULL); false ends it at once. */
int service_run(struct service *service, bool (*started)(void *context, struct error *error),
                void *context);

/* Totals at the end, for a summary. */
const struct view_totals *service_totals(const struct service *service);
/* The last state of its source, before it stopped: "joining group x, no partitions". */
const char *service_last_status(const struct service *service);
/* False: something hangs and was left behind; the process must _exit. */
bool service_free(struct service *service);

#endif
