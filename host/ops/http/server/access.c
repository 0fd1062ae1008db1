#include "ops/http/server/access.h"

#include "base/io.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

void access_init(struct access *access) {
    memset(access, 0, sizeof *access);
    pthread_mutex_init(&access->lock, NULL);
}

void access_release(struct access *access) {
    lock_alone(access_lock);
    explicit_bzero(access->token, sizeof access->token);
    pthread_mutex_destroy(&access->lock);
}

/* In a time that does not depend on where they differ. */
static bool is_same(const char *known, const char *given, size_t size) {
    unsigned difference = 0;
    if (strlen(known) != size)
        return false;
    for (size_t i = 0; i < size; i++)
        difference |= (unsigned)(known[i] ^ given[i]);
    return difference == 0;
}

/* ---- the file ---- */

static bool check_token(const char *path, const char *token, size_t size, struct error *error) {
    for (size_t i = 0; i < size; i++) {
        if (token[i] <= ' ' || token[i] > '~')
            return error_set(error, ERROR_INVALID,
                             "[http] token_file %s: its first line has a character at column %zu "
                             "that no token may have; write letters, digits and punctuation only",
                             path, i + 1);
    }
    if (size < ACCESS_TOKEN_MIN || size > ACCESS_TOKEN_MAX)
        return error_set(error, ERROR_INVALID,
                         "[http] token_file %s: its first line has %zu characters, a token has %d "
                         "to %d; make one with: head -c 24 /dev/urandom | base64",
                         path, size, ACCESS_TOKEN_MIN, ACCESS_TOKEN_MAX);
    return true;
}

/* Takes the descriptor; below 0: `error` says why. */
static bool read_token(int fd, const char *path, char token[ACCESS_TOKEN_MAX + 1],
                       struct error *error) {
    char text[ACCESS_TOKEN_MAX + 3];
    if (fd < 0)
        return error_prefix(error, "[http] token_file: ");
    const ssize_t size = io_read_all(fd, text, sizeof text - 1);
    const int reason = errno;
    close(fd);
    if (size < 0)
        return error_set_errno(error, reason, "[http] token_file: cannot read %s", path);
    text[size] = '\0';
    const size_t length = strcspn(text, "\r\n");
    const bool did = check_token(path, text, length, error);
    if (did) {
        memcpy(token, text, length);
        token[length] = '\0';
    }
    explicit_bzero(text, sizeof text);
    return did;
}

bool access_set(struct access *access, const char *token_file, struct error *error) {
    char token[ACCESS_TOKEN_MAX + 1] = "";
    if (token_file != NULL &&
        !read_token(private_file_open(token_file, O_RDONLY, error), token_file, token, error))
        return false;
    lock_acquire(&access->lock, access_lock);
    if (strcmp(access->token, token) != 0)
        memset(access->sessions, 0, sizeof access->sessions);
    memcpy(access->token, token, sizeof token);
    lock_release(&access->lock, access_lock);
    explicit_bzero(token, sizeof token);
    return true;
}

static int open_for_other(const char *path, struct error *error) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        error_set_errno(error, errno, "cannot open %s", path);
    return fd;
}

bool access_try(const char *token_file, struct error *error) {
    char token[ACCESS_TOKEN_MAX + 1] = "";
    const int fd = geteuid() == 0 ? open_for_other(token_file, error)
                                  : private_file_open(token_file, O_RDONLY, error);
    const bool did = read_token(fd, token_file, token, error);
    explicit_bzero(token, sizeof token);
    return did;
}

bool access_has_token(struct access *access) {
    lock_acquire(&access->lock, access_lock);
    const bool has = access->token[0] != '\0';
    lock_release(&access->lock, access_lock);
    return has;
}

/* ---- requests ---- */

REQUIRES(access_lock)
static bool bears_token(const struct access *access, const char *authorization) {
    static const char scheme[] = "Bearer ";
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    return is_same(access->token, token, strlen(token));
}

REQUIRES(access_lock)
static bool is_session(const struct access *access, const char *cookie, size_t size) {
    const int64_t now_ns = clock_monotonic_ns();
    for (size_t i = 0; i < ACCESS_SESSIONS; i++) {
        const struct access_session *session = &access->sessions[i];
        if (session->cookie[0] != '\0' && now_ns - session->begun_ns < ACCESS_SESSION_NS &&
            is_same(session->cookie, cookie, size))
            return true;
    }
    return false;
}

/* "a=1; take5_session=..." */
REQUIRES(access_lock)
static bool bears_session(const struct access *access, const char *cookies) {
    static const char name[] = ACCESS_COOKIE "=";
    for (const char *at = cookies; at != NULL && *at != '\0';) {
        at += strspn(at, "; ");
        const size_t size = strcspn(at, ";");
        if (strncmp(at, name, sizeof name - 1) == 0 &&
            is_session(access, at + sizeof name - 1, size - (sizeof name - 1)))
            return true;
        at += size;
    }
    return false;
}

bool access_may_read(struct access *access, const char *authorization, const char *cookies) {
    lock_acquire(&access->lock, access_lock);
    const bool may = access->token[0] == '\0' || bears_token(access, authorization) ||
                     bears_session(access, cookies);
    lock_release(&access->lock, access_lock);
    return may;
}

static bool make_cookie(char cookie[ACCESS_COOKIE_SIZE + 1]) {
    unsigned char bytes[ACCESS_COOKIE_SIZE / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(cookie + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

bool access_login(struct access *access, t5_str token, char cookie[ACCESS_COOKIE_SIZE + 1]) {
    if (!make_cookie(cookie))
        return false;
    lock_acquire(&access->lock, access_lock);
    const bool is_known = access->token[0] != '\0' && is_same(access->token, token.data, token.len);
    if (is_known) {
        struct access_session *session = &access->sessions[access->next++ % ACCESS_SESSIONS];
        memcpy(session->cookie, cookie, sizeof session->cookie);
        session->begun_ns = clock_monotonic_ns();
    }
    lock_release(&access->lock, access_lock);
    return is_known;
}
