/*
 * engine/core/partition.h - a working partition *number*: the instances of all KEYED deployments on
 * it, their symbols, and how far each topic has come. Number -1 holds the GLOBAL deployments.
 *
 * Owned by one lane at a time (lane_adopt(), lane_detach()), or by control while parked. Made and
 * freed on the control thread.
 */
#ifndef TAKE5_ENGINE_CORE_PARTITION_H
#define TAKE5_ENGINE_CORE_PARTITION_H

#include "base/sync/locks.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/order.h"
#include "checkpoint/order_tail.h"
#include "engine/core/deployment.h"
#include "engine/core/offset_tracker.h"
#include "engine/core/shadow.h"
#include "message/symbols.h"
#include "strategy/instance/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTITION_GLOBAL   (-1)
#define MISSED_NOT_COUNTED (-1)

struct catch_up;
struct lane;
struct partition;

/* The message that an instance's signals are attributed to. */
struct cause {
    uint32_t topic; /* of the configuration; NOT_WANTED: none yet */
    int32_t partition;
    int64_t offset;
    uint32_t ordinal; /* of its next signal */
};

/* Why an instance gets no messages. */
enum suspension {
    SUSPENDED_NOT = 0,
    SUSPENDED_ERRORS,   /* too many errors in a row: until `resume_ns` */
    SUSPENDED_REJECTS,  /* too many dead letters: until `resume_ns` */
    SUSPENDED_OPERATOR, /* by command */
    SUSPENDED_PARTIAL,  /* GLOBAL while the host lacks a partition */
    SUSPENDED_SLOW,     /* a shadow that took too much of its lane's time: until it is resumed */
    /* It is behind, and is fed what it did not see (engine/lane/catch_up.h). */
    SUSPENDED_CATCHING_UP
};
const char *suspension_name(enum suspension suspension);

/* The engine's (core.h): what status reads of structure and texts. */
LOCK_CLASS(status_lock);

/* An instance's place in a partition. The owner writes; atomics are read by status as well. */
struct task {
    struct partition *partition;
    struct deployment *deployment; /* a reference: name and filters */
    struct deployment *made_of; /* a reference: what the instance was made from; differs when only
                                   the filters have changed since */
    struct instance *instance;
    struct shadow *shadow;  /* its own, as a shadow; NULL: it is none */
    struct shadow *shadows; /* whose original it is */
    struct cause cause;
    const char *origin;    /* of its state: "fresh", "loaded", "kept", "resumed"; a literal */
    _Atomic bool is_woken; /* wake() was called; any thread sets it */
    uint32_t errors_in_row;
    _Atomic int suspension;
    _Atomic int64_t resume_ns; /* clock_coarse_ns() */
    int64_t suspend_ns;        /* length of the next suspension */
    _Atomic uint64_t passed;   /* messages that it did not get while suspended */
    /* Of the messages that it was handed: real ones behind the stream, and history. */
    _Atomic uint64_t late, history;
    _Atomic uint64_t suspensions;
    _Atomic uint64_t behind; /* offsets between it and its partition, when last counted */
    /* By stream, while it is suspended: the next offset that it will be handed, or NO_OFFSET: the
     * partition's. Messages below `history_to` are history: their signals are safe already. */
    int64_t *position;
    int64_t *history_to;
    /* Exactly once: likewise the signals of wall-clock timers that fired by then, according to what
     * was committed. 0 if it was behind the others then, and had not fired them. */
    int64_t safe_clock_ns;
    bool needs_warm_up; /* where it begins is still to be found out */
    bool has_place;     /* it needs that because it was too far behind: nothing below its
                         * positions again */
    int64_t
        warm_up_to_ms; /* Kafka time of the stream then; RECORD_NO_TIME: that of the first record */
    /* Messages that it had missed, history aside, when it began to catch up: more than [checkpoint]
     * max_catch_up are too many. MISSED_NOT_COUNTED: it has not begun; 0 once that was decided. */
    int64_t missed;
    bool is_ahead; /* it comes from another worker, and the stream here has not reached its
                    * position, or the one up to which its signals are safe: it waits, and then
                    * catches up */
    /* The order in which the other worker had handed over what follows: it catches up in that
     * order, and alone, before its partition's. Until that is done, the other worker's state of it
     * is the newest. NULL: it does not come from another worker, or that is done. */
    struct order *moved_order;
    /* Exactly once: it comes from another worker, and no checkpoint here has it level yet. Until
     * one has, and once the stream has reached it, nothing of the partition is committed: a later
     * worker would not know what was committed here for a deployment that is in no checkpoint here.
     * The other worker's state would then still count, and it would begin there once more. */
    bool is_newcomer;
    int64_t moved_clock_ns; /* while it has a moved order, in place of `safe_clock_ns`: the value
                             * there */
    bool is_recovered;      /* it has the state of the checkpoint that the partition continues
                             * with */
    bool is_spoilt;         /* it refused that state */
    bool is_fed;            /* by the partition's catch-up */
    /* It was suspended, or loaded behind the others, and is level, which no checkpoint on the disk
     * has yet; or it is behind. */
    bool was_behind;
    uint64_t level_number; /* of the first checkpoint that has it level; 0: none yet */
    /* Its suspension is in no checkpoint that was put (TASK_NOT_PUT), or in the one of that ticket:
     * until that is written, offsets are stored only up to its position. 0: nothing to wait for. */
    uint64_t place_ticket;
    uint64_t saved_number;   /* of the checkpoint that has its state; 0: none */
    uint64_t saved_mark;     /* task_mark() at that time */
    _Atomic bool is_unsaved; /* it could not be saved: the newest checkpoint lacks its state */
    int64_t last_error_ns;   /* wall, 0: none */
    char last_error[256] GUARDED_BY(status_lock);
    uint64_t suppressed_errors, suppressed_rejects; /* since the last one logged */
    bool is_noted_besides; /* that it got more than messages (engine/lane/deviation.h) */
    int64_t last_slow_ns;  /* wall, 0: none; likewise of slow callbacks */
    int64_t slowest_ns;    /* of those not logged */
    uint64_t suppressed_slow;
    int64_t reject_window_ns; /* start of the minute in which rejects are counted */
    uint32_t rejects_in_window;
    bool was_notified_partial; /* the last assignment event was PARTIAL */
};

/* A deployment that belongs on a partition and has no instance there: it could not be made. */
struct refusal {
    char *deployment;
    char *why;
};

/* Where messages of a symbol go, by topic: entries in order of the deployments' names. */
struct route_entry {
    struct task *task;
    uint32_t topic;              /* the strategy's index */
    bool is_global;              /* symbol ids of the GLOBAL table */
    const uint32_t *time_frames; /* NULL: all */
};

struct route {
    struct route *next;
    uint64_t *members; /* which tasks of the candidates: a bit set, for sharing */
    size_t *begin;     /* topic_count + 1 indices into entries */
    struct route_entry *entries;
};

#define TASK_NOT_PUT UINT64_MAX

struct partition {
    int32_t number;
    struct lane *home;         /* number % lanes: the only lane that ever owns it */
    struct lane *_Atomic lane; /* home while it works, NULL while parked */
    struct deployment_set *deployment_set;
    struct symbols *symbols;
    struct task **tasks; /* in order of the deployments' names */
    size_t task_count;
    struct refusal *refusals GUARDED_BY(status_lock);
    size_t refusal_count GUARDED_BY(status_lock);
    /* The states of deployments that no longer run: they catch up from there if they return. They
     * have positions of their own. The lane's, like all members below. */
    struct checkpoint_part *absent;
    size_t absent_count, absent_reserved;
    struct offset_tracker *topics; /* topic_count, by index of the configuration */
    size_t topic_count;
    /*
     * How far each *stream* of what its instances are handed has come. For a KEYED number these are
     * its topics. GLOBAL instances are handed all partitions, so there (topic T, partition P) is
     * stream P * topic_count + T; `next` follows what they were last handed, all else is in the
     * partition's own tracker. partition_add_streams() adds some, while `order` is kept.
     */
    struct offset_tracker *streams;
    size_t stream_count;
    uint64_t in_flight_count; /* over all topics */
    bool is_fresh;            /* its instances have not been notified of FRESH yet */
    bool is_resumed;          /* ... RESUMED */
    int64_t parked_ns;        /* clock_monotonic_ns() */
    /* Routes: by symbol id; rebuilt when tasks change. */
    struct route *routes; /* all existing ones */
    struct route **route_by_symbol;
    uint32_t route_capacity;
    int64_t first_ms;         /* Kafka's, of the first record; RECORD_NO_TIME: none yet */
    struct partition *global; /* whose tasks are routed too, or NULL */
    bool is_comparing;        /* some shadow of it has signals to compare */
    /* In which order its records were handed over; NULL: not recorded. */
    struct order *order;
    struct partition_journal {
        struct order_tail *tail; /* what is not in the file yet; NULL: it is lost with the
                                  * process */
        uint64_t tail_to;        /* index in the order up to which the last append had it;
                                  * UINT64_MAX: it was cut since */
        uint64_t ticket;         /* of what is being written (checkpoint/store.h); 0: nothing */
        int64_t append_ns;       /* coarse, of the last append */
        int64_t *appended;       /* by stream: `next` at the last append */
        int64_t *noted_to;       /* by stream: offsets below are in the journal */
        int64_t *written; /* by stream: offsets below are on the disk, and offsets may be stored
                           * up to there */
    } journal;
    int64_t clock_ns;       /* when wall-clock timers last fired: it is in `order`; 0: never */
    bool has_unsaved_place; /* some task has a place_ticket */
    /* A deployment that was level with the others no longer runs here (quarantined, disabled,
     * moved), and only the next checkpoint will have its position; or a newer checkpoint was passed
     * over, which other workers must not take for the newest: no offset is stored before the next
     * one. */
    bool owes_checkpoint;
    /* Of a checkpoint that has newcomers, or was owed: exactly once, nothing is committed until it
     * is on the disk. 0: none is to be waited for. */
    uint64_t awaited_ticket;
    /* Newcomers were admitted without a checkpoint: none is taken before their epoch is decided. */
    bool awaits_commit;
    struct offset_tracker late;   /* signals of late messages, of catch-ups that are over */
    uint64_t checkpoint_number;   /* of the last one; 0: none */
    uint64_t checkpoint_mark;     /* records handed over until then */
    int64_t checkpoint_ns;        /* coarse, when the next one is due */
    struct catch_up *catch_up;    /* feeds tasks that are behind; NULL: none is */
    _Atomic uint64_t late_handed; /* records that the present one has handed over; 0: none */
    int64_t cold_ns;              /* since when a task waits to be warmed up; 0: none does */
    int64_t history_ns;           /* control's: when opening it is retried */
    _Atomic bool wants_history;   /* a task is to catch up and is not fed yet: control opens a
                                   * reading */
};

enum newcomers {
    NEWCOMERS_NONE = 1, /* or they wait for the stream, or are suspended: they hold nothing back */
    NEWCOMERS_BEHIND,   /* at least one catches up */
    NEWCOMERS_LEVEL     /* they have to be in a checkpoint */
};
/* See `is_newcomer`. The owner. */
enum newcomers partition_newcomers(const struct partition *partition);
/* They are in a checkpoint, or cannot be waited for any longer. */
void partition_admit(struct partition *partition);

/* Only symbols and offset trackers so far. NULL: out of memory. */
struct partition *partition_new(int32_t number, struct deployment_set *deployment_set,
                                size_t topic_count, uint32_t max_symbols);
/* Destroys its instances (loader thread), frees everything. */
void partition_free(struct partition *partition);

/* GLOBAL: adds the streams of that partition number. If no lane works on it, or on its lane. False:
 * out of memory; then nothing has changed. */
bool partition_add_streams(struct partition *partition, int32_t number);

static inline size_t partition_stream(const struct partition *partition, uint32_t topic,
                                      int32_t number) {
    return partition->number == PARTITION_GLOBAL ? (size_t)number * partition->topic_count + topic
                                                 : topic;
}
static inline uint32_t partition_stream_topic(const struct partition *partition, size_t stream) {
    return (uint32_t)(stream % partition->topic_count);
}
static inline int32_t partition_stream_number(const struct partition *partition, size_t stream) {
    return partition->number == PARTITION_GLOBAL ? (int32_t)(stream / partition->topic_count)
                                                 : partition->number;
}

/* "partition 3", "the GLOBAL deployments" */
#define PARTITION_NAME_SIZE 32
const char *partition_name(const struct partition *partition, char text[PARTITION_NAME_SIZE]);

/* How many of its instances have a state to save: those that were handed something. */
size_t partition_count_states(const struct partition *partition);

struct task *task_new(struct partition *partition, struct deployment *deployment);
/* Destroys its instance, if it still has one. */
void task_free(struct task *task);
/* Changes with everything that an instance was handed. */
uint64_t task_mark(const struct task *task);
/* Whether it is handed that stream's messages. */
static inline bool task_wants(const struct task *task, size_t stream) {
    return task->deployment->topics[partition_stream_topic(task->partition, stream)] != NOT_WANTED;
}
/* Whether it has no state yet, and where its warm-up begins is still to be found out. */
static inline bool task_is_cold(const struct task *task) {
    return task->needs_warm_up && !task->has_place;
}
/* It is where its partition is: it has neither positions of its own nor an order. */
void task_forget_positions(struct task *task);
/* It will be fed from the position of another task of the same partition, which is behind. */
void task_take_place(struct task *task, const struct task *from);
/* Kafka time of what its partition was last handed, in the wanted stream that is furthest behind;
 * RECORD_NO_TIME: nothing yet. */
int64_t task_time_ms(const struct task *task);
/* Whether it is behind its partition in a stream that it wants. */
bool task_is_behind(const struct task *task);
/* Whether a task that was ahead of its partition still is; the stream (SIZE_MAX: none) counts as
 * being at `next`. */
bool task_is_ahead(const struct task *task, size_t stream, int64_t next);
/* It is done with `moved_order`, or has none. */
void task_drop_moved_order(struct task *task);
/* Counts how far behind it is, for `behind`. The lane's. */
void task_count_behind(struct task *task);
/* Counts what it missed, unless that is done. The lane's. */
void task_count_missed(struct task *task);

/* Links originals and shadows to each other: to be called when tasks were added or removed. */
void partition_link_shadows(struct partition *partition);
/* Compares what its shadows have gathered. The lane's. */
void partition_compare(struct partition *partition);
/* Whether offsets wait for it while it is behind: not for a shadow. */
static inline bool task_holds_offsets(const struct task *task) {
    return task->deployment->shadow_of == NULL;
}

struct task *partition_task(const struct partition *partition, const char *deployment);

/* Notifies an instance, on its lane: an event with nothing but its kind, */
void task_notify(struct task *task, enum t5_event_kind kind);
/* that it did not see these offsets of a topic, unless it does not want that topic
 * (SOURCE_NO_OFFSET, and for GLOBAL tasks: no particular offset), */
void task_notify_gap(struct task *task, size_t stream, int64_t from, int64_t to);
/* and whether the host has all that it wants; `missing` is the strategy's index of a topic of which
 * some is missing, NOT_WANTED: none. Only if that changed, or `is_forced`. */
void task_notify_extent(struct task *task, uint32_t missing, bool is_forced);

/* Notes why a deployment has no instance here, replacing what was noted before; NULL: it has one
 * now, or is no longer wanted. Without memory it is left out. */
REQUIRES(status_lock)
void partition_note_refusal(struct partition *partition, const char *deployment, const char *why);
/* Keeps the state of a deployment that leaves; takes over the part, and leaves it empty. The
 * lane's, or control's for a partition that no lane works on. False: out of memory. */
bool partition_keep_absent(struct partition *partition, struct checkpoint_part *part);
/* Room for one that will be kept, which then cannot fail. False: out of memory. */
bool partition_reserve_absent(struct partition *partition);
/* NULL: none is kept. */
struct checkpoint_part *partition_absent(const struct partition *partition, const char *deployment);
void partition_forget_absent(struct partition *partition, const char *deployment);
/* NULL: none was refused. */
REQUIRES(status_lock)
const char *partition_refusal(const struct partition *partition, const char *deployment);

/* Forgets all routes: tasks, filters or the global partition changed. */
void partition_forget_routes(struct partition *partition);

/* The route of a live symbol id, made now if it is new. NULL: out of memory. */
struct route *partition_route(struct partition *partition, uint32_t symbol_id, const char *symbol,
                              size_t size);

/* The strategy's index of a wanted topic of the partition number that this host does not hold;
 * NOT_WANTED: it holds all of them. */
uint32_t partition_missing(const struct partition *partition, const struct deployment *deployment);
/* Whether it still holds any topic. */
bool partition_is_owned(const struct partition *partition);
/* Whether no lane works on it. */
static inline bool partition_is_parked(const struct partition *partition) {
    return atomic_load_explicit(&partition->lane, memory_order_acquire) == NULL;
}

/* Memory of the deliveries that hold back its topics' records. */
uint64_t partition_in_flight_bytes(const struct partition *partition);

#endif
