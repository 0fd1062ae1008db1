#include "os/acceptor.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static int open_reserve(void) {
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool acceptor_init(struct acceptor *acceptor, int listener, const char *name, struct log *log,
                   struct error *error) {
    *acceptor = (struct acceptor){.name = name, .log = log, .listener = listener};
    acceptor->reserve = open_reserve();
    return acceptor->reserve >= 0 ||
           error_set_errno(error, errno, "%s: cannot reserve a file descriptor", name);
}

void acceptor_release(struct acceptor *acceptor) {
    if (acceptor->reserve >= 0)
        close(acceptor->reserve);
    acceptor->reserve = -1;
}

static void begin_shortage(struct acceptor *acceptor, int errnum, int64_t now_ns) {
    acceptor->since_ns = now_ns;
    acceptor->failed_at = acceptor_failures(acceptor) - 1;
    atomic_store(&acceptor->lacks_descriptors, true);
    log_event(acceptor->log, LOG_LEVEL_ERROR, "ops", "connections.waiting",
              "%s: connections wait: %s (file descriptor limit: LimitNOFILE of the unit, or ulimit "
              "-n)",
              acceptor->name, strerror(errnum));
}

static void end_shortage(struct acceptor *acceptor) {
    log_event(acceptor->log, LOG_LEVEL_INFO, "ops", "connections.accepted",
              "%s: accepting connections again after %.1f s; accept() had failed %" PRIu64 " times",
              acceptor->name,
              (double)(clock_monotonic_ns() - acceptor->since_ns) / (double)NS_PER_S,
              acceptor_failures(acceptor) - acceptor->failed_at);
    acceptor->since_ns = 0;
    atomic_store(&acceptor->lacks_descriptors, false);
}

int acceptor_prepare(struct acceptor *acceptor, struct pollfd *fd) {
    const int64_t now_ns = clock_monotonic_ns();
    const int64_t left_ns = acceptor->retry_ns - now_ns;
    *fd = (struct pollfd){.fd = acceptor->listener, .events = left_ns > 0 ? 0 : POLLIN};
    if (acceptor->since_ns == 0)
        return left_ns > 0 ? (int)(left_ns / NS_PER_MS) + 1 : -1;
    if (acceptor->reserve < 0)
        acceptor->reserve = open_reserve();
    /* Not at once: the client on the reserve is still being served, or others wait. */
    if (acceptor->reserve >= 0 && left_ns <= 0)
        end_shortage(acceptor);
    return ACCEPTOR_PAUSE_MS;
}

/* The client's own doing, or nobody there: the next one may come at once. */
static bool is_of_client(int errnum) {
    return errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == EINTR || errnum == ECONNABORTED ||
           errnum == EPROTO;
}

static int take(const struct acceptor *acceptor, struct sockaddr_storage *address,
                socklen_t *size) {
    if (size != NULL)
        *size = sizeof *address;
    return accept4(acceptor->listener, (struct sockaddr *)address, size, SOCK_CLOEXEC);
}

int acceptor_accept(struct acceptor *acceptor, struct sockaddr_storage *address, socklen_t *size) {
    int fd = take(acceptor, address, size);
    const int errnum = errno;
    acceptor->is_starved = false;
    if (fd >= 0 || is_of_client(errnum))
        return fd;
    const int64_t now_ns = clock_monotonic_ns();
    atomic_fetch_add_explicit(&acceptor->failures, 1, memory_order_relaxed);
    if (acceptor->since_ns == 0)
        begin_shortage(acceptor, errnum, now_ns);
    acceptor->retry_ns = now_ns + ACCEPTOR_PAUSE_MS * NS_PER_MS;
    acceptor->is_starved = acceptor->reserve < 0;
    if (acceptor->is_starved)
        return -1;
    close(acceptor->reserve);
    acceptor->reserve = -1;
    fd = take(acceptor, address, size);
    acceptor->is_starved = fd < 0 && !is_of_client(errno);
    return fd;
}

bool acceptor_lacks_descriptors(const struct acceptor *acceptor) {
    return atomic_load(&acceptor->lacks_descriptors);
}

uint64_t acceptor_failures(const struct acceptor *acceptor) {
    return atomic_load_explicit(&acceptor->failures, memory_order_relaxed);
}
