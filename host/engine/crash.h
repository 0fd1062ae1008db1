/*
 * engine/crash.h - what a dying process says: which instance, generation, callback and message were
 * in hand.
 *
 * The handlers are the one piece of global state that the host has: a signal handler cannot be
 * given anything. They are async-signal-safe, write to stderr and to a crash file
 * (STATE_DIR/crash/SECONDS-PID.crash), and let the process die of the signal.
 */
#ifndef TAKE5_ENGINE_CRASH_H
#define TAKE5_ENGINE_CRASH_H

#include "base/error.h"
#include "strategy/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT; makes the directory. Once a
 * process. */
bool crash_install(const char *state_dir, struct error *error);

/* This thread's signals are handled on a stack of its own (a stack overflow is reported too), and
 * `in_hand` is what it has in hand. NULL when the thread ends. */
bool crash_enter_thread(struct in_hand *in_hand);
void crash_leave_thread(void);

/* Writes a crash file as the handlers do, for a callback that hangs. Any thread. */
void crash_write_hang(const struct in_hand *in_hand, int64_t stuck_ns);

/* What an earlier process left. */
struct crash_record {
    char deployment[128];
    char hash[33]; /* of the generation's file */
    char what[32]; /* "SIGSEGV", "hang" */
    char callback[16];
    char topic[256];
    int64_t partition, offset;
    int64_t time_s;
};

/* The crashes of the last `within_ns` that name a deployment, newest last. free() the list. */
struct crash_record *crash_recent(const char *state_dir, int64_t within_ns, size_t *count);

#endif
