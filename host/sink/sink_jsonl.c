/*
 * JSON lines. A thread of its own takes what is queued, writes it with one write(2), syncs if
 * configured, checks that the path still leads to the file, and confirms. What cannot be written
 * now is kept and retried.
 *
 * The file always consists of lines: what a full disk leaves of a line is cut off at once. Only a
 * kill can leave an incomplete line, which the next start cuts off (it was not confirmed, so it
 * comes again); where nothing can be cut off, as in a pipe, the line is ended.
 */
#include "sink/dead_letter.h"
#include "sink/queue.h"

#include "base/clock.h"
#include "base/sync/thread.h"
#include "base/text.h"
#include "log/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A batch ends at whichever limit comes first. */
#define BATCH_DELIVERIES 1024
#define BATCH_BYTES      (1 << 20)

#define RETRY_FIRST_NS (100 * NS_PER_MS)
#define RETRY_MOST_NS  (5 * NS_PER_S)
#define REOPEN_WAIT_NS (5 * NS_PER_S)

enum reopen_state { REOPEN_NONE, REOPEN_ASKED, REOPEN_DONE, REOPEN_FAILED };

struct jsonl_sink {
    struct sink sink;
    struct log *log;
    char *path;
    bool with_fsync;
    pthread_t thread;

    struct sink_queue queue;
    /* Guarded by the queue's mutex. */
    enum reopen_state reopen GUARDED_BY(sink_lock);
    struct error reopen_error GUARDED_BY(sink_lock);

    /* The writer's. */
    int file;     /* < 0: none */
    dev_t device; /* of the file */
    ino_t inode;
    bool is_astray; /* the path does not lead to the file, and could not be reopened */
    bool is_torn;   /* the file ends inside a line that could not be cut off */
    struct text batch;
    size_t written; /* bytes of the batch */
};

/* Where an incomplete last line of the file begins; the file's size if there is none. -1:
 * unknown. */
static off_t torn_at(int file, off_t size) {
    char piece[4096];
    off_t at = size;
    while (at > 0) {
        const off_t from = at > (off_t)sizeof piece ? at - (off_t)sizeof piece : 0;
        if (pread(file, piece, (size_t)(at - from), from) != at - from)
            return -1;
        const char *stop = memrchr(piece, '\n', (size_t)(at - from));
        if (stop != NULL)
            return from + (stop - piece) + 1;
        at = from;
    }
    return 0;
}

/* The depth of brackets in a JSON text after these bytes. */
struct depth {
    int open;
    bool is_in_string, is_escaped;
};

static void depth_follow(struct depth *depth, char c) {
    if (depth->is_escaped)
        depth->is_escaped = false;
    else if (c == '\\' && depth->is_in_string)
        depth->is_escaped = true;
    else if (c == '"')
        depth->is_in_string = !depth->is_in_string;
    else if (!depth->is_in_string)
        depth->open += (c == '{' || c == '[') - (c == '}' || c == ']');
}

/* Whether the beginning of an object is there: what a kill left of one of our lines. Not if the
 * line only lacks its line end, or is not ours. */
static bool is_half_line(int file, off_t at, off_t size) {
    struct depth depth = {0};
    char piece[4096];
    for (off_t from = at; from < size;) {
        const ssize_t got = pread(file, piece, sizeof piece, from);
        if (got <= 0 || (from == at && piece[0] != '{'))
            return false;
        for (ssize_t i = 0; i < got; i++)
            depth_follow(&depth, piece[i]);
        from += got;
    }
    return depth.open > 0;
}

/* Makes the file end after a line. True: it does not, and the next write has to end it. */
static bool cut_incomplete_line(int file, off_t *cut) {
    struct stat stat;
    *cut = 0;
    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size == 0)
        return false;
    const off_t at = torn_at(file, stat.st_size);
    if (at < 0 || at == stat.st_size)
        return false;
    if (!is_half_line(file, at, stat.st_size) || ftruncate(file, at) != 0)
        return true;
    *cut = stat.st_size - at;
    return false;
}

/* Opens for appending. False, with an error: it does not open; nothing has changed then. */
static bool file_open(struct jsonl_sink *self, struct error *error) {
    struct stat stat;
    off_t cut;
    const int file = open(self->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (file < 0) {
        const int reason = errno;
        error_set_errno(error, reason, "cannot open %s for appending", self->path);
        errno = reason;
        return false;
    }
    if (self->file >= 0)
        close(self->file);
    self->file = file;
    if (fstat(file, &stat) == 0) {
        self->device = stat.st_dev;
        self->inode = stat.st_ino;
    }
    self->is_astray = false;
    self->is_torn = cut_incomplete_line(file, &cut);
    if (cut > 0)
        log_warning(self->log, "sink",
                    "%s ended within a line, as after a kill: removed its last %lld bytes (they "
                    "were not acknowledged, and will be redelivered)",
                    self->path, (long long)cut);
    return true;
}

/* Back to the beginning of the line in which writing stopped: for a file that lacks that
 * beginning. */
static void batch_rewind_line(struct jsonl_sink *self) {
    while (self->written > 0 && self->batch.data[self->written - 1] != '\n')
        self->written--;
}

/* Cuts an incomplete line off the file's end; if that fails, writing continues after it. */
static void file_cut_back(struct jsonl_sink *self) {
    const size_t before = self->written;
    batch_rewind_line(self);
    if (before > self->written && !output_cut_back(self->file, before - self->written))
        self->written = before;
}

/* Whether the file's content can still be read by others: at most it was moved. */
static bool file_is_kept(const struct jsonl_sink *self) {
    struct stat status;
    return fstat(self->file, &status) == 0 && status.st_nlink > 0;
}

/* Replaces the file by another one; what is lost with the old one is written again. False: it does
 * not open (errno is kept); the old one stays. */
static bool file_replace(struct jsonl_sink *self, struct error *error) {
    const bool is_kept = file_is_kept(self);
    if (!file_open(self, error))
        return false;
    if (is_kept)
        batch_rewind_line(self);
    else
        self->written = 0;
    return true;
}

/* Whether the path leads to the file. */
static bool file_is_there(const struct jsonl_sink *self) {
    struct stat there;
    return stat(self->path, &there) == 0 && there.st_dev == self->device &&
           there.st_ino == self->inode;
}

/* Returns 0, or the errno. */
static int file_sync(const struct jsonl_sink *self) {
    if (!self->with_fsync || fsync(self->file) == 0 || errno == EINVAL || errno == EROFS)
        return 0; /* EINVAL: a pipe or the like, which has nothing to sync */
    return errno;
}

/*
 * The path leads elsewhere, or nowhere: it is reopened. A batch in a removed file is written again;
 * a moved file has it, and the next batch goes into the new one. Returns 0, or the errno of the
 * opening if that has to be retried.
 */
static int file_follow(struct jsonl_sink *self) {
    struct error error;
    const bool is_kept = file_is_kept(self);
    if (!file_replace(self, &error)) {
        const int code = errno;
        if (!self->is_astray && is_kept)
            log_change_event(self->log, LOG_LEVEL_WARNING, "sink", "sink.file_moved",
                             "%s was moved and %s; still writing to the moved file", self->path,
                             error.text);
        self->is_astray = true;
        return is_kept ? 0 : code;
    }
    log_change_event(self->log, LOG_LEVEL_WARNING, "sink", "sink.file_reopened",
                     "%s was %s: reopened%s", self->path, is_kept ? "moved or replaced" : "removed",
                     is_kept ? "" : ", unacknowledged lines are written to the new file");
    return 0;
}

/* Writes the rest of the batch. Returns 0, or the errno. */
static int batch_write(struct jsonl_sink *self) {
    while (self->is_torn) {
        ssize_t wrote = write(self->file, "\n", 1);
        if (wrote < 0 && errno != EINTR)
            return errno;
        self->is_torn = wrote != 1;
    }
    while (self->written < self->batch.size) {
        ssize_t wrote =
            write(self->file, self->batch.data + self->written, self->batch.size - self->written);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return wrote < 0 ? errno : EIO;
        self->written += (size_t)wrote;
    }
    /* The kernel may have dropped what it could not write to the disk, and a second fsync would not
     * report that: so all lines are written again. */
    const int code = file_sync(self);
    if (code != 0)
        self->written = 0;
    return code;
}

/* Until it is written to where the path leads. Returns 0, or the errno. */
static int batch_put(struct jsonl_sink *self) {
    /* What is written now would be lost. */
    int code = self->is_astray && !file_is_kept(self) ? file_follow(self) : 0;
    while (code == 0 && self->written < self->batch.size) {
        code = batch_write(self);
        if (code != 0)
            file_cut_back(self);
        else if (!file_is_there(self))
            code = file_follow(self);
    }
    return code;
}

/* A problem that only reopening can cure. A full disk or a limit does not need that. */
static bool is_cured_by_open(int code) {
    return code != ENOSPC && code != EDQUOT && code != EFBIG && code != EAGAIN;
}

static void batch_fail(struct jsonl_sink *self, int code) {
    char detail[sizeof self->queue.detail];
    snprintf(detail, sizeof detail, "%.180s: %s", self->path, strerror(code));
    lock_acquire(&self->queue.mutex, sink_lock);
    bool is_new = sink_queue_set_failing(&self->queue, detail);
    unsigned long long open = sink_queue_open(&self->queue);
    const struct sink_entry *first = self->queue.sent.first;
    const bool holds = first == NULL || first->delivery->kind != DELIVERY_POINT;
    lock_release(&self->queue.mutex, sink_lock);
    if (is_new)
        log_change_event(self->log, LOG_LEVEL_ERROR, "sink", "sink.failing",
                         "write to %s failed: %s; %llu line%s buffered%s; retrying", self->path,
                         strerror(code), open, open == 1 ? "" : "s",
                         holds ? ", offsets held back" : "");
}

static void batch_recover(struct jsonl_sink *self) {
    lock_acquire(&self->queue.mutex, sink_lock);
    bool is_new = sink_queue_set_ok(&self->queue);
    lock_release(&self->queue.mutex, sink_lock);
    if (is_new)
        log_change_event(self->log, LOG_LEVEL_INFO, "sink", "sink.recovered",
                         "writes to %s recovered, nothing lost", self->path);
}

/* Between two batches, or while one cannot be written. With the mutex held, which it releases while
 * the file is opened: pushers must not wait for a disk. True: there was something to do. */
REQUIRES(sink_lock) static bool reopen_serve(struct jsonl_sink *self) {
    if (self->reopen != REOPEN_ASKED)
        return false;
    lock_release(&self->queue.mutex, sink_lock);
    struct error error;
    bool did = file_replace(self, &error);
    lock_acquire(&self->queue.mutex, sink_lock);
    if (!did)
        self->reopen_error = error;
    self->reopen = did ? REOPEN_DONE : REOPEN_FAILED;
    pthread_cond_broadcast(&self->queue.done);
    return true;
}

/* Waits for the back-off, a reopen or the end. False: give up. */
static bool batch_wait(struct jsonl_sink *self, int64_t *retry_ns) {
    struct sink_queue *queue = &self->queue;
    int64_t until_ns = clock_monotonic_ns() + *retry_ns;
    *retry_ns = *retry_ns * 2 < RETRY_MOST_NS ? *retry_ns * 2 : RETRY_MOST_NS;
    lock_acquire(&queue->mutex, sink_lock);
    while (self->reopen != REOPEN_ASKED) {
        int64_t end_ns =
            queue->is_stopping && queue->stop_ns < until_ns ? queue->stop_ns : until_ns;
        if (!sink_queue_wait(queue, &queue->work, end_ns) && clock_monotonic_ns() >= end_ns)
            break;
    }
    reopen_serve(self);
    bool is_over = queue->is_stopping && clock_monotonic_ns() >= queue->stop_ns;
    lock_release(&queue->mutex, sink_lock);
    return !is_over;
}

/* Until the batch is safe. False: the time to stop came first. */
static bool batch_save(struct jsonl_sink *self) {
    int64_t retry_ns = RETRY_FIRST_NS;
    for (;;) {
        int code = batch_put(self);
        if (code == 0) {
            batch_recover(self);
            return true;
        }
        batch_fail(self, code);
        if (!batch_wait(self, &retry_ns))
            return false;
        struct error error;
        if (!file_is_there(self))
            file_follow(self);
        else if (is_cured_by_open(code))
            file_replace(self, &error); /* if not, the old one is tried again */
    }
}

/* Moves entries from `waiting` to `sent`; the texts are made after the mutex is released. False: it
 * is time to end. */
static bool batch_take(struct jsonl_sink *self) {
    struct sink_queue *queue = &self->queue;
    lock_acquire(&queue->mutex, sink_lock);
    while (reopen_serve(self) || (!sink_queue_has_waiting(queue) && !queue->is_stopping)) {
        if (!queue->waiting.first && !queue->is_stopping && self->reopen != REOPEN_ASKED)
            sink_queue_await(queue);
    }
    bool is_over = queue->is_stopping && clock_monotonic_ns() >= queue->stop_ns;
    size_t taken = is_over ? 0 : sink_queue_take(queue, BATCH_DELIVERIES, BATCH_BYTES);
    lock_release(&queue->mutex, sink_lock);
    return taken > 0;
}

static void batch_format(struct jsonl_sink *self) {
    lock_only_writer(sink_lock); /* of `sent` */
    text_reset(&self->batch);
    self->written = 0;
    for (struct sink_entry *entry = self->queue.sent.first; entry; entry = entry->after)
        dead_letter_write_line(entry->delivery, &self->batch);
}

/* False: no memory for the text, which is waited for like the disk. */
static bool batch_prepare(struct jsonl_sink *self) {
    int64_t retry_ns = RETRY_FIRST_NS;
    for (;;) {
        batch_format(self);
        if (!text_is_oom(&self->batch))
            return true;
        batch_fail(self, ENOMEM);
        text_release(&self->batch);
        text_init(&self->batch);
        if (!batch_wait(self, &retry_ns))
            return false;
    }
}

static void jsonl_free(struct jsonl_sink *self) {
    if (self->file >= 0)
        close(self->file);
    sink_queue_release(&self->queue);
    text_release(&self->batch);
    free(self->path);
    free(self);
}

static void *jsonl_run(void *argument) {
    struct jsonl_sink *self = argument;
    while (batch_take(self)) {
        if (!batch_prepare(self) || !batch_save(self))
            break;
        sink_queue_confirm_sent(&self->queue);
        if (self->batch.capacity > 4 * BATCH_BYTES) {
            text_release(&self->batch); /* one huge dead letter must not stay in memory */
            text_init(&self->batch);
        }
    }
    if (sink_thread_end(&self->queue))
        jsonl_free(self);
    return NULL;
}

static bool jsonl_push(struct sink *sink, struct delivery *delivery) {
    sink_queue_push(&((struct jsonl_sink *)sink)->queue, delivery);
    return true;
}

static bool jsonl_flush(struct sink *sink, int timeout_ms) {
    return sink_queue_flush(&((struct jsonl_sink *)sink)->queue, timeout_ms);
}

static bool jsonl_reopen(struct sink *sink, struct error *error) {
    struct jsonl_sink *self = (struct jsonl_sink *)sink;
    int64_t until_ns = clock_monotonic_ns() + REOPEN_WAIT_NS;
    lock_acquire(&self->queue.mutex, sink_lock);
    self->reopen = REOPEN_ASKED;
    pthread_cond_signal(&self->queue.work);
    while (self->reopen == REOPEN_ASKED &&
           sink_queue_wait(&self->queue, &self->queue.done, until_ns))
        ;
    enum reopen_state state = self->reopen;
    if (state == REOPEN_FAILED)
        *error = self->reopen_error;
    lock_release(&self->queue.mutex, sink_lock);
    if (state == REOPEN_ASKED)
        return error_set(error, ERROR_TIMEOUT,
                         "%s: a write takes longer than %lld s; the file is "
                         "reopened when it completes",
                         self->path, REOPEN_WAIT_NS / NS_PER_S);
    return state == REOPEN_DONE;
}

static void jsonl_status(struct sink *sink, struct sink_status *status) {
    struct jsonl_sink *self = (struct jsonl_sink *)sink;
    status->name = "jsonl";
    sink_queue_status(&self->queue, status);
}

static void jsonl_close(struct sink *sink, int timeout_ms) {
    struct jsonl_sink *self = (struct jsonl_sink *)sink;
    struct log *log = self->log;
    char path[256];
    snprintf(path, sizeof path, "%s", self->path);
    if (sink_thread_stop(&self->queue, self->thread, timeout_ms, NULL, NULL))
        jsonl_free(self);
    else
        log_error(log, "sink", "%s: a write did not complete within %d ms; abandoned", path,
                  timeout_ms);
}

static const struct sink_ops JSONL_OPS = {
    .push = jsonl_push,
    .flush = jsonl_flush,
    .reopen = jsonl_reopen,
    .status = jsonl_status,
    .close = jsonl_close,
};

struct sink *sink_jsonl_new(const char *path, bool with_fsync, struct log *log,
                            struct error *error) {
    struct jsonl_sink *self = calloc(1, sizeof *self);
    if (!self) {
        error_set_memory(error, path);
        return NULL;
    }
    self->sink.ops = &JSONL_OPS;
    self->log = log;
    self->with_fsync = with_fsync;
    self->file = -1;
    text_init(&self->batch);
    self->path = strdup(path);
    if (!sink_queue_init(&self->queue) || !self->path) {
        error_set_memory(error, path);
        goto failed;
    }
    if (!file_open(self, error) ||
        !thread_start(&self->thread, "take5-jsonl", jsonl_run, self, error))
        goto failed;
    return &self->sink;

failed:
    jsonl_free(self);
    return NULL;
}
