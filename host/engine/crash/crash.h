/*
 * engine/crash/crash.h - an end that names who caused it: handlers for what kills a process, hooks
 * for what ends it quietly, and the file of what is under way (call_table.h) for what leaves no
 * time.
 *
 * They are the one piece of global state that the host has: a signal handler cannot be given
 * anything; and `_exit` and `kill` are theirs, since the program's own symbols stand before the C
 * library's for the strategies' calls as well. What ends the process is noted in the mapped file
 * first, then written to a crash file (crash_file.h), then to stderr as far as that takes it; then
 * the function and the line of source are asked for (os/locate.h), and follow to both. All of it
 * within some seconds. Then the process dies of the signal, or with code 1.
 */
#ifndef TAKE5_ENGINE_CRASH_CRASH_H
#define TAKE5_ENGINE_CRASH_CRASH_H

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/crash/call_table.h"
#include "log/log.h"
#include "strategy/instance/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crash_options {
    bool does_keep;
    /* A temporary directory that goes with the process when that ends by a crash or a hang. If
     * the state directory is in it, the crash file lies beside it, DIRECTORY.crash. NULL: none. */
    const char *temporary;
};

/*
 * Installs the handlers and hooks, makes STATE_DIR/crash, and files there what an earlier process
 * left. With `does_keep` what is under way stands in STATE_DIR/current_call, which is this
 * process's alone. SIGALRM, SIGVTALRM, SIGPROF and SIGXFSZ, which nothing in the host uses, are
 * ignored. What SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD and SIGPIPE do from now on is what
 * crash_look() keeps. Once a process; the main thread.
 */
bool crash_install(const struct config *config, const struct crash_options *options,
                   struct error *error);

/* A crash gives the log's thread a moment to write what was logged before it. NULL: none (any
 * more).
 */
void crash_settle(const struct log *log);

/* Adds who is in a call now, "a in on_message, b in save"; nothing: nobody is. Any thread; what it
 * says of others may be over when it returns. */
void crash_list_current_call(struct text *names);

/* What the process before left under way; nothing after a clean end. */
const struct call_table_former *crash_former(void);

/* Where a lane (by index) or the loader (index: the number of lanes) notes what it is doing.
 * NULL: nothing is installed. */
struct current_call *crash_call(size_t slot);

/* For a spec's `mark` (call_table.h). 0: nothing is installed, or there is no room. Control
 * thread. */
uint32_t crash_add_name(const struct instance_spec *spec, const void *code);
void crash_drop_name(uint32_t mark);

/* This thread's signals are handled on a separate stack (a stack overflow is reported too), and
 * `current_call` is what it is doing. It cannot be cancelled from now on, and if it ends
 * nevertheless before it left, the process ends. */
bool crash_enter_thread(struct current_call *current_call);
void crash_leave_thread(void);

/* Around the opening of a strategy's file by this thread: what its constructors do is put down to
 * the spec. `mark` is what the beginning gave. */
uint32_t crash_begin_open(const struct instance_spec *spec);
void crash_end_open(uint32_t mark);

/* Files a callback that hangs, as the handlers do. Any thread; the caller ends the process. */
void crash_write_hang(const struct current_call *current_call);

/*
 * Whether somebody has changed this thread's alternate stack, or a handler, since
 * the thread entered; they are put back. `what` says which, `culprit` whose handler it was (empty:
 * not known). By the thread itself, between callbacks; about a dozen system calls. */
bool crash_look(char *what, size_t what_size, char *culprit, size_t culprit_size);

#endif
