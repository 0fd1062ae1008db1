/*
 * engine/core/shadow.h - a shadow deployment on one partition number: its signals beside those of
 * its original, which gets the same messages.
 *
 * Both sides are gathered while a message is handled, and compared after it
 * (comparison/comparison.h). What a wall-clock timer emits waits for the next message, or the next
 * second: the two fire in one turn of the lane, or a few turns apart.
 *
 * Threads: the lane's, except for the counts, which any thread reads, and shadow_copy_samples().
 */
#ifndef TAKE5_ENGINE_CORE_SHADOW_H
#define TAKE5_ENGINE_CORE_SHADOW_H

#include "base/sync/locks.h"
#include "sink/sink.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHADOW_SAMPLES 4

struct task;

struct shadow_counts {
    _Atomic uint64_t same, changed, only_original, only_shadow;
    /* Of the changed ones: a signal may count in several. */
    _Atomic uint64_t value_changes, confidence_changes, data_changes;
    /* Signals of the shadow that could not be compared: one of the two was suspended or catching
     * up, or memory was short. */
    _Atomic uint64_t uncompared;
};

/* A difference: both signals, or the only one. */
struct shadow_sample {
    struct delivery *original, *shadow; /* references; NULL: none */
    int64_t time_ns;                    /* wall clock, when it was found; 0: no sample */
};

/* What one of the two emitted for the current message. */
struct shadow_side {
    struct delivery **deliveries; /* references */
    const struct signal **signals;
    size_t count, delivery_capacity, signal_capacity;
};

enum shadow_role { SHADOW_ORIGINAL = 0, SHADOW_ITSELF = 1 };

LOCK_CLASS(shadow_lock);
struct shadow {
    struct task *task;
    struct task *original; /* NULL: it has no instance here. Set by partition_link_shadows() */
    struct shadow *next;   /* of the same original */
    struct shadow_counts counts;
    struct shadow_side sides[2];              /* by role */
    bool is_incomplete;                       /* some of the signals could not be gathered */
    int64_t began_ns;                         /* wall clock */
    uint64_t busy_ticks, original_busy_ticks; /* of the two instances, at the last check */
    uint32_t slow_looks;  /* of the first on its lane: checks in a row that found it too slow */
    pthread_mutex_t lock; /* the lane only tries it */
    struct shadow_sample samples[SHADOW_SAMPLES] GUARDED_BY(shadow_lock); /* a ring */
    size_t next_sample GUARDED_BY(shadow_lock);
};

/* NULL: out of memory. */
struct shadow *shadow_new(void);
/* Takes NULL. */
void shadow_free(struct shadow *shadow);

/* Gathers one signal, with a reference of its own. Without memory the message is not compared. */
void shadow_gather(struct shadow *shadow, enum shadow_role role, struct delivery *delivery);
/* Compares what was gathered, and forgets it. */
void shadow_compare(struct shadow *shadow);

/* Any thread: the newest differences, newest first, with references that the caller releases
 * (shadow_sample_release()). Returns how many. */
size_t shadow_copy_samples(struct shadow *shadow, struct shadow_sample samples[SHADOW_SAMPLES]);
void shadow_sample_release(struct shadow_sample *sample);

#endif
