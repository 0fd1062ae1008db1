#include "supervisor/notices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int notices_open(const char *path, struct error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int on = 1;
    if (strlen(path) >= sizeof address.sun_path) {
        error_set(error, ERROR_INVALID,
                  "%s: a socket path has at most %zu bytes, this one has %zu; set [take5] run_dir",
                  path, sizeof address.sun_path - 1, strlen(path));
        return -1;
    }
    strcpy(address.sun_path, path);
    (void)unlink(path);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot create a socket");
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && chmod(path, 0600) == 0)
        return fd;
    error_set_errno(error, errno, "cannot bind %s", path);
    (void)close(fd);
    return -1;
}

static pid_t sender_of(struct msghdr *message) {
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL;
         item = CMSG_NXTHDR(message, item)) {
        struct ucred sender;
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&sender, CMSG_DATA(item), sizeof sender);
        return sender.pid;
    }
    return 0;
}

bool notices_next(int fd, struct notice *notice) {
    /* A descriptor that came along would find no room, and is closed by the kernel. */
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = {notice->text, sizeof notice->text - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t size;
    do
        size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return false;
    notice->text[size] = '\0';
    notice->pid = sender_of(&message);
    return true;
}

bool notice_value(const struct notice *notice, const char *name, char *value, size_t size) {
    const size_t name_size = strlen(name);
    for (const char *line = notice->text; *line != '\0';) {
        const size_t line_size = strcspn(line, "\n");
        if (line_size > name_size && line[name_size] == '=' && memcmp(line, name, name_size) == 0) {
            (void)snprintf(value, size, "%.*s", (int)(line_size - name_size - 1),
                           line + name_size + 1);
            return true;
        }
        line += line_size + (line[line_size] == '\n');
    }
    return false;
}
