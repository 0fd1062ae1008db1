/*
 * Preloaded into a host under test.
 *   TAKE5_KILL_AT=sync:N     it is killed (SIGKILL) right after the N-th journal was synced,
 *                 rename:N   ... a checkpoint got its name,
 *                 commit:N   ... offsets were sent to the broker, whose answer it does not hear
 *                 offsets:N  ... those of a transaction, likewise
 *                 end:N      ... the end of a transaction, likewise
 *   TAKE5_KILL_IN=WORKER     ... only that worker is, and the supervisor with it: nobody restarts
 * it TAKE5_FULL=PATH          while PATH is there, the disk has no room for checkpoints and
 * journals TAKE5_CLOCK=S            the wall clock is so many seconds ahead; below 0: behind
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Kafka's numbers of requests. */
static const struct {
    int number;
    const char *point;
} REQUESTS[] = {{8, "commit"}, {28, "offsets"}, {26, "end"}};

/* Whether an argument of this process is --worker NAME. */
static bool is_worker(const char *name) {
    char arguments[4096] = {0};
    FILE *file = fopen("/proc/self/cmdline", "re");
    const size_t size = file != NULL ? fread(arguments, 1, sizeof arguments - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    for (const char *at = arguments; at < arguments + size; at += strlen(at) + 1) {
        if (strcmp(at, "--worker") == 0)
            return strcmp(at + strlen(at) + 1, name) == 0;
    }
    return false;
}

static void die(void) {
    const char *worker = getenv("TAKE5_KILL_IN");
    if (worker != NULL && !is_worker(worker))
        return;
    if (worker != NULL)
        kill(getppid(), SIGKILL);
    raise(SIGKILL);
}

static void pass(const char *point) {
    static atomic_int passed;
    const char *at = getenv("TAKE5_KILL_AT");
    const size_t size = strlen(point);
    if (at != NULL && strncmp(at, point, size) == 0 && at[size] == ':' &&
        atomic_fetch_add(&passed, 1) + 1 == atoi(at + size + 1))
        die();
}

static void *next_of(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

static bool is_full(int fd) {
    const char *path = getenv("TAKE5_FULL");
    char link[64], target[4096];
    if (path == NULL || access(path, F_OK) != 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, target, sizeof target - 1);
    target[size > 0 ? size : 0] = '\0';
    return strstr(target, "/checkpoints/") != NULL;
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*next)(int, const void *, size_t) = next_of("write");
    if (is_full(fd)) {
        errno = ENOSPC;
        return -1;
    }
    return next(fd, data, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
    int (*next)(int, off_t, off_t) = next_of("posix_fallocate");
    return is_full(fd) ? ENOSPC : next(fd, offset, size);
}

/* Called by whom it is asked around each callback: looked up once. */
static int (*system_clock)(clockid_t, struct timespec *);
static long clock_ahead_s;

__attribute__((constructor)) static void find_clock(void) {
    const char *ahead = getenv("TAKE5_CLOCK");
    clock_ahead_s = ahead != NULL ? atol(ahead) : 0;
    system_clock = next_of("clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (system_clock == NULL) /* by another library's constructor */
        find_clock();
    const int status = system_clock(clock, time);
    if (clock == CLOCK_REALTIME)
        time->tv_sec += clock_ahead_s;
    return status;
}

int fdatasync(int fd) {
    int (*next)(int) = next_of("fdatasync");
    const int status = next(fd);
    pass("sync");
    return status;
}

int rename(const char *from, const char *to) {
    int (*next)(const char *, const char *) = next_of("rename");
    const int status = next(from, to);
    const char *end = strrchr(to, '.');
    if (end != NULL && strcmp(end, ".checkpoint") == 0)
        pass("rename");
    return status;
}

/* A request begins with its size (four bytes) and its number (two). NULL: it is none of these. */
static const char *point_of(const struct msghdr *message) {
    const unsigned char *bytes = message->msg_iovlen > 0 ? message->msg_iov[0].iov_base : NULL;
    if (bytes == NULL || message->msg_iov[0].iov_len < 6 || bytes[4] != 0)
        return NULL;
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++) {
        if (bytes[5] == REQUESTS[i].number)
            return REQUESTS[i].point;
    }
    return NULL;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    ssize_t (*next)(int, const struct msghdr *, int) = next_of("sendmsg");
    const char *point = point_of(message);
    const ssize_t size = next(fd, message, flags);
    if (point != NULL && size > 0)
        pass(point);
    return size;
}
