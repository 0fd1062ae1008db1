/*
 * service/service_private.h - the inside of the service, shared by its files only: service.c makes
 * the parts, runs and stops them; requests.c answers `take5 ctl`.
 */
#ifndef TAKE5_SERVICE_SERVICE_PRIVATE_H
#define TAKE5_SERVICE_SERVICE_PRIVATE_H

#include "service/service.h"

#include "base/sync/locks.h"
#include "engine/lane/publisher.h"
#include "ops/control/control.h"
#include "ops/redrive_protocol.h"
#include "service/notify.h"

#include <pthread.h>

/* What a client asks of the control thread, and waits for. */
struct request {
    struct request *next;
    char *const *words;
    size_t count;
    struct text *answer;
    const struct redrive_request *dead_letter; /* of a redrive; else NULL */
    struct redrive redrive;
    bool did;
    bool is_done;
};

LOCK_CLASS(service_lock);
struct service {
    struct service_options options;
    struct log *log;
    struct config *config;
    struct source *source;
    struct publisher publisher;
    struct sink *beside[PUBLISHER_MAX_SINKS + 1]; /* exactly once: those that are not */
    struct engine *engine;
    struct control *control;
    struct http *http;             /* NULL: not enabled */
    struct alerts *alerts;         /* NULL: they go nowhere */
    struct feed_stats *feed_stats; /* for http; NULL without it */
    struct published *published;   /* likewise */
    struct service_notify notify;
    atomic_bool should_leave;   /* a client asked for it: the stop gives up the partitions */
    int state_lock;             /* the state directory is this process's; -1: not yet */
    bool is_stuck;              /* something hangs and was left behind */
    _Atomic(const char *) step; /* of the stop, behind the engine's */
    int64_t limit_ns;           /* of the stop */
    pthread_mutex_t lock;       /* guards the queue */
    pthread_cond_t changed;
    struct request *queue GUARDED_BY(service_lock);
    bool is_closed GUARDED_BY(service_lock); /* no more requests are served */
};

/* service_stop.c */
/* Parts of shutdown_timeout: the engine ends by the first, the sinks by the second; what is left
 * then is librdkafka's. */
#define ENGINE_BY(limit_ns)    ((limit_ns) / 4 * 3)
#define SINKS_BY(limit_ns)     ((limit_ns) / 8 * 7)
/* What the engine gets at least, however late it comes to it. */
#define ENGINE_LEAST(limit_ns) ((limit_ns) / 8)
/* The time of a stop follows the configuration in force: also after a reload. */
void service_limit_stop(struct service *service);
/* What the stop does behind the engine, for the message that it took too long. */
void service_begin_step(struct service *service, const char *step);
/* Any thread: control looks at what there is to do. `context` is the service. */
void service_wake_control(void *context);

/* service_sinks.c: makes all that the configuration names. What is made by then is closed with the
 * service. */
bool service_make_sinks(struct service *service, struct error *error);
/* One after the other, by one time for all; the transactors first. */
void service_close_sinks(struct service *service, int64_t by_ns);

/* Control: for a request or a signal; `answer` says what became of it. */
bool service_reload(struct service *service, struct text *answer);
/* Suspends those that an operator had suspended before this process began, once they are there. */
void service_keep_suspended(struct service *service);
bool service_reopen(struct service *service, struct text *answer);

/* On a client's thread (ops/control/control.h): answers, or has control do it and waits. */
bool service_handle(void *context, const struct control_request *asked, struct text *answer);
/* Control: does what clients wait for; */
void service_serve_requests(struct service *service);
/* and notifies those that still wait that nothing comes. */
void service_close_requests(struct service *service);

#endif
