#include "os/sweep.h"

#include "base/io.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The kernel lets an environment have less. */
#define ENVIRONMENT_MAX ((size_t)8 << 20)

static void pause_a_moment(void) {
    const struct timespec pause = {0, NS_PER_MS};
    (void)nanosleep(&pause, NULL);
}

/* Calls it with the name of each process in /proc; gives how often it says true. */
static size_t count_processes(bool (*is)(int proc, const char *pid, const char *mark),
                              const char *mark) {
    DIR *listing = opendir("/proc");
    size_t count = 0;
    if (listing == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (isdigit((unsigned char)entry->d_name[0]))
            count += is(dirfd(listing), entry->d_name, mark);
    (void)closedir(listing);
    return count;
}

static int open_of(int proc, const char *pid, const char *file) {
    char path[64];
    (void)snprintf(path, sizeof path, "%.20s/%s", pid, file);
    return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

/* ---- children ---- */

/* The parent of a process, or -1. */
static pid_t parent_of(int proc, const char *pid) {
    char text[512];
    const int fd = open_of(proc, pid, "stat");
    const ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    if (size <= 0)
        return -1;
    text[size] = '\0';
    /* "PID (NAME) STATE PARENT": the name may hold anything, brackets too. */
    const char *end = strrchr(text, ')');
    return end != NULL && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : -1;
}

static bool kill_child(int proc, const char *pid, const char *mark) {
    (void)mark;
    return parent_of(proc, pid) == getpid() && kill((pid_t)strtol(pid, NULL, 10), SIGKILL) == 0;
}

/* Reaps what has ended; gives whether children are left. */
static bool has_children(size_t *reaped) {
    for (;;) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid == 0)
            return true;
        if (pid < 0 && errno != EINTR)
            return false;
        *reaped += pid > 0;
    }
}

size_t sweep_children(void) {
    const int64_t deadline_ns = clock_monotonic_ns() + SWEEP_NS;
    size_t before = 0, count = 0;
    bool is_left = has_children(&before);
    while (is_left && clock_monotonic_ns() < deadline_ns) {
        (void)count_processes(kill_child, NULL);
        pause_a_moment();
        is_left = has_children(&count);
    }
    return count;
}

/* ---- by a mark ---- */

static bool has_mark(int proc, const char *pid, const char *mark) {
    const int fd = open_of(proc, pid, "environ");
    size_t size = 0;
    char *text = fd >= 0 ? io_read_whole(fd, ENVIRONMENT_MAX, &size) : NULL;
    bool has = false;
    if (fd >= 0)
        (void)close(fd);
    for (size_t at = 0; text != NULL && !has && at < size; at += strlen(text + at) + 1)
        has = strncmp(text + at, mark, strlen(mark)) == 0;
    free(text);
    return has;
}

static bool kill_marked(int proc, const char *pid, const char *mark) {
    const pid_t number = (pid_t)strtol(pid, NULL, 10);
    struct stat status;
    if (number == getpid() || fstatat(proc, pid, &status, 0) != 0 || status.st_uid != geteuid())
        return false;
    /* Before it is looked at: another one that has its number by then is not hit. */
    const int process = (int)syscall(SYS_pidfd_open, number, 0);
    if (process < 0)
        return false;
    const bool did =
        has_mark(proc, pid, mark) && syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0;
    (void)close(process);
    return did;
}

size_t sweep_marked(const char *mark) {
    const int64_t deadline_ns = clock_monotonic_ns() + SWEEP_NS;
    size_t most = 0;
    for (size_t count; (count = count_processes(kill_marked, mark)) > 0;) {
        most = count > most ? count : most; /* those that are about to end are seen again */
        if (clock_monotonic_ns() >= deadline_ns)
            break;
        pause_a_moment();
    }
    return most;
}
