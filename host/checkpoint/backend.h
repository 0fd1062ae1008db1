/*
 * checkpoint/backend.h - what a store (store.h) keeps checkpoints and journals in: a directory
 * (directory.h), or a topic (checkpoint/kafka/state_topic.h). The store has the queue, the thread,
 * and their status; a backend knows files, or records.
 *
 * Threads: control calls `find`, `find_before`, `resume`, `look` and `read_order`, any thread
 * `highest`, the store's thread all others, possibly at the same time. `begin` is called before
 * that thread starts, and `free` after it has ended.
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

/* The owner of these checkpoints. All of it outlives the backend. */
struct backend_owner {
    const char *group;
    const char *const *topics; /* Kafka's names (see store.h) */
    size_t topic_count;
    struct log *log;
    /* Control's waits end at that time (monotonic), which may be brought forward meanwhile. NULL:
     * none. */
    const _Atomic int64_t *hurry_ns;
};

/* What find() learned. */
struct backend_found {
    uint64_t number;          /* kept from now on, so that `same_as` may refer to it; 0: none */
    uint64_t oldest, highest; /* of existing checkpoints; 0: none */
    bool is_without_order;    /* no checkpoint: existing journals are useless */
    bool is_unreadable;       /* `error` says why nothing can be read, nor written: it was logged */
};

/* A question about a partition number, to the checkpoints of the owner that it names. */
struct backend_look {
    const char *group, *state_dir;
    const struct positions *committed; /* NULL: any, everything is usable */
    struct checkpoint checkpoint;      /* the newest usable one; number 0: none */
    /* Made with number 0: gets the journal after that checkpoint, and what remains of earlier ones.
     * NULL: not wanted. */
    struct order *order;
};

#define BACKEND_KEPT 16
/* What to keep after a write; and, as the answer, what was kept. */
struct backend_pruning {
    uint64_t written;
    const struct positions *committed; /* when it was taken */
    uint64_t wanted; /* the lowest that a waiting one copies from; UINT64_MAX: none */
    uint64_t stale_above, stale_to; /* those in between were passed over when `stale_above` was
                                     * found */
    uint64_t kept[BACKEND_KEPT];    /* newest first; 0: no more */
    uint64_t oldest;                /* of those kept */
};

struct store_backend_ops {
    /* What is too slow, or full: "the disk". */
    const char *medium;
    bool is_shared; /* as checkpoint_store_is_shared() */
    /* Checks whether checkpoints can be kept there, as far as that is known now. False with an
     * error: not before it is repaired. */
    bool (*begin)(struct store_backend *backend, const struct backend_owner *owner,
                  struct error *error);

    /* As the calls of the store with these names (store.h). */
    bool (*find)(struct store_backend *backend, int32_t partition,
                 const struct positions *committed, struct checkpoint *checkpoint, struct text *why,
                 struct backend_found *found, struct error *error);
    /* As checkpoint_store_find_before(). */
    bool (*find_before)(struct store_backend *backend, int32_t partition, uint64_t number,
                        const struct positions *committed, struct checkpoint *checkpoint,
                        struct error *error);
    /* As checkpoint_store_resume(); NULL: nothing to do. */
    bool (*resume)(struct store_backend *backend, int32_t partition, struct backend_found *found,
                   struct error *error);
    void (*read_order)(struct store_backend *backend, int32_t partition, uint64_t number,
                       struct order *order);
    /* As checkpoint_store_look(). */
    bool (*look)(struct store_backend *backend, int32_t partition, struct backend_look *looks,
                 size_t count, struct error *error);
    /* Of all checkpoints of the number that exist, or did; 0: none. */
    bool (*highest)(struct store_backend *backend, int32_t partition, uint64_t *number,
                    struct error *error);

    /* Writes it completely or not at all; it is safe then. Fills in parts that are `same_as` others
     * as needed. */
    bool (*write)(struct store_backend *backend, struct checkpoint *checkpoint, uint64_t *size,
                  struct error *error);
    /* Removes what is no longer needed; may take parts of the checkpoint just written. */
    void (*prune)(struct store_backend *backend, struct checkpoint *checkpoint,
                  struct backend_pruning *pruning);
    /* Adds frames (order.h) to the journal after that number; they are safe after sync. With
     * `has_holes` it first notes that others were lost. False: these are lost as well. */
    bool (*append)(struct store_backend *backend, int32_t partition, uint64_t number,
                   const struct text *frames, bool has_holes, struct error *error);
    /* Makes safe what was appended, and reports each partition number: `error` (NULL: none) if
     * frames of it are lost, or what it can hold at least. */
    void (*sync)(struct store_backend *backend,
                 void (*report)(void *context, int32_t partition, uint64_t size,
                                const struct error *error),
                 void *context);
    void (*remove_journals)(struct store_backend *backend, int32_t partition);

    void (*free)(struct store_backend *backend);
};

/* The first member of each backend. */
struct store_backend {
    const struct store_backend_ops *ops;
};

#endif
