/*
 * supervisor/private.h - the inside of the supervisor, shared by this room's files only.
 */
#ifndef TAKE5_SUPERVISOR_PRIVATE_H
#define TAKE5_SUPERVISOR_PRIVATE_H

#include "supervisor/left_behind.h"
#include "supervisor/merge.h"
#include "supervisor/supervisor.h"
#include "supervisor/worker.h"

#include "base/sync/locks.h"
#include "ops/control/control.h"
#include "ops/http/server/server.h"
#include "ops/page/page.h"

#include <pthread.h>

/* How long a worker may be silent when HTTP asks: it hangs, and HTTP reports that. */
#define SUPERVISOR_ASK_NS (2 * NS_PER_S)

/* What the supervisor may take for a stop beyond its workers (worker_list.c). */
#define SUPERVISOR_MORE_NS (5 * NS_PER_S)

LOCK_CLASS(supervisor_reload_lock);
LOCK_CLASS(supervisor_lock);
struct supervisor {
    struct supervisor_options options;
    struct log *log;
    struct config *first; /* of the start: what was opened by it points into it */
    int lock_file;        /* of the workers' run directory; -1: not locked */
    int notices;          /* a descriptor; -1: not open */
    char *notices_path;
    char *in_force; /* the file from which the workers have their configuration */
    int wake;       /* an eventfd: there is something to do */
    struct control *control;
    struct http_server *http; /* NULL: not enabled */
    struct page *page;        /* likewise */
    pthread_t reloader;       /* for SIGHUP */
    bool has_reloader;
    pthread_mutex_t reload; /* one at a time; taken before `lock` */
    int64_t begun_ns;
    struct left_behind left;        /* the main thread's */
    struct signals_stop stop_calls; /* of the signal thread */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct config *config GUARDED_BY(supervisor_lock); /* in force */
    struct worker **
        workers GUARDED_BY(supervisor_lock); /* main first; made by any, freed by main */
    size_t count GUARDED_BY(supervisor_lock);
    struct worker_env env GUARDED_BY(supervisor_lock);
    char **suspended GUARDED_BY(supervisor_lock); /* names; what env.suspended is made of */
    size_t suspended_count GUARDED_BY(supervisor_lock);
    bool is_stopping GUARDED_BY(supervisor_lock);
    bool is_over GUARDED_BY(supervisor_lock); /* for the reloader */
    int reloads GUARDED_BY(supervisor_lock);  /* SIGHUPs to serve */
};

/* worker_list.c */
/* Any thread: the main thread looks at what there is to do. */
void supervisor_wake(struct supervisor *supervisor);

/* The limits that follow from the configuration in force. */
REQUIRES(supervisor_lock) void supervisor_limits(struct supervisor *supervisor);
/* And that of our own stop. Any thread, without the lock. */
void supervisor_limit_stop(struct supervisor *supervisor);
/* NULL: there is none of that name. */
REQUIRES(supervisor_lock)
struct worker *supervisor_find(const struct supervisor *supervisor, const char *name);
/* Makes one that is there from the next turn on. */
REQUIRES(supervisor_lock)
bool supervisor_add(struct supervisor *supervisor, const char *name);

/* The workers as they are at this moment, for who asks them: names, sockets, and why one of them
 * cannot answer. */
struct peer {
    char *name, *socket;
    char why[320];      /* empty: it has a process that is ready */
    bool is_idle;       /* no deployment is its own */
    struct text answer; /* of ask_all() */
    bool did;           /* it answered "ok" */
    bool has_answer;
    bool is_silent;   /* it did not in time */
    int64_t still_ns; /* it did not before, and has not moved for so long since; 0: neither */
};
struct peers {
    struct supervisor *supervisor;
    struct peer *items;
    size_t count;
};
/* `only` NULL: all. False: no memory. An empty list: there is none of that name. */
bool peers_list(struct supervisor *supervisor, const char *only, struct peers *peers);
void peers_release(struct peers *peers);
/* Asks it; `why` says why there is no answer. `timeout_ns` as in control_call(); with one, a worker
 * that did not answer and has reported no progress since is not asked, lest HTTP waits each time.
 */
void peer_ask(struct peer *peer, const char *request, const struct control_body *body,
              int64_t timeout_ns);
/* All at the same time: one that does not answer keeps none of the others waiting. */
void peers_ask(struct peers *peers, const char *request, const struct control_body *body,
               int64_t timeout_ns);
/* What they answered, for merge.h; free() it. NULL: no memory. */
struct merge_part *peers_parts(const struct peers *peers);

/* orders.c: what an operator has ordered, which workers that begin later must know. */
REQUIRES(supervisor_lock)
void supervisor_note_suspended(struct supervisor *supervisor, const char *deployment,
                               bool is_suspended);
/* Whose shadow it is in the configuration in force; NULL: nobody's. */
REQUIRES(supervisor_lock)
const char *supervisor_original_of(const struct supervisor *supervisor, const char *deployment);
/* Whoever left with that configuration is forgotten. */
REQUIRES(supervisor_lock)
void supervisor_forget_suspended(struct supervisor *supervisor, const struct config *before);
REQUIRES(supervisor_lock) void supervisor_release_orders(struct supervisor *supervisor);

/* workers_requests.c: on a client's thread. */
bool supervisor_handle(void *context, const struct control_request *asked, struct text *answer);
/* The whole status. False: no memory. */
bool supervisor_status(struct supervisor *supervisor, struct text *answer);

/* workers_reload.c: on any thread but the main one. `answer` gets one report, as JSON. */
bool supervisor_reload(struct supervisor *supervisor, struct text *answer);
/* Each worker reopens its files, and the log is reopened. */
bool supervisor_reopen(struct supervisor *supervisor, struct text *answer);

/* http_face.c */
bool supervisor_listen(struct supervisor *supervisor, struct error *error);
/* Answers no more. */
void supervisor_unlisten(struct supervisor *supervisor);

#endif
