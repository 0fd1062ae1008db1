/*
 * ops/control/control.h - the control socket: how `take5 ctl` talks to a running host.
 *
 * A Unix stream socket. A client sends one line of words separated by spaces and gets one answer: a
 * line "ok" or "failed", then text to the end of the stream. A last word "+LENGTH" (a plus and
 * digits) announces a body: so many bytes follow the line's end; it is not one of the request's
 * words then. A body larger than the server's limit is refused before it is read.
 *
 * Mode 0600; with a group (host/doc/decisions.md,
 * *Quants are not the service's user*) 0660 and that group. Every client is checked by
 * SO_PEERCRED as well: root, the host's own user, or a member of the group.
 *
 * Each client is served by a separate thread, at most CONTROL_CLIENTS at once, with a time limit
 * for sending the whole request, however it is cut into pieces.
 */
#ifndef TAKE5_OPS_CONTROL_CONTROL_H
#define TAKE5_OPS_CONTROL_CONTROL_H

#include "base/error.h"
#include "base/text.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_CLIENTS   16
#define CONTROL_MAX_WORDS 8
#define CONTROL_MAX_LINE  512
#define CONTROL_TIMEOUT_S 5 /* for a request to come */

struct control;

struct control_request {
    char *const *words; /* at least one */
    size_t count;
    const char *body; /* NULL: none was announced. Not NUL-terminated */
    size_t body_size;
    uid_t user; /* of the client, by the kernel */
    pid_t process;
};

/* Who asked for it, before anything comes of it: the first `word_count` of its words. */
void control_log_request(struct log *log, const struct control_request *request, size_t word_count);

struct control_options {
    const char *path;
    const char *group;  /* NULL: owner only */
    size_t max_body;    /* 0: no request has one */
    int64_t timeout_ns; /* 0: CONTROL_TIMEOUT_S */
    struct log *log;
    void *context;
    /* Serves a request; `answer` gets the text; the result is "ok" or "failed". Any of the clients'
     * threads. */
    bool (*handle)(void *context, const struct control_request *request, struct text *answer);
};

/* Binds and serves. A socket that another living host listens on is an error; a dead one's is
 * replaced. */
struct control *control_new(const struct control_options *options, struct error *error);
/* Stops listening, waits for the clients at work, removes the socket. */
void control_free(struct control *control);

/* Any thread; see acceptor.h. */
uint64_t control_accept_failures(const struct control *control);
bool control_lacks_descriptors(const struct control *control);

/* The client's side. Which process listens there. False: none does. */
bool control_find(const char *path, pid_t *pid, struct error *error);

/* What follows a request's line, which this announces; it may be empty. */
struct control_body {
    const void *data;
    size_t size;
};
/* The client's side. `body` NULL: there is none. `timeout_ns` is how long the host may not take the
 * connection, or send nothing of its answer, 0: any time. False: not reachable, or ERROR_TIMEOUT.
 * `did` is the host's word. */
bool control_call(const char *path, const char *request, const struct control_body *body,
                  int64_t timeout_ns, bool *did, struct text *answer, struct error *error);

/* The client's side. False: not reachable. `did` is the host's word. */
bool control_ask(const char *path, const char *request, bool *did, struct text *answer,
                 struct error *error);
/* The same with a body, which this announces; it may be empty. */
bool control_send(const char *path, const char *request, const void *body, size_t size, bool *did,
                  struct text *answer, struct error *error);

#endif
