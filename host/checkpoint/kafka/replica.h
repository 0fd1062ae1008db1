/*
 * checkpoint/kafka/replica.h - what the records of one partition number add up to: the newest
 * usable checkpoint, and the journal after it. It is given all records of the topic's partition, in
 * the order of their offsets, and does not know where they come from.
 *
 * A header counts if the records before it are exactly what it says, and if no later term continued
 * with an earlier checkpoint. Records of a term below one that has begun are ignored.
 *
 * For this room only. One thread at a time.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_REPLICA_H
#define TAKE5_CHECKPOINT_KAFKA_REPLICA_H

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/kafka/state_table.h"
#include "checkpoint/kafka/stored.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replica_frames {
    struct stored_frames frames; /* the section belongs to this list */
    bool is_behind_gap;          /* frames before it are missing */
};

struct replica {
    const char *group;
    int32_t partition;
    const struct positions *committed; /* NULL: any, everything is usable */
    uint64_t below;                    /* those from that number on are not usable; 0: no limit */

    struct state_table items;
    struct replica_item **touched; /* since the best header */
    size_t touched_count, touched_capacity;
    struct stored_term term;   /* in force; 0: none yet */
    uint64_t count, sum;       /* of its records of states */
    struct stored_term *terms; /* all that are or will be in force, as far as known */
    size_t term_count, term_capacity, term_at; /* those before `term_at` are past or in force */

    struct stored_header best; /* number 0: no checkpoint */
    struct stored_term best_term;
    struct replica_frames *frames; /* after the best header */
    bool keeps_former;             /* and after the previous best one */
    size_t frame_count, frame_capacity;
    uint64_t next_sequence;

    uint64_t highest_term, highest_number; /* of any record */
    uint64_t malformed;                    /* keys that are not ours */
    struct text why;                       /* why the newest header after the best one is not
                                            * usable */
    /* The newest one after the best one whose records do not match it; number 0: none. */
    uint64_t damaged_number;
    struct error damaged;
    bool must_rewind; /* must be given all records again: later terms continued with an earlier one
                       * than was taken */
};

/* Texts are the caller's. */
void replica_init(struct replica *replica, const char *group, int32_t partition,
                  const struct positions *committed);
void replica_release(struct replica *replica);
/* Before all records are given again: the terms are known from the start. */
void replica_rewind(struct replica *replica);

/* `value` NULL: a tombstone. False: out of memory. */
bool replica_add(struct replica *replica, const void *key, size_t key_size, const void *value,
                 size_t value_size);

/* Assembles the best checkpoint, with its states; it is initialised and empty, and stays so if
 * there is none. False with an error: ERROR_MEMORY, or ERROR_INVALID. */
bool replica_get(const struct replica *replica, struct checkpoint *checkpoint, struct error *error);

/* Bytes of the best checkpoint's records, keys included. */
uint64_t replica_size(const struct replica *replica);

/* Calls `visit` for the whole key of each record that the topic has of the number. */
bool replica_each_key(const struct replica *replica, bool (*visit)(void *context, t5_str key),
                      void *context);

#endif
