/*
 * ops/http/server/access.h - who may read, when there is a token. Inside this room.
 *
 * A request bears the token itself ("Authorization: Bearer TOKEN"), or the cookie of a session that
 * began with it: random, gone with the process, with another token, or after ACCESS_SESSION_NS. A
 * token never stands in an address, so that it comes into no log and no history.
 *
 * Any thread.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_ACCESS_H
#define TAKE5_OPS_HTTP_SERVER_ACCESS_H

#include "base/clock.h"
#include "base/error.h"
#include "base/sync/locks.h"

#include <take5/message.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define ACCESS_SESSIONS    64 /* the oldest makes room */
#define ACCESS_SESSION_NS  (12 * 3600 * NS_PER_S)
#define ACCESS_COOKIE      "take5_session"
#define ACCESS_COOKIE_SIZE 32 /* characters */
#define ACCESS_TOKEN_MIN   16
#define ACCESS_TOKEN_MAX   256

struct access_session {
    char cookie[ACCESS_COOKIE_SIZE + 1]; /* empty: none */
    int64_t begun_ns;
};

LOCK_CLASS(access_lock);
struct access {
    pthread_mutex_t lock;
    char token[ACCESS_TOKEN_MAX + 1] GUARDED_BY(access_lock); /* empty: none is needed */
    struct access_session sessions[ACCESS_SESSIONS] GUARDED_BY(access_lock);
    size_t next GUARDED_BY(access_lock); /* session to be overwritten */
};

void access_init(struct access *access);
void access_release(struct access *access);

/* The token is the first line of the file, which nobody but this user or root may have written.
 * NULL: there is none. Upon an error it stays as it was. */
bool access_set(struct access *access, const char *token_file, struct error *error);
/* Whether access_set() would take it. Root asks for the service, whose file it may be. */
bool access_try(const char *token_file, struct error *error);
bool access_has_token(struct access *access);
/* `authorization` and `cookies` are the headers' values; each may be NULL. */
bool access_may_read(struct access *access, const char *authorization, const char *cookies);
/* A new session's cookie. False: that is not the token, or there is no randomness. */
bool access_login(struct access *access, t5_str token, char cookie[ACCESS_COOKIE_SIZE + 1]);

#endif
