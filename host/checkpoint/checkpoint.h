/*
 * checkpoint/checkpoint.h - the states of the instances of one partition number at one boundary
 * between two messages, and where in the topics that boundary is.
 *
 * An instance's state is a function of the messages that it was handed: a checkpoint, its position,
 * and the messages since then are the state. A checkpoint is immutable once it is written.
 */
#ifndef TAKE5_CHECKPOINT_CHECKPOINT_H
#define TAKE5_CHECKPOINT_CHECKPOINT_H

#include "base/error.h"
#include "base/text.h"
#include "strategy/instance/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next offset to be handed over, of one topic and partition number. */
struct position {
    char *topic; /* Kafka's name */
    int32_t partition;
    int64_t next;
};

/* In no order, one entry per topic and partition. */
struct positions {
    struct position *items;
    size_t count, capacity;
};

void positions_init(struct positions *positions);
void positions_release(struct positions *positions);
/* Copies the name. False: out of memory. */
bool positions_add(struct positions *positions, const char *topic, int32_t partition, int64_t next);
/* Adds all of another list. False: out of memory. */
bool positions_add_all(struct positions *positions, const struct positions *more);
/* NULL: none. */
const struct position *positions_find(const struct positions *positions, const char *topic,
                                      int32_t partition);

/* One deployment's share. */
struct checkpoint_part {
    char *deployment;
    /* Its own, if it was behind the others (suspended, catching up); empty: the checkpoint's. */
    struct positions positions;
    /* Messages below are history: their signals are safe already. A topic that is not listed has
     * none. */
    struct positions history_to;
    /* Wall clock: when its deployment last ran here. 0: when the checkpoint was taken. */
    int64_t worked_ms;
    bool has_state; /* false: its strategy has none; `state` is empty */
    struct state state;
    /* Not 0: nothing was handed to it since the checkpoint of this number, which has its state:
     * `state` is empty, and the writer copies it from there. Never set in a checkpoint that was
     * read. */
    uint64_t same_as;
};

struct checkpoint {
    uint64_t number;   /* from 1, in the order in which they were taken for this partition number */
    int32_t partition; /* -1: the GLOBAL deployments */
    int64_t taken_ms;  /* wall clock */
    char *group;       /* group.id; offsets of other groups mean nothing here */
    struct positions positions;
    struct checkpoint_part *parts; /* in order of the deployments' names */
    size_t part_count, part_capacity;
};

/* Empty. */
void checkpoint_init(struct checkpoint *checkpoint);
void checkpoint_release(struct checkpoint *checkpoint);
/* Releases the members of a part that no longer belongs to a checkpoint; the part itself is the
 * caller's. */
void checkpoint_part_release(struct checkpoint_part *part);
/* Moves everything but the name from one part to another; the source has no state and no positions
 * then. */
void checkpoint_part_take(struct checkpoint_part *part, struct checkpoint_part *from);
/* Adds an empty part, which belongs to the checkpoint; parts are added in order of their names.
 * Pointers to other parts are invalid afterwards. NULL: out of memory. */
struct checkpoint_part *checkpoint_add_part(struct checkpoint *checkpoint, const char *deployment);
/* NULL: it has none of that name. */
struct checkpoint_part *checkpoint_part(const struct checkpoint *checkpoint,
                                        const char *deployment);

/* When the deployment last ran, according to the checkpoint; 0: unknown. */
int64_t checkpoint_worked_ms(const struct checkpoint *checkpoint, const char *deployment);

/*
 * Whether it is usable where the group's offsets are `committed`: no position is above them, so no
 * message whose signals were not safe is below it. Partitions that are only in one of the two do
 * not count. If not, `*why` (NULL: not wanted) is the position that is above.
 */
bool checkpoint_is_usable(const struct checkpoint *checkpoint, const struct positions *committed,
                          const struct position **why);

/* Explains to people that `above` is why it is not. */
void checkpoint_explain(const struct checkpoint *checkpoint, const struct position *above,
                        const struct positions *committed, struct text *out);

/* To and from bytes: little endian, with a magic, a format version, and an XXH3 of each part and of
 * the whole. Reading checks everything; damage or a short file is an error that says where, and
 * another format is ERROR_STATE. Writing needs parts without `same_as`. `checkpoint` is initialised
 * and empty, also after a failure. */
void checkpoint_encode(const struct checkpoint *checkpoint, struct text *out);
bool checkpoint_decode(struct checkpoint *checkpoint, const void *bytes, size_t size,
                       struct error *error);

#endif
