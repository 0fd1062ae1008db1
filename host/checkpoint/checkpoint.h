/*
 * checkpoint/checkpoint.h - what the instances of one partition number knew at one boundary between
 * two messages, and where in the topics that boundary lies.
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

/* In no order, one entry a topic and partition. */
struct positions {
    struct position *items;
    size_t count, capacity;
};

void positions_init(struct positions *positions);
void positions_release(struct positions *positions);
/* Copies the name. False: out of memory. */
bool positions_add(struct positions *positions, const char *topic, int32_t partition, int64_t next);
/* Adds all of another one. False: out of memory. */
bool positions_add_all(struct positions *positions, const struct positions *more);
/* NULL: there is none of it. */
const struct position *positions_find(const struct positions *positions, const char *topic,
                                      int32_t partition);

/* One deployment's share. */
struct checkpoint_part {
    char *deployment;
    /* Its own, when it was behind the others (suspended, catching up); empty: the checkpoint's. */
    struct positions positions;
    /* What lies below is history: its signals are safe already. A topic that is not here has none.
     */
    struct positions history_to;
    /* Wall clock: when its deployment ran here last. 0: when the checkpoint was taken. */
    int64_t worked_ms;
    bool has_state; /* false: its strategy keeps none; `state` is empty */
    struct state state;
    /* Not 0: nothing was handed to it since the checkpoint of this number, which has its state:
     * `state` is empty, and the writer copies it from there. Never set in one that was read. */
    uint64_t same_as;
};

struct checkpoint {
    uint64_t number;   /* from 1, in the order in which they were taken of this partition number */
    int32_t partition; /* -1: the GLOBAL deployments */
    int64_t taken_ms;  /* wall clock */
    char *group;       /* group.id; offsets of another group mean nothing here */
    struct positions positions;
    struct checkpoint_part *parts; /* in order of the deployments' names */
    size_t part_count, part_capacity;
};

/* Empty. */
void checkpoint_init(struct checkpoint *checkpoint);
void checkpoint_release(struct checkpoint *checkpoint);
/* What a part has, of one that is no checkpoint's any more; the part itself is the caller's. */
void checkpoint_part_release(struct checkpoint_part *part);
/* Gives a part, which keeps its name, what another one has, which keeps its own, and has no state
 * and no positions then. */
void checkpoint_part_take(struct checkpoint_part *part, struct checkpoint_part *from);
/* Adds an empty part, which stays the checkpoint's; to be added in order of the names. Pointers to
 * other parts are invalid afterwards. NULL: out of memory. */
struct checkpoint_part *checkpoint_add_part(struct checkpoint *checkpoint, const char *deployment);
/* NULL: it has none of that name. */
struct checkpoint_part *checkpoint_part(const struct checkpoint *checkpoint,
                                        const char *deployment);

/* When the deployment ran last, by what the checkpoint knows of it; 0: it knows nothing of it. */
int64_t checkpoint_worked_ms(const struct checkpoint *checkpoint, const char *deployment);

/*
 * Whether it may be taken up where the group's offsets are `committed`: no position is above them,
 * so no message whose signals were not safe is below it. Partitions that it does not know, or that
 * `committed` does not name, do not count. If not, `*why` (NULL: not wanted) is the position that
 * is above.
 */
bool checkpoint_is_usable(const struct checkpoint *checkpoint, const struct positions *committed,
                          const struct position **why);

/* Tells people that `above` is why it is not. */
void checkpoint_explain(const struct checkpoint *checkpoint, const struct position *above,
                        const struct positions *committed, struct text *out);

/* To and from bytes: little endian, with a magic, a form version, and an XXH3 of each part and of
 * all. Reading checks everything; damage or a shorter file is an error that says which, and another
 * form one with ERROR_STATE. Writing needs parts without `same_as`. `checkpoint` is initialised and
 * empty, and is so again after a failure. */
void checkpoint_encode(const struct checkpoint *checkpoint, struct text *out);
bool checkpoint_decode(struct checkpoint *checkpoint, const void *bytes, size_t size,
                       struct error *error);

#endif
