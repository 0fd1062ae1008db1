/*
 * checkpoint/store_private.h - what the store's files share. For this room only.
 */
#ifndef TAKE5_CHECKPOINT_STORE_PRIVATE_H
#define TAKE5_CHECKPOINT_STORE_PRIVATE_H

#include "base/sync/locks.h"
#include "checkpoint/backend.h"
#include "checkpoint/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* Kinds of work that can fail. */
enum store_work { STORE_CHECKPOINT, STORE_JOURNAL, STORE_WORKS };

struct store_job {
    struct store_job *next;
    enum store_work work;
    uint64_t ticket;
    struct store_place *place;
    uint64_t number;
    uint64_t turn;   /* of its place, when it was put */
    bool is_dropped; /* too much was waiting: it fails */
    bool is_end;     /* with STORE_JOURNAL: removes all journals */
    struct checkpoint checkpoint;
    struct positions committed;
    struct text frames;
};

LOCK_CLASS(store_lock);

/* A partition number. Lives as long as the store. */
struct store_place {
    int32_t partition;

    uint64_t highest GUARDED_BY(store_lock); /* of all numbers that existed or were put */
    bool is_listed GUARDED_BY(store_lock);   /* `highest` includes what exists */
    bool is_holed GUARDED_BY(store_lock);    /* frames were lost, which no journal says yet */
    uint64_t turn GUARDED_BY(store_lock);    /* incremented by each find or resume */
    size_t waiting GUARDED_BY(store_lock);   /* checkpoints in the queue */
    uint64_t kept[BACKEND_KEPT] GUARDED_BY(store_lock); /* newest first; 0: no more */
    uint64_t oldest GUARDED_BY(store_lock);
    /* Checkpoints above the first one and up to the second one are removed when another is
     * written. */
    uint64_t stale_above GUARDED_BY(store_lock), stale_to GUARDED_BY(store_lock);
    char **old_paths GUARDED_BY(store_lock); /* files of older versions; removed when one is
                                              * written */
    size_t old_count GUARDED_BY(store_lock);
    bool is_failing[STORE_WORKS] GUARDED_BY(store_lock);
    uint64_t failed_size[STORE_WORKS] GUARDED_BY(store_lock);
    struct checkpoint_store_status status GUARDED_BY(store_lock);
};

struct checkpoint_store {
    struct store_backend *backend; /* NULL: none yet */
    char *state_dir, *group;
    char **topics;
    size_t topic_count;
    struct log *log;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work; /* for the thread */
    pthread_cond_t done; /* for those that wait for the thread */

    struct store_place **places GUARDED_BY(store_lock);
    size_t place_count GUARDED_BY(store_lock), place_capacity GUARDED_BY(store_lock);
    struct store_job *first GUARDED_BY(store_lock), *last GUARDED_BY(store_lock);
    size_t frames_waiting GUARDED_BY(store_lock); /* bytes */
    uint64_t tickets GUARDED_BY(store_lock);
    bool is_holed GUARDED_BY(store_lock); /* of a place for which there was no memory */
    bool should_stop GUARDED_BY(store_lock);
    bool has_ended GUARDED_BY(store_lock);
    size_t failing[STORE_WORKS] GUARDED_BY(store_lock); /* places */
    struct checkpoint_store_totals totals GUARDED_BY(store_lock);

    _Atomic int64_t least_stamp_ms;
    _Atomic uint64_t finished; /* ticket; release, after everything up to it has been attempted */
    /* The thread's. */
    struct store_job *batch; /* taken from the queue, and not begun */
};

/* Found or made; NULL: out of memory. */
REQUIRES(store_lock)
struct store_place *store_place(struct checkpoint_store *store, int32_t partition);
/* NULL: none. */
REQUIRES(store_lock)
struct store_place *store_place_find(const struct checkpoint_store *store, int32_t partition);
void store_job_free(struct store_job *job);

/* Keeps a state of a version without checkpoints (old_states.c) beside its place. Returns the path,
 * to free(); NULL with an error. */
char *store_keep_old(const struct checkpoint_store *store, int32_t partition,
                     const char *deployment, struct error *error);
/* Adds to the journal of one that was examined what its tail has. False: out of memory. Control. */
bool store_read_tail_of(const struct checkpoint_store *store, const struct backend_look *look);

/* The outcome of a place's work, for status and log. `size`: of what failed; if another place
 * writes as much, this one is taken to be ok too. */
void store_failed(struct checkpoint_store *store, struct store_place *place, enum store_work work,
                  uint64_t size, const struct error *error);

/* The thread. */
void *store_run(void *store);

#endif
