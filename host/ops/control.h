/*
 * ops/control.h - the control socket: how `take5 ctl` talks to a running host.
 *
 * A Unix stream socket. A client sends one line of words separated by spaces and gets one answer: a
 * line "ok" or "failed", then text to the end of the stream. Mode 0600; with a group (DECISIONS:
 * quants are not the service user) 0660 and that group. Whoever connects is checked by SO_PEERCRED
 * as well: root, the host's own user, or a member of the group.
 *
 * Each client is served by a thread of its own, at most CONTROL_CLIENTS at once, with a time limit
 * for sending the request.
 */
#ifndef TAKE5_OPS_CONTROL_H
#define TAKE5_OPS_CONTROL_H

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTROL_CLIENTS   16
#define CONTROL_MAX_WORDS 8
#define CONTROL_MAX_LINE  512

struct control;

struct control_options {
    const char *path;
    const char *group; /* NULL: owner only */
    struct log *log;
    void *context;
    /* Serves a request; `answer` gets the text; the result is "ok" or "failed". Any of the clients'
     * threads. */
    bool (*handle)(void *context, char *const *words, size_t count, struct text *answer);
};

/* Binds and serves. A socket that another living host listens on is an error; a dead one's is
 * replaced. */
struct control *control_new(const struct control_options *options, struct error *error);
/* Stops listening, waits for the clients at work, removes the socket. */
void control_free(struct control *control);

/* The client's side. Which process listens there. False: none does. */
bool control_find(const char *path, pid_t *pid, struct error *error);

/* The client's side. False: not reachable. `did` is the host's word. */
bool control_ask(const char *path, const char *request, bool *did, struct text *answer,
                 struct error *error);

#endif
