/*
 * engine/lane/catch_up.h - feeds instances that are behind their partition number the messages that
 * they did not see, in the order in which these were handed over, until they are level with the
 * stream.
 *
 * Recovery after a crash, warm-up, and the return from a suspension all work this way. Each task
 * has a position of its own (partition.h); while it is SUSPENDED_CATCHING_UP it gets nothing from
 * the stream, and the lane hands it records of a second reading (source/history.h) from its
 * position on, never beyond what the stream has handed over already. When the two are level it is
 * resumed between two messages.
 *
 * Messages below the task's `history_to` are *history*: their signals are safe already. They carry
 * T5_MESSAGE_HISTORY, their signals are dropped, and none of them goes to the dead letters.
 * Messages above it are real ones, late.
 *
 * A *held* catch-up keeps the group's offsets where they are until all instances that it feeds are
 * level and their signals are confirmed: after an assignment, when the messages from the committed
 * offset on are not safe before every instance has had them; and for newcomers (partition.h).
 * Otherwise offsets advance, and checkpoints protect the signals: none is taken while they are
 * unconfirmed.
 *
 * Wall-clock timers fire where the journal says that they did. It does not record the wall clock at
 * each message: a strategy that asks for it gets Kafka's time of the message.
 *
 * The order is the partition's journal (checkpoint/order.h). Where that has no entry, records are
 * merged by their time, each partition's in the order of its offsets. An instance that comes from
 * another, killed worker follows that worker's journal first (partition.h, `moved_order`), which
 * may contradict this one: it is fed by a separate reading, when the others are level.
 *
 * Threads: control begins and ends it, in lane calls; the lane feeds it and sets `is_over`.
 */
#ifndef TAKE5_ENGINE_LANE_CATCH_UP_H
#define TAKE5_ENGINE_LANE_CATCH_UP_H

#include "engine/lane/lane_state.h"
#include "source/history.h"

struct catch_up_part {
    bool is_read;    /* some task is behind in this stream, and the stream is among those read */
    size_t index;    /* in the reading */
    int64_t passed;  /* no record below it will be handed over any more */
    bool has_record; /* `record` is the next one */
    struct record record;
    struct in_flight *held; /* holds the stream's offset back; NULL: not held */
};

struct catch_up {
    const struct source_history_ops *ops;
    struct source_history *history; /* NULL: not opened yet */
    struct catch_up_part *parts;    /* by stream */
    size_t stream_count;
    uint64_t run;         /* in the journal: the run that is being followed */
    uint64_t moved_run;   /* likewise in the moved order of the task that is fed alone */
    int64_t clock_ns;     /* wall clock of the timers that were last fired again; 0: none */
    _Atomic bool is_held; /* the lane writes, control reads */
    struct offset_tracker unconfirmed; /* signals of real messages, when nothing is held */
    struct in_flight *own_hold;        /* its first entry */
    struct error error;                /* of a reading that failed */
    _Atomic bool is_over;              /* no task is behind any more: to be ended */
    _Atomic bool has_failed;           /* it needs another reading */
};

/* Lane call, or lane: begins one without a reading yet, unless there is one. `is_held`: see above.
 * False: out of memory. */
bool catch_up_begin(struct lane *lane, struct partition *partition, bool is_held);
/* Lane call, or control where no lane works on it: as partition_add_streams(), for a partition that
 * may be catching up. */
bool catch_up_add_streams(struct partition *partition, int32_t number);
/* Lane call: a partition number was assigned whose streams are among those of the GLOBAL
 * deployments: if these are catching up, and offsets are held meanwhile, its offsets are held too.
 * False: out of memory. */
bool catch_up_hold_number(struct lane *lane, const struct partition *number);
/* Lane call: which of the tasks that are SUSPENDED_CATCHING_UP the next reading feeds. NULL: all
 * that have no moved order; otherwise that one alone. */
struct task *catch_up_alone(const struct partition *partition);
/* Whether the task is one of those. */
bool catch_up_is_for(const struct task *alone, const struct task *task);
/* Lane call: continues with this reading, whose parts are as they were opened, one per stream, and
 * feeds those tasks for which it begins early enough. There is none yet. */
void catch_up_read(struct lane *lane, struct partition *partition, struct source_history *history,
                   const struct history_part *parts, size_t count);
/* Lane call: gives its reading back for control to close; NULL if it has none. No task is fed until
 * it gets another. */
struct source_history *catch_up_take_reading(struct partition *partition);
/* Lane call, or control where no lane works on the partition: ends it, wherever it is, with its
 * hold on offsets. The partition has none afterwards. */
struct catch_up *catch_up_end(struct partition *partition);
/* Control, after catch_up_end(). Closes the reading; signals that are not confirmed yet go to the
 * orphans. Takes NULL. */
void catch_up_free(struct catch_up *catch_up, struct offset_tracker *orphans);

/* Lane: the task does not get this record. If it is the first of its stream, and it was not known
 * where that begins, the task is behind in it from there on, and needs a reading that includes it.
 * False: out of memory. */
bool catch_up_pass(struct lane *lane, struct task *task, const struct record *record);

/* Lane: hands over records for about this long. False: there was nothing to do. */
bool catch_up_step(struct lane *lane, struct partition *partition, int64_t budget_ns);

/* Lane call: a catch-up that feeds no task any more is over, and holds no offset. */
void catch_up_leave(struct lane *lane, struct partition *partition);

/* Lane: stops holding offsets back; for its two sources only. */
void catch_up_drop_holds(struct catch_up *catch_up);
/* Whether it holds offsets back until its end. */
static inline bool catch_up_holds(const struct catch_up *catch_up) {
    return atomic_load_explicit(&catch_up->is_held, memory_order_relaxed);
}
/* Whether the partition's catch-up holds them back now. */
bool catch_up_is_held(const struct partition *partition);
/* Leaves the signals that await a sink to the partition, whose checkpoints wait for them. */
void catch_up_leave_unconfirmed(struct catch_up *catch_up, struct partition *partition);
/* Whether signals of real messages that it, or one before it, handed over await a sink; collects
 * those that are confirmed. */
bool catch_up_has_unconfirmed(struct partition *partition);

#endif
