#include "ops/http/server/listener.h"

#include "os/at_fork.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

static uint16_t port_of(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static bool listen_on(struct listener *listener, const struct addrinfo *found, const char *address,
                      uint16_t port, struct error *error) {
    const int on = 1;
    listener->fd =
        socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (listener->fd < 0)
        return error_set_errno(error, errno, "http: cannot create a socket for %s", address);
    at_fork_close(listener->fd); /* in copies of the process */
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener->fd, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(listener->fd, BACKLOG) != 0)
        return error_set_errno(error, errno,
                               "http: cannot listen on %s port %u; set [http] port, or enabled = "
                               "no",
                               address, port);
    listener->port = port_of(listener->fd);
    return true;
}

bool listener_open(struct listener *listener, const char *address, uint16_t port,
                   struct error *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char text[8];
    snprintf(text, sizeof text, "%u", port);
    const int status = getaddrinfo(address, text, &hints, &found);
    if (status != 0)
        return error_set(error, ERROR_INVALID, "[http] address = %s: %s", address,
                         gai_strerror(status));
    const bool did = listen_on(listener, found, address, port, error);
    freeaddrinfo(found);
    return did;
}

void listener_close(struct listener *listener) {
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}
