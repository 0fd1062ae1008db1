/*
 * engine/crash/call_table.h - what every thread is doing, in a file that outlives the process.
 *
 * STATE_DIR/current_call is mapped: a slot for each lane and one for the loader, which are the
 * `struct current_call` that callbacks are noted in with plain stores; and the names by which what
 * lies there can be read when its owner is gone. Whatever ends the process, be it SIGKILL, the
 * pages stay, and the next start finds who was at which message. The file's room is taken in
 * full when it is opened: a full disk is noticed there, and not in a crash.
 *
 * Threads: a slot has one writer. Names are written by control. Notes and traces are
 * async-signal-safe.
 */
#ifndef TAKE5_ENGINE_CRASH_CALL_TABLE_H
#define TAKE5_ENGINE_CRASH_CALL_TABLE_H

#include "base/error.h"
#include "base/text.h"
#include "os/locate.h"
#include "strategy/instance/instance.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CALL_TABLE_FRAMES    32
#define CALL_TABLE_NOTES     8
/* Of a strategy's private libraries, those that code is known of. */
#define CALL_TABLE_LIBRARIES 31

/* What ended a process; a number above 0 is a signal. */
enum call_table_what {
    CALL_TABLE_UNEXPLAINED = 0, /* nothing was noted: SIGKILL (out of memory), _exit, ... */
    CALL_TABLE_HANG = -1,       /* a callback did not return */
    CALL_TABLE_EXIT = -2,       /* exit or quick_exit was called */
    CALL_TABLE_THREAD_END = -3, /* a lane's thread ended */
    CALL_TABLE_KILL = -4        /* it sent the process a signal that ends it */
};

struct call_table;
struct call_table_former;

struct call_table_options {
    const char *state_dir; /* NULL: in memory alone, for a process that nobody follows */
    size_t lanes;
    const char *const *topics; /* Kafka's names: the very pointers that slots will show */
    size_t topic_count;
    /* Records what the process before left, before the file is overwritten; false: it must not.
     * NULL: nobody does. */
    bool (*keep)(void *context, const struct call_table_former *former, struct error *error);
    void *context;
};

struct call_table_extent {
    uint64_t from, to; /* both 0: none */
};

/* Whose trace it is: a deployment's code, as text. */
struct call_table_name {
    _Atomic uint32_t is_used;
    uint32_t generation;
    uint64_t code_from, code_to; /* where its file is mapped; 0: not known */
    struct call_table_extent
        libraries[CALL_TABLE_LIBRARIES]; /* and its private libraries; zeros: no more */
    char deployment[128], strategy[64], version[32], hash[33];
};

/* How a process ended, and by whom: plain values. */
struct call_table_trace {
    int32_t what;         /* enum call_table_what, or a signal */
    bool is_filed;        /* it stands in a crash file already */
    bool is_certain;      /* else it was under way when the process ended, and may be innocent */
    int64_t pid, time_ns; /* wall clock; 0: not known */
    uint64_t address;     /* of a fault; 0: none */
    bool is_named;        /* a strategy was in a call; else what follows is empty */
    struct call_table_name name;
    uint32_t callback; /* enum callback */
    char topic[256];   /* empty: no message */
    int32_t partition;
    int64_t offset;
    uint32_t frame_count;
    uint64_t frames[CALL_TABLE_FRAMES];
    char at[LOCATE_PLACE]; /* function and line in the strategy; empty: not known */
};

/* Seconds as a file has them: none that cannot be true. */
static inline int64_t call_table_time_ns(int64_t time_s) {
    return time_s > 0 && time_s < INT64_C(9000000000) ? time_s * INT64_C(1000000000) : 0;
}

/* What an earlier process left: none after a clean end. `is_other_boot`: the machine went down
 * with it, which says nothing about those who were at work. `is_silent`: it did not end cleanly,
 * and left no trace: then `loaded` are the deployments that it had, none of which is accused. */
struct call_table_former {
    struct call_table_trace *traces; /* freed by call_table_former_release() */
    size_t count;
    bool is_other_boot, is_silent;
    int64_t pid;
    struct text loaded; /* "a, b, c"; released by call_table_former_release() */
};

/* Reads what is there into `former`, has it kept, then overwrites the file. NULL: another process
 * has it, it could not be kept, or there is no room. */
struct call_table *call_table_open(const struct call_table_options *options,
                                   struct call_table_former *former, struct error *error);
/* The process ends as it should: no other end is looked for. Async-signal-safe. */
void call_table_end_cleanly(struct call_table *table);
/* The file is left as it stands. NULL is allowed. */
void call_table_close(struct call_table *table);
void call_table_former_release(struct call_table_former *former);

/* A thread's slot; slot `lanes` is the loader's. NULL: there is none. Lives as long as the table.
 */
struct current_call *call_table_slot(struct call_table *table, size_t slot);

/* What a `struct current_call` shows as `mark`: never 0, or 0 when there is no room. `code`: an
 * address inside the file's mapping, or NULL; the libraries are those in the directory beside it
 * that is called as the file is, with .d for .so (generation.h). */
uint32_t call_table_add_name(struct call_table *table, const struct instance_spec *spec,
                             const void *code);
void call_table_drop_name(struct call_table *table, uint32_t mark);

/* Whose code an address is in: a mark, or 0. Async-signal-safe. */
uint32_t call_table_find_code(const struct call_table *table, uint64_t address);
const struct call_table_name *call_table_name(const struct call_table *table, uint32_t mark);

/*
 * Notes how the process ends, and by whom: with `current_call` in a callback by its instance.
 * `address` is that of a fault, or 0. Gives the note's number, or -1: there is no more room.
 * Async-signal-safe.
 */
int call_table_note(struct call_table *table, int32_t what, bool is_certain,
                    const struct current_call *current_call, uint64_t address);
/* The stack of the thread that the note is of, innermost first; over what was added before. If
 * nobody is named yet, it is whose code the first of them that lies in a strategy's is. Once it is
 * noted, since walking a stack may crash. */
void call_table_add_frames(struct call_table *table, int note, void *const *frames, size_t count);
/* The place in the strategy's source, as far as the first line of `text` says it
 * (os/locate.h). Async-signal-safe. */
void call_table_set_place(struct call_table *table, int note, const char *text);
/* Reads it. False: it is not complete. Async-signal-safe. */
bool call_table_read_note(const struct call_table *table, int note, struct call_table_trace *trace);
/* It stands in a crash file now: the next start need not write one. */
void call_table_set_filed(struct call_table *table, int note);
bool call_table_is_filed(const struct call_table *table, int note);

/* What a slot shows now. False: nothing is under way. Async-signal-safe. */
bool call_table_read_slot(const struct call_table *table, size_t slot,
                          struct call_table_trace *trace);
size_t call_table_slot_count(const struct call_table *table);

#endif
