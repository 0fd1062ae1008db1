#include "preflight/preflight.h"

#include "base/text.h"
#include "config/schema/schema.h"
#include "ops/http/server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The process that has locked the state directory (os/private_file.h); 0: none, or it cannot be
 * told. */
static intmax_t holder_of(const char *directory) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = text_format("%s/.lock", directory);
    const int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    const bool is_held = file >= 0 && fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (file >= 0)
        close(file);
    free(path);
    return is_held && lock.l_pid > 0 ? lock.l_pid : 0;
}

static struct place origin(const struct config *config, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    return config->origins[schema_find("http", key) - keys];
}

/* As the server does, but nobody listens. False with errno. */
static bool try_bind(const struct addrinfo *found) {
    const int on = 1;
    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool did = bind(fd, found->ai_addr, found->ai_addrlen) == 0;
    const int errnum = errno;
    close(fd);
    errno = errnum;
    return did;
}

static void report(const struct config *config, struct faults *faults) {
    const int errnum = errno;
    const char *why = strerror(errnum);
    const intmax_t holder = errnum == EADDRINUSE ? holder_of(config->state_dir) : 0;
    if (errnum == EADDRNOTAVAIL)
        faults_add(faults, origin(config, "address"),
                   "[http] address = %s: this machine does not have it (%s)", config->http_address,
                   why);
    else if (holder > 0)
        faults_warn(faults, origin(config, "port"),
                    "[http] port = %" PRId64 " is in use, probably by the host that runs in %s, "
                    "process %" PRIdMAX,
                    config->http_port, config->state_dir, holder);
    else
        faults_add(faults, origin(config, "port"),
                   "[http] port = %" PRId64 " at %s: %s; set another port, or enabled = no",
                   config->http_port, config->http_address, why);
}

void preflight_port(const struct config *config, struct faults *faults) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[24];
    if (!config->http_enabled)
        return;
    snprintf(port, sizeof port, "%" PRId64, config->http_port);
    const int status = getaddrinfo(config->http_address, port, &hints, &found);
    if (status != 0) {
        faults_add(faults, origin(config, "address"), "[http] address = %s: %s",
                   config->http_address, gai_strerror(status));
        return;
    }
    if (!try_bind(found))
        report(config, faults);
    freeaddrinfo(found);
}

void preflight_token(const struct config *config, struct faults *faults) {
    struct error error;
    if (config->http_enabled && config->http_token_file != NULL &&
        !http_server_try_token(config->http_token_file, &error))
        faults_add_error(faults, origin(config, "token_file"), &error);
}
