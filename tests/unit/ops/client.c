#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int client_connect(uint16_t port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool client_send(int fd, const char *text) {
    const size_t size = strlen(text);
    for (size_t sent = 0; sent < size;) {
        const ssize_t n = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

void client_read_all(int fd, struct text *into) {
    char buffer[4096];
    for (;;) {
        const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text_append(into, buffer, (size_t)n);
    }
}

void client_ask(uint16_t port, const char *method, const char *path, struct text *into) {
    const int fd = client_connect(port);
    char *request =
        text_format("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path);
    if (fd >= 0 && request != NULL && client_send(fd, request))
        client_read_all(fd, into);
    free(request);
    if (fd >= 0)
        close(fd);
}

static int taken[256];
static size_t taken_count;

void client_take_descriptors(void) {
    const struct rlimit few = {.rlim_cur = 200, .rlim_max = 200};
    setrlimit(RLIMIT_NOFILE, &few);
    for (int fd; (fd = dup(STDERR_FILENO)) >= 0;)
        taken[taken_count++] = fd;
}

void client_give_descriptors(void) {
    while (taken_count > 0)
        close(taken[--taken_count]);
}

unsigned client_status(const struct text *answer) {
    unsigned status = 0;
    return sscanf(answer->data, "HTTP/1.1 %u", &status) == 1 ? status : 0;
}

const char *client_body(const struct text *answer) {
    const char *end = strstr(answer->data, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}
