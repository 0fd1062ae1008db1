/*
 * checkpoint/backend.h - what a store (store.h) keeps checkpoints and journals in: a directory
 * (directory.h), or a topic (checkpoint/kafka/state_topic.h). The store has the queue, the thread,
 * and what is told of both; a backend knows files, or records.
 *
 * Threads: `find`, `find_before`, `resume`, `look` and `read_order` are control's, `highest`
 * anybody's, all else is the store's thread's, and both may be under way at the same time. All but
 * `begin` before the thread and `free` after it.
 */
#ifndef TAKE5_CHECKPOINT_BACKEND_H
#define TAKE5_CHECKPOINT_BACKEND_H

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/order.h"
#include "log/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_backend;

/* Whose checkpoints these are. All of it outlives the backend. */
struct backend_owner {
    const char *group;
    const char *const *topics; /* Kafka's names (see store.h) */
    size_t topic_count;
    struct log *log;
    /* Control's waits end at that moment (monotonic), which may come nearer meanwhile. NULL: none.
     */
    const _Atomic int64_t *hurry_ns;
};

/* What find() learned. */
struct backend_found {
    uint64_t number;          /* kept from now on, for `same_as` to name it; 0: none is */
    uint64_t oldest, highest; /* of checkpoints that are there; 0: none */
    bool is_without_order;    /* no checkpoint: what there is of journals is of no use */
    bool is_unreadable;       /* `error` says why nothing can be read, nor written: it was logged */
};

/* A question about a partition number, of the checkpoints of whoever it names. */
struct backend_look {
    const char *group, *state_dir;
    const struct positions *committed; /* NULL: whatever they are, it is usable */
    struct checkpoint checkpoint;      /* the newest that is usable; number 0: there is none */
    /* Made with number 0: gets the journal behind that checkpoint, and what there still is of the
     * ones before. NULL: it is not wanted. */
    struct order *order;
};

#define BACKEND_KEPT 16
/* What stays behind a write, and what is told then of what stays. */
struct backend_pruning {
    uint64_t written;
    const struct positions *committed; /* when it was taken */
    uint64_t wanted; /* the lowest that a waiting one copies from; UINT64_MAX: none */
    uint64_t stale_above,
        stale_to;                /* those between were passed over when `stale_above` was found */
    uint64_t kept[BACKEND_KEPT]; /* newest first; 0: no more */
    uint64_t oldest;             /* of those kept */
};

struct store_backend_ops {
    /* What is too slow, or full: "the disk". */
    const char *medium;
    bool is_shared; /* as checkpoint_store_is_shared() says */
    /* Sees whether checkpoints can be kept there, as far as that can be said now. False with an
     * error: never, before somebody repairs it. */
    bool (*begin)(struct store_backend *backend, const struct backend_owner *owner,
                  struct error *error);

    /* As the calls of the store with these names say (store.h). */
    bool (*find)(struct store_backend *backend, int32_t partition,
                 const struct positions *committed, struct checkpoint *checkpoint, struct text *why,
                 struct backend_found *found, struct error *error);
    /* As checkpoint_store_find_before(). */
    bool (*find_before)(struct store_backend *backend, int32_t partition, uint64_t number,
                        const struct positions *committed, struct checkpoint *checkpoint,
                        struct error *error);
    /* As checkpoint_store_resume(); NULL: there is nothing to do. */
    bool (*resume)(struct store_backend *backend, int32_t partition, struct backend_found *found,
                   struct error *error);
    void (*read_order)(struct store_backend *backend, int32_t partition, uint64_t number,
                       struct order *order);
    /* As checkpoint_store_look(). */
    bool (*look)(struct store_backend *backend, int32_t partition, struct backend_look *looks,
                 size_t count, struct error *error);
    /* Of all checkpoints of the number that are there, or were; 0: none. */
    bool (*highest)(struct store_backend *backend, int32_t partition, uint64_t *number,
                    struct error *error);

    /* Writes it whole or not at all; it is safe then. Fills what is `same_as` others as it needs
     * it. */
    bool (*write)(struct store_backend *backend, struct checkpoint *checkpoint, uint64_t *size,
                  struct error *error);
    /* Removes what is not needed any more; takes what it likes of the checkpoint just written. */
    void (*prune)(struct store_backend *backend, struct checkpoint *checkpoint,
                  struct backend_pruning *pruning);
    /* Adds frames (order.h) to the journal behind that number; they are safe after sync. With
     * `has_holes` it tells first that others were lost. False: these are lost as well. */
    bool (*append)(struct store_backend *backend, int32_t partition, uint64_t number,
                   const struct text *frames, bool has_holes, struct error *error);
    /* Makes safe what was appended, and reports each partition number: `error` (NULL: none) when
     * frames of it are lost, or what it can hold at least. */
    void (*sync)(struct store_backend *backend,
                 void (*report)(void *context, int32_t partition, uint64_t size,
                                const struct error *error),
                 void *context);
    void (*remove_journals)(struct store_backend *backend, int32_t partition);

    void (*free)(struct store_backend *backend);
};

/* The first member of each. */
struct store_backend {
    const struct store_backend_ops *ops;
};

#endif
