/*
 * engine/partition.h - one partition *number* at work: the instances of all KEYED deployments on
 * it, their symbols, and how far each topic has come. Number -1 holds the GLOBAL deployments.
 *
 * Owned by one lane at a time, or by control while parked. It is made and freed on the control
 * thread; the lane uses it between partition_... calls of `lane.c` alone.
 */
#ifndef TAKE5_ENGINE_PARTITION_H
#define TAKE5_ENGINE_PARTITION_H

#include "base/symbols.h"
#include "engine/progress.h"
#include "engine/roster.h"
#include "strategy/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTITION_GLOBAL (-1)

struct lane;
struct partition;

/* The message that an instance's signals are put down to. */
struct cause {
    uint32_t topic; /* of the configuration; NOT_WANTED: none yet */
    int32_t partition;
    int64_t offset;
    uint32_t ordinal; /* of the next signal */
};

/* Why an instance gets no messages. */
enum suspension {
    SUSPENDED_NOT = 0,
    SUSPENDED_ERRORS,     /* too many errors in a row: until `resume_ns` */
    SUSPENDED_REJECTS,    /* too many dead letters: until `resume_ns` */
    SUSPENDED_QUARANTINE, /* crashed or hung lately: until an operator or a new file says so */
    SUSPENDED_OPERATOR,   /* by command */
    SUSPENDED_PARTIAL     /* GLOBAL while the host lacks a partition */
};
const char *suspension_name(enum suspension suspension);

/* An instance's place in a partition. The owner writes; atomics are read by status as well. */
struct seat {
    struct partition *partition;
    struct deployment *deployment; /* a reference: name and filters */
    struct deployment *made_of; /* a reference: what the instance was made from; differs when only
                                   the filters have changed since */
    struct instance *instance;
    struct cause cause;
    const char *origin;    /* of its state: "fresh", "loaded", "kept", "resumed"; a literal */
    _Atomic bool is_woken; /* wake() was called; any thread sets it */
    uint32_t errors_in_row;
    _Atomic int suspension;
    _Atomic int64_t resume_ns; /* clock_coarse_ns() */
    int64_t suspend_ns;        /* length of the next suspension */
    _Atomic uint64_t passed;   /* messages that went by while suspended */
    _Atomic uint64_t suspensions;
    int64_t *gap_from;      /* by topic: first offset passed, or NO_OFFSET */
    int64_t last_error_ns;  /* wall, 0: none */
    char last_error[256];   /* guarded by the engine's status lock */
    uint64_t unsaid_errors; /* since the last one that was logged */
    int64_t last_slow_ns;   /* wall, 0: none; of callbacks that were slow, likewise */
    int64_t slowest_ns;     /* of those not said */
    uint64_t unsaid_slow;
    int64_t reject_window_ns; /* start of the minute that rejects are counted in */
    uint32_t rejects_in_window;
    bool was_told_part; /* the last assignment event said PART */
};

/* Where messages of a symbol go, by topic: entries in order of the deployments' names. */
struct route_entry {
    struct seat *seat;
    uint32_t topic;              /* the strategy's index */
    bool is_global;              /* symbol ids of the GLOBAL table */
    const uint32_t *time_frames; /* NULL: all */
};

struct route {
    struct route *next;
    uint64_t *members; /* which seats of the candidates: a bit set, for sharing */
    size_t *begin;     /* topic_count + 1 indices into entries */
    struct route_entry *entries;
};

struct partition {
    int32_t number;
    struct lane *home;         /* number % lanes: the only lane that ever owns it */
    struct lane *_Atomic lane; /* home while it works, NULL while parked */
    struct roster *roster;
    struct symbols *symbols;
    struct seat **seats; /* in order of the deployments' names */
    size_t seat_count;
    struct progress *topics; /* topic_count, by index of the configuration */
    size_t topic_count;
    uint64_t pending_count; /* over all topics */
    bool is_fresh;          /* its instances have not been told FRESH yet */
    bool is_resumed;        /* ... RESUMED */
    int64_t parked_ns;      /* clock_monotonic_ns() */
    /* Routes: by symbol id; rebuilt when seats change. */
    struct route *routes; /* all that were made */
    struct route **route_by_symbol;
    uint32_t route_capacity;
    struct partition *global; /* whose seats are routed too, or NULL */
};

/* Nothing in it yet but symbols and progress. NULL when memory runs out. */
struct partition *partition_new(int32_t number, struct roster *roster, size_t topic_count,
                                uint32_t max_symbols);
/* Destroys its instances (loader thread), frees everything. */
void partition_free(struct partition *partition);

struct seat *seat_new(struct partition *partition, struct deployment *deployment);
/* Destroys its instance, if it has one still. */
void seat_free(struct seat *seat);
struct seat *partition_seat(const struct partition *partition, const char *deployment);

/* Forgets all routes: seats, filters or the global partition changed. */
void partition_forget_routes(struct partition *partition);

/* The route of a live symbol id, made now if it is new. NULL when memory runs out. */
struct route *partition_route(struct partition *partition, uint32_t symbol_id, const char *symbol,
                              size_t size);

/* Whether it holds any topic still. */
bool partition_is_owned(const struct partition *partition);

#endif
