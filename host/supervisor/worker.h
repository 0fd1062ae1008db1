/*
 * supervisor/worker.h - one worker: a process that is begun, told apart from a dead or hanging one,
 * and begun again.
 *
 * Of a death nothing is left: descriptors, the process and its group, and what left_behind.h finds.
 * One that hangs, which is to say that it has not reported progress for WORKER_HANG, gets SIGABRT,
 * for its crash file, and SIGKILL WORKER_ABORT_NS later. One that ends with WORKER_EXIT_FINAL would
 * do so again, and stays down.
 *
 * The supervisor's main thread, under its lock; other threads read under the lock.
 */
#ifndef TAKE5_SUPERVISOR_WORKER_H
#define TAKE5_SUPERVISOR_WORKER_H

#include "base/clock.h"
#include "config/config.h"
#include "log/log.h"
#include "supervisor/notices.h"
#include "supervisor/relay.h"
#include "supervisor/restarts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKER_ABORT_NS   (2 * NS_PER_S)
/* Its configuration is refused, or another process has taken its place in its group. */
#define WORKER_EXIT_FINAL 78
/* To be ready; rehearsals have their own limits. */
#define WORKER_START_NS   (180 * NS_PER_S)

enum worker_state {
    WORKER_IDLE = 1, /* there is no process, and shall be none */
    WORKER_STARTING,
    WORKER_RUNNING,  /* it has been ready */
    WORKER_STOPPING, /* it was asked to end */
    WORKER_HANGING,  /* it is being ended */
    WORKER_WAITING,  /* it died, and is begun again at `at_ns` */
    WORKER_DOWN      /* another start would be of no use: somebody has to ask for it */
};
const char *worker_state_name(enum worker_state state);

/* What all of them need. */
struct worker_env {
    const char *program;    /* NULL: /proc/self/exe */
    char *const *arguments; /* a name is put behind them */
    char **environment;     /* with NOTIFY_SOCKET */
    struct log *log;
    bool is_drained;       /* they begin so, by an operator's order */
    const char *suspended; /* the deployments that an operator has suspended, "a,b"; NULL: none */
    int64_t hang_ns;       /* without a word that it moves */
    int64_t stop_ns;       /* that a stop may last before it is ended */
};

struct worker {
    char *name, *group, *socket, *state_dir, *down_note;
    enum worker_state state;
    bool is_wanted;    /* there shall be a process */
    bool is_restarted; /* the stop is for a new one */
    bool is_in_move; /* a deployment leaves or enters it: it begins when all of those have ended */
    pid_t pid;
    int process; /* a pidfd; -1: there is none */
    int written; /* what it writes; -1: closed */
    struct relay relay;
    int64_t begun_ns, begun_wall_ns; /* the process */
    int64_t moved_ns;                /* when it reported that last */
    int64_t silent_ns;               /* when a request of ours was not answered in time last */
    int64_t at_ns; /* of WAITING: the next start; of STOPPING and HANGING: the SIGKILL */
    bool did_kill;
    struct restarts restarts;
    uint64_t starts, deaths, hangs;
    bool has_begun;          /* the first start is over, well or not */
    bool was_left_behind;    /* the stop for good did not end well */
    char why[256];           /* how it died last, or why it is not begun; empty: never */
    char why_down[160];      /* of DOWN */
    char status[NOTICE_MAX]; /* STATUS of sd_notify */
};

/* Of the whole configuration. NULL: out of memory. */
struct worker *worker_new(const struct config *config, const char *name);
/* There is no process. What notes that it stays down is removed: it is no longer one of the host's.
 */
void worker_free(struct worker *worker);

/* Begins it, ends it, or leaves it, as time has come for. */
void worker_turn(struct worker *worker, const struct worker_env *env, int64_t now_ns);
/* When the next turn has something to do; INT64_MAX: nobody knows. */
int64_t worker_due_ns(const struct worker *worker, const struct worker_env *env);

/* Its process has reported something. */
void worker_notice(struct worker *worker, const struct notice *notice, int64_t now_ns);
/* Its process has ended: reaps it, with its group. */
void worker_ended(struct worker *worker, const struct worker_env *env, int64_t now_ns);
/* Reads what it wrote. */
void worker_read(struct worker *worker, struct log *log);

/* It shall end, by SIGTERM and in `stop_ns`; begun again afterwards if `is_restarted`. */
void worker_stop(struct worker *worker, const struct worker_env *env, bool is_restarted,
                 int64_t now_ns);
/* The same, but somebody else has requested its end, or will. */
void worker_await_stop(struct worker *worker, const struct worker_env *env, int64_t now_ns);
/* `ctl restart`, and a reload for one that is down: started again, whatever was before. */
void worker_restart(struct worker *worker, const struct worker_env *env, int64_t now_ns);

/* A signal for the process, if there is one that runs. */
void worker_signal(const struct worker *worker, int number);
bool worker_has_process(const struct worker *worker);

/* How it is, for people: "running", "waiting 3.2 s: killed by SIGSEGV". */
void worker_describe(const struct worker *worker, int64_t now_ns, char *text, size_t size);

#endif
