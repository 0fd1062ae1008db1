/*
 * engine/lane/catch_up.h - feeds instances that are behind their partition number what they did not
 * see, in the order in which it was handed over, until they are level with the stream.
 *
 * One act serves recovery after a crash, warm-up, and coming back from a suspension. Each task has
 * a position of its own (partition.h); while it is SUSPENDED_CATCHING_UP the stream passes it by,
 * and the lane hands it records of a reading beside the stream (source/history.h) from its position
 * on, never beyond what the stream has handed over already. When the two are level it is resumed,
 * between two messages, and nobody notices.
 *
 * What lies below the task's `history_to` is *history*: its signals are safe already. It carries
 * T5_MESSAGE_HISTORY, its signals are dropped, and nothing of it goes to the dead letters. What
 * lies above are real messages, late.
 *
 * A catch-up that is *held* keeps the group's offsets where they are until all it feeds are level
 * and their signals are confirmed: after an assignment, where the messages from the committed
 * offset on are not safe before everybody has had them; and of newcomers (partition.h). Otherwise
 * offsets go on, and the signals' safety is the checkpoint's: none is taken while they are
 * unconfirmed.
 *
 * Wall-clock timers fire where the journal says that they did; what the wall clock was when a
 * message was handed over it does not say: a strategy that asks for it is told Kafka's time of the
 * message.
 *
 * The order is the partition's journal (checkpoint/order.h). Where it knows nothing, records are
 * merged by their time, each partition's in the order of its offsets. Who comes from another worker
 * that was killed follows that one's journal first (partition.h, `moved_order`), which may
 * contradict this one: it is fed by a reading of its own, when the others are level.
 *
 * Threads: made and ended by control, in lane calls; fed by the lane. The lane sets `is_over`.
 */
#ifndef TAKE5_ENGINE_LANE_CATCH_UP_H
#define TAKE5_ENGINE_LANE_CATCH_UP_H

#include "engine/lane/lane_state.h"
#include "source/history.h"

struct catch_up_part {
    bool is_read;    /* some task is behind in this stream, and it is among what is read */
    size_t index;    /* in the reading */
    int64_t passed;  /* no record below is to be handed over any more */
    bool has_record; /* `record` is the next one */
    struct record record;
    struct in_flight *held; /* holds the stream's offset back; NULL: not held */
};

struct catch_up {
    const struct source_history_ops *ops;
    struct source_history *history; /* NULL: not opened yet */
    struct catch_up_part *parts;    /* by stream */
    size_t stream_count;
    uint64_t run;         /* in the journal: the one that is being followed */
    uint64_t moved_run;   /* likewise, in the moved order of the one who is fed alone */
    int64_t clock_ns;     /* wall clock of the timers that were fired again last; 0: none were */
    _Atomic bool is_held; /* the lane writes, control reads */
    struct offset_tracker unconfirmed; /* signals of real messages, when nothing is held */
    struct in_flight *own_hold;        /* its first entry */
    struct error error;                /* of a reading that failed */
    _Atomic bool is_over;              /* nobody is behind any more: to be ended */
    _Atomic bool has_failed;           /* it needs another reading */
};

/* Lane call, or lane: begins one, still without a reading, unless there is one. `is_held`: see
 * above. False: out of memory. */
bool catch_up_begin(struct lane *lane, struct partition *partition, bool is_held);
/* Lane call, or control where no lane works on it: as partition_add_streams(), of one that may be
 * catching up. */
bool catch_up_add_streams(struct partition *partition, int32_t number);
/* Lane call: a partition number has come whose streams are among those of the GLOBAL deployments:
 * if these catch up, and offsets are held meanwhile, its are too. False: out of memory. */
bool catch_up_hold_number(struct lane *lane, const struct partition *number);
/* Lane call: whom the next reading feeds, of those that are SUSPENDED_CATCHING_UP: NULL: all that
 * have no moved order; else that one alone. */
struct task *catch_up_alone(const struct partition *partition);
/* Whether the task is one of those. */
bool catch_up_is_for(const struct task *alone, const struct task *task);
/* Lane call: goes on with this reading, whose parts are as they were opened, one of a stream; and
 * feeds those tasks for which it begins early enough. It has none. */
void catch_up_read(struct lane *lane, struct partition *partition, struct source_history *history,
                   const struct history_part *parts, size_t count);
/* Lane call: gives its reading back, to be closed by control: NULL, if it has none. Nobody is fed
 * until it gets another. */
struct source_history *catch_up_take_reading(struct partition *partition);
/* Lane call, or control where no lane works on the partition: ends it, wherever it is; offsets are
 * no longer held by it. The partition has none afterwards. */
struct catch_up *catch_up_end(struct partition *partition);
/* Control, after catch_up_end(). Closes the reading; signals that are not confirmed yet go to the
 * orphans. NULL is allowed. */
void catch_up_free(struct catch_up *catch_up, struct offset_tracker *orphans);

/* Lane: a record passes the task by. If it is the first of its stream, and nobody knew where that
 * begins, the task is behind in it from there on, and needs a reading that has it. False: out of
 * memory. */
bool catch_up_pass(struct lane *lane, struct task *task, const struct record *record);

/* Lane: hands over records for about so long. False: there was nothing to do. */
bool catch_up_step(struct lane *lane, struct partition *partition, int64_t budget_ns);

/* Lane call: when nobody is to be fed by it any more it is over, and holds no offset. */
void catch_up_leave(struct lane *lane, struct partition *partition);

/* Lane: offsets are held back no longer; inside its two sources. */
void catch_up_drop_holds(struct catch_up *catch_up);
/* Whether offsets are to be held back by it until its end. */
static inline bool catch_up_holds(const struct catch_up *catch_up) {
    return atomic_load_explicit(&catch_up->is_held, memory_order_relaxed);
}
/* Whether they are held back by the partition's now. */
bool catch_up_is_held(const struct partition *partition);
/* Leaves the signals that wait for a sink to the partition, whose checkpoints wait for them. */
void catch_up_leave_unconfirmed(struct catch_up *catch_up, struct partition *partition);
/* Whether signals of real messages that it handed over wait for a sink, or of those before it;
 * collects those that do not. */
bool catch_up_has_unconfirmed(struct partition *partition);

#endif
