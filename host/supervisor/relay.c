#include "supervisor/relay.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)16 << 10)

void relay_init(struct relay *relay) {
    text_init(&relay->rest);
}

void relay_release(struct relay *relay) {
    text_release(&relay->rest);
}

static void end_line(struct relay *relay, struct log *log) {
    text_putc(&relay->rest, '\n');
    if (!text_is_oom(&relay->rest))
        log_pass_on(log, relay->rest.data, relay->rest.size);
    text_release(&relay->rest);
    text_init(&relay->rest);
}

static void take(struct relay *relay, const char *bytes, size_t size, struct log *log) {
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        const size_t part = end != NULL ? (size_t)(end - bytes) : size;
        text_append(&relay->rest, bytes, part);
        if (end != NULL || relay->rest.size >= RELAY_LINE_MAX)
            end_line(relay, log);
        bytes += end != NULL ? part + 1 : part;
        size -= end != NULL ? part + 1 : part;
    }
}

bool relay_read(struct relay *relay, int fd, struct log *log) {
    char bytes[CHUNK];
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got > 0)
        take(relay, bytes, (size_t)got, log);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return true;
    if (relay->rest.size > 0)
        end_line(relay, log);
    return false;
}
