#include "log/log_writer.h"

#include "base/clock.h"
#include "base/sync/condition.h"
#include "base/sync/locks.h"
#include "base/sync/thread.h"
#include "log/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TURN_NS        NS_PER_S
/* How long a thread that was asked to give up may still take: output_write() looks every
 * OUTPUT_GRACE_MS. */
#define GIVE_UP_NS     (3 * OUTPUT_GRACE_MS * NS_PER_MS)
/* A write that takes longer is stuck: it is not waited for. */
#define BLOCKED_NS     NS_PER_S
#define SETTLE_STEP_NS (2 * NS_PER_MS)

struct buffer {
    char *data; /* LOG_WRITER_BYTES */
    size_t size;
    uint64_t lines;
};

struct target {
    int fd;
    char *path; /* NULL: not the writer's, and never reopened */
};

LOCK_CLASS(log_writer_lock);
struct log_writer {
    struct log_writer_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* for the writer */
    pthread_cond_t done;  /* for who waits for it */
    struct buffer waiting GUARDED_BY(log_writer_lock);
    struct target next GUARDED_BY(log_writer_lock); /* where to go on, when `is_redirected` */
    bool is_redirected GUARDED_BY(log_writer_lock);
    bool should_stop GUARDED_BY(log_writer_lock);
    bool is_abandoned GUARDED_BY(log_writer_lock);
    bool has_ended GUARDED_BY(log_writer_lock);
    uint64_t unreported GUARDED_BY(log_writer_lock); /* lines that were dropped and not reported */

    /* Any thread without the lock. */
    _Atomic uint64_t pushed, finished; /* lines; finished: written or dropped */
    _Atomic uint64_t dropped;
    _Atomic int64_t began_ns; /* of the write under way; 0: none */
    atomic_bool gives_up;     /* a write that can get nothing out ends */

    /* The thread's. */
    struct buffer writing;
    struct target target;
    bool is_torn; /* what was written last is half a line */
    struct text note;
};

int log_file_open(const char *path) {
    /* A FIFO without a reader is refused and not waited for. */
    const int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, O_APPEND);
    return fd;
}

static void target_close(struct target *target) {
    if (target->path != NULL)
        close(target->fd);
    free(target->path);
}

/* ---- one line ---- */

/* Gives 0 or an errno; what is half written then is cut back, or ended by the next line. */
static int put(struct log_writer *self, const char *data, size_t size) {
    size_t written;
    if (self->is_torn) {
        const int errnum = output_write(self->target.fd, "\n", 1, NULL, &self->gives_up);
        if (errnum != 0)
            return errnum;
        self->is_torn = false;
    }
    const int errnum = output_write(self->target.fd, data, size, &written, &self->gives_up);
    self->is_torn = errnum != 0 && written > 0 && !output_cut_back(self->target.fd, written);
    return errnum;
}

static void count_dropped(struct log_writer *self) {
    atomic_fetch_add(&self->dropped, 1);
    lock_acquire(&self->lock, log_writer_lock);
    self->unreported++;
    lock_release(&self->lock, log_writer_lock);
}

/* A line of the writer's own. It is not counted when it does not get out. */
static bool write_own_line(struct log_writer *self, const char *text) {
    text_reset(&self->note);
    self->options.format(self->options.context, text, &self->note);
    return !text_is_oom(&self->note) && put(self, self->note.data, self->note.size) == 0;
}

/* ---- where to ---- */

/* Takes a redirection over, also while a line is being written. True: there was one. */
static bool follow(struct log_writer *self) {
    lock_acquire(&self->lock, log_writer_lock);
    const bool is_redirected = self->is_redirected;
    struct target old = self->target;
    if (is_redirected) {
        self->target = self->next;
        self->is_redirected = false;
        self->is_torn = false;
        atomic_store(&self->gives_up, self->should_stop);
    }
    lock_release(&self->lock, log_writer_lock);
    if (is_redirected)
        target_close(&old);
    return is_redirected;
}

/* The file that the path leads to is another one, or none: what is written would be read by nobody.
 */
static void look_for_file(struct log_writer *self) {
    struct stat open_one, there;
    struct target *target = &self->target;
    if (target->path == NULL || fstat(target->fd, &open_one) != 0)
        return;
    const bool is_there = stat(target->path, &there) == 0;
    if (is_there && there.st_dev == open_one.st_dev && there.st_ino == open_one.st_ino)
        return;
    const int fd = log_file_open(target->path);
    if (fd < 0)
        return; /* looked for again with the next lines */
    close(target->fd);
    target->fd = fd;
    self->is_torn = false;
    write_own_line(self, is_there
                             ? "the log file was replaced by another file: continuing in that one"
                             : "the log file was moved or removed: recreated");
}

/* ---- the thread ---- */

/* The buffers change places; `unreported` is what was dropped since, behind these lines. */
static uint64_t take(struct log_writer *self) {
    lock_acquire(&self->lock, log_writer_lock);
    const struct buffer empty = self->writing;
    self->writing = self->waiting;
    self->waiting = (struct buffer){.data = empty.data};
    const uint64_t unreported = self->unreported;
    self->unreported = 0;
    lock_release(&self->lock, log_writer_lock);
    return unreported;
}

static void write_lines(struct log_writer *self) {
    const char *at = self->writing.data;
    const char *end = at + self->writing.size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t size = (size_t)(stop != NULL ? stop + 1 - at : end - at);
        atomic_store(&self->began_ns, clock_monotonic_ns());
        int errnum = put(self, at, size);
        if (follow(self) && errnum == ECANCELED)
            errnum = put(self, at, size);
        atomic_store(&self->began_ns, 0);
        if (errnum != 0)
            count_dropped(self);
        at += size;
    }
    self->writing.size = 0;
}

static void log_dropped(struct log_writer *self, uint64_t count) {
    char text[128];
    snprintf(text, sizeof text,
             "%" PRIu64 " log lines are missing here: they could not be written in time", count);
    if (count == 0 || write_own_line(self, text))
        return;
    lock_acquire(&self->lock, log_writer_lock);
    self->unreported += count; /* tried again with the next lines */
    lock_release(&self->lock, log_writer_lock);
}

static void work(struct log_writer *self) {
    follow(self);
    look_for_file(self);
    const uint64_t unreported = take(self);
    const uint64_t lines = self->writing.lines;
    write_lines(self);
    log_dropped(self, unreported);
    atomic_fetch_add(&self->finished, lines);
    lock_acquire(&self->lock, log_writer_lock);
    pthread_cond_broadcast(&self->done);
    lock_release(&self->lock, log_writer_lock);
}

static void release(struct log_writer *self) {
    lock_alone(log_writer_lock);
    target_close(&self->target);
    if (self->is_redirected)
        target_close(&self->next);
    text_release(&self->note);
    free(self->waiting.data);
    free(self->writing.data);
    pthread_cond_destroy(&self->work);
    pthread_cond_destroy(&self->done);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static void *run(void *argument) {
    struct log_writer *self = argument;
    for (;;) {
        lock_acquire(&self->lock, log_writer_lock);
        const int64_t until_ns = clock_monotonic_ns() + TURN_NS;
        while (self->waiting.size == 0 && !self->should_stop && !self->is_redirected &&
               condition_wait(&self->work, &self->lock, until_ns))
            ;
        const bool has_work = self->waiting.size > 0 || self->unreported > 0 || self->is_redirected;
        const bool is_last = self->should_stop && self->waiting.size == 0;
        lock_release(&self->lock, log_writer_lock);
        if (has_work)
            work(self);
        if (is_last)
            break;
        lock_acquire(&self->lock, log_writer_lock);
        const bool is_stopping = self->should_stop;
        lock_release(&self->lock, log_writer_lock);
        if (!is_stopping) /* else the log may be gone */
            self->options.turn(self->options.context);
    }
    lock_acquire(&self->lock, log_writer_lock);
    self->has_ended = true;
    const bool is_abandoned = self->is_abandoned;
    pthread_cond_broadcast(&self->done);
    lock_release(&self->lock, log_writer_lock);
    if (is_abandoned)
        release(self);
    return NULL;
}

/* ---- life ---- */

static bool prepare(struct log_writer *self) {
    lock_alone(log_writer_lock);
    condition_init(&self->work);
    condition_init(&self->done);
    pthread_mutex_init(&self->lock, NULL);
    text_init(&self->note);
    self->waiting.data = malloc(LOG_WRITER_BYTES);
    self->writing.data = malloc(LOG_WRITER_BYTES);
    return self->waiting.data != NULL && self->writing.data != NULL;
}

struct log_writer *log_writer_new(const struct log_writer_options *options, int fd,
                                  const char *path, struct error *error) {
    struct log_writer *self = calloc(1, sizeof *self);
    char *copy = path != NULL ? strdup(path) : NULL;
    if (self == NULL || (path != NULL && copy == NULL)) {
        error_set_memory(error, "the log's writer");
        free(self);
        free(copy);
        return NULL;
    }
    self->options = *options;
    if (!prepare(self)) {
        error_set_memory(error, "the log's lines");
        goto failed;
    }
    self->target.fd = fd;
    self->target.path = copy;
    if (thread_start(&self->thread, "log", run, self, error))
        return self;
    self->target.path = NULL;
failed:
    free(copy);
    release(self);
    return NULL;
}

bool log_writer_push(struct log_writer *self, const char *line, size_t size) {
    lock_acquire(&self->lock, log_writer_lock);
    const bool has_room = size <= LOG_WRITER_BYTES - self->waiting.size;
    if (has_room) {
        memcpy(self->waiting.data + self->waiting.size, line, size);
        self->waiting.size += size;
        self->waiting.lines++;
        atomic_fetch_add(&self->pushed, 1);
        pthread_cond_signal(&self->work);
    } else {
        self->unreported++;
        atomic_fetch_add(&self->dropped, 1);
    }
    lock_release(&self->lock, log_writer_lock);
    return has_room;
}

bool log_writer_is_crowded(struct log_writer *self) {
    struct log_writer_status status;
    log_writer_status(self, &status);
    lock_acquire(&self->lock, log_writer_lock);
    const bool is_crowded = self->waiting.size > LOG_WRITER_BYTES / 2;
    lock_release(&self->lock, log_writer_lock);
    return is_crowded && status.blocked_ns < BLOCKED_NS;
}

bool log_writer_redirect(struct log_writer *self, int fd, const char *path) {
    char *copy = path != NULL ? strdup(path) : NULL;
    if (path != NULL && copy == NULL)
        return false;
    lock_acquire(&self->lock, log_writer_lock);
    if (self->is_redirected)
        target_close(&self->next);
    self->next = (struct target){fd, copy};
    self->is_redirected = true;
    atomic_store(&self->gives_up, true); /* a write that gets nothing out goes on there */
    pthread_cond_signal(&self->work);
    lock_release(&self->lock, log_writer_lock);
    return true;
}

bool log_writer_flush(struct log_writer *self, int64_t timeout_ns) {
    const int64_t until_ns = condition_deadline_ns(timeout_ns);
    bool is_in_time = true;
    lock_acquire(&self->lock, log_writer_lock);
    const uint64_t pushed = atomic_load(&self->pushed);
    while (atomic_load(&self->finished) < pushed && is_in_time)
        is_in_time = condition_wait(&self->done, &self->lock, until_ns);
    const bool did = atomic_load(&self->finished) >= pushed;
    lock_release(&self->lock, log_writer_lock);
    return did;
}

void log_writer_settle(const struct log_writer *self, int64_t timeout_ns) {
    const struct timespec step = {.tv_nsec = SETTLE_STEP_NS};
    const uint64_t pushed = atomic_load(&self->pushed);
    const int64_t until_ns = clock_monotonic_ns() + timeout_ns;
    while (atomic_load(&self->finished) < pushed && clock_monotonic_ns() < until_ns)
        nanosleep(&step, NULL);
}

void log_writer_status(const struct log_writer *self, struct log_writer_status *status) {
    const int64_t began_ns = atomic_load(&self->began_ns);
    status->dropped = atomic_load(&self->dropped);
    status->blocked_ns = began_ns > 0 ? clock_monotonic_ns() - began_ns : 0;
}

bool log_writer_free(struct log_writer *self, int64_t timeout_ns) {
    lock_acquire(&self->lock, log_writer_lock);
    self->should_stop = true;
    pthread_cond_signal(&self->work);
    int64_t until_ns = condition_deadline_ns(timeout_ns);
    while (!self->has_ended && condition_wait(&self->done, &self->lock, until_ns))
        ;
    atomic_store(&self->gives_up, true);
    until_ns = clock_monotonic_ns() + GIVE_UP_NS;
    while (!self->has_ended && condition_wait(&self->done, &self->lock, until_ns))
        ;
    const bool has_ended = self->has_ended;
    self->is_abandoned = !has_ended;
    lock_release(&self->lock, log_writer_lock);
    if (!has_ended) {
        pthread_detach(self->thread);
        return false;
    }
    pthread_join(self->thread, NULL);
    release(self);
    return true;
}
