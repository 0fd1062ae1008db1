/*
 * os/child.h - a child process that does one task: it is spawned with a request, answers over a
 * pipe, and is ended whole, in time, with all that it began.
 *
 * The child is a program of one's own that runs code which may crash, hang, print, or fork. It is
 * spawned (not forked: other threads may hold any lock), with the request on CHILD_INPUT, a pipe
 * for its answers on CHILD_OUTPUT, another that is its stdout and stderr, and no other descriptor;
 * with signals as at a process's beginning, in its own process group.
 *
 * The program calls child_begin() first: then its work is done in a separate process, and the one
 * that was spawned looks after it. It adopts what the work leaves behind, also what left the group
 * by setsid(), and ends that when the work has ended or its time is over. The work gets a SIGTRAP
 * first when its time is over, and a second for last words.
 *
 * Thread: child_run() may be called by any, also by several at once. The child dies with the thread
 * that spawned it.
 */
#ifndef TAKE5_OS_CHILD_H
#define TAKE5_OS_CHILD_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHILD_INPUT  0
#define CHILD_OUTPUT 3

struct child_call {
    const char *program;      /* NULL: /proc/self/exe */
    char *const *arguments;   /* with the name first, NULL at the end */
    char *const *environment; /* NULL: this process's */
    const void *request;
    size_t request_size;
    int64_t timeout_ns; /* for all of it */
    size_t words_kept;  /* how much of the end of what it prints is kept, about */
    /* Takes whole answers from the front of `bytes`; gives how much it took, SIZE_MAX when that is
     * no answer: then the child is ended. */
    size_t (*take)(void *context, const char *bytes, size_t size);
    void *context;
    bool (*should_stop)(void *context); /* asked now and then: true ends it. May be NULL */
    void *stop_context;
};

enum child_outcome {
    CHILD_EXITED,    /* `code` is its exit code */
    CHILD_SIGNALLED, /* `code` is the signal */
    CHILD_UNKNOWN,   /* it ended, and somebody else took its status: only its answers show it */
    CHILD_STUCK,     /* its time was over */
    CHILD_GIVEN_UP,  /* should_stop */
    CHILD_GARBLED,   /* it wrote what is no answer */
    CHILD_UNHEARD    /* memory was short for its answers */
};

struct child_end {
    enum child_outcome outcome;
    int code;
    struct text words; /* the end of what it printed */
    size_t word_count; /* bytes that it printed in all */
};

/* Runs it to its end. False: it could not be begun; errors say why. When it returns, the child is
 * reaped and what it left behind is ended. Release `end` in either case. */
bool child_run(const struct child_call *call, struct child_end *end, struct error *error);
void child_end_release(struct child_end *end);

/* The last lines of the words, at most `lines` and about `size` bytes, as one line behind `before`;
 * nothing when it printed nothing. */
void child_last_words(const struct child_end *end, const char *before, size_t size, int lines,
                      struct text *out);

/*
 * The child's first step, while it has one thread: continues in a separate process, which dies with
 * its parent, leaves no core and takes signals as they come. When the work ended by itself and left
 * processes behind, the parent of it calls `left` with their number once they are ended; it may
 * write to CHILD_OUTPUT. False: no process could be made, and this one does the work alone.
 */
bool child_begin(void (*left)(size_t count));

#endif
