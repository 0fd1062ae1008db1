/*
 * JSON lines. A thread of its own takes what is queued, writes it with one write(2), syncs if
 * asked, and confirms. What cannot be written now stays in hand and is tried again.
 *
 * The file may hold a line in part only while the sink is in trouble, or after a crash; the next
 * write goes on where that one ended, or ends the line first.
 */
#include "sink/letter.h"
#include "sink/queue.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A batch ends at whichever comes first. */
#define BATCH_PARCELS 1024
#define BATCH_BYTES   (1 << 20)

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
    enum reopen_state reopen;
    struct error reopen_error;

    /* The writer's. */
    int file;
    bool is_torn; /* the file ends inside a line */
    struct text batch;
    size_t written; /* of the batch */
    size_t taken;   /* entries of the batch: the first ones of `sent` */
};

/* Opens for appending; `*is_torn` tells whether what is there ends inside a line. -1 with an error
 * when it does not open. */
static int file_open(const char *path, bool *is_torn, struct error *error) {
    int file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (file < 0) {
        error_set_errno(error, errno, "%s: cannot be opened for appending", path);
        return -1;
    }
    struct stat stat;
    char last = '\n';
    if (fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size > 0 &&
        pread(file, &last, 1, stat.st_size - 1) != 1)
        last = '\n';
    *is_torn = last != '\n';
    return file;
}

/* Back to the start of the line in which the writing stopped: for a file that has not its begin. */
static void batch_rewind_line(struct jsonl_sink *self) {
    while (self->written > 0 && self->batch.data[self->written - 1] != '\n')
        self->written--;
}

/* Puts another file in the old one's place. False when it does not open; the old one stays. */
static bool file_replace(struct jsonl_sink *self, struct error *error) {
    bool is_torn;
    int file = file_open(self->path, &is_torn, error);
    if (file < 0)
        return false;
    close(self->file);
    self->file = file;
    self->is_torn = is_torn;
    batch_rewind_line(self);
    return true;
}

/* Writes what is left of the batch. Gives 0, or the errno. */
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
    if (!self->with_fsync || fsync(self->file) == 0 || errno == EINVAL || errno == EROFS)
        return 0; /* EINVAL: a pipe or the like, which has nothing to sync */
    /* What the kernel could not bring to the disk it may have dropped, and a second fsync would not
     * tell: so all lines are written again. */
    int code = errno;
    self->written = 0;
    return code;
}

/* Trouble that only another open can cure. A full disk or a limit needs none. */
static bool is_cured_by_open(int code) {
    return code != ENOSPC && code != EDQUOT && code != EFBIG && code != EAGAIN;
}

static void batch_fail(struct jsonl_sink *self, int code) {
    char detail[sizeof self->queue.detail];
    snprintf(detail, sizeof detail, "%.180s: %s", self->path, strerror(code));
    pthread_mutex_lock(&self->queue.mutex);
    bool is_new = sink_queue_set_ill(&self->queue, detail);
    unsigned long long open = self->queue.pushed - self->queue.confirmed;
    pthread_mutex_unlock(&self->queue.mutex);
    if (is_new)
        log_error(self->log, "sink",
                  "%s cannot be written: %s; %llu lines are kept, their offsets held, trying on",
                  self->path, strerror(code), open);
}

static void batch_recover(struct jsonl_sink *self) {
    pthread_mutex_lock(&self->queue.mutex);
    bool is_new = sink_queue_set_well(&self->queue);
    pthread_mutex_unlock(&self->queue.mutex);
    if (is_new)
        log_info(self->log, "sink", "%s is written again, nothing was lost", self->path);
}

/* Between two batches, or while one cannot be written. With the mutex held, which it gives up while
 * the file is opened: pushers must not wait for a disk. True when there was something to do. */
static bool reopen_serve(struct jsonl_sink *self) {
    if (self->reopen != REOPEN_ASKED)
        return false;
    pthread_mutex_unlock(&self->queue.mutex);
    struct error error;
    bool did = file_replace(self, &error);
    pthread_mutex_lock(&self->queue.mutex);
    if (!did)
        self->reopen_error = error;
    self->reopen = did ? REOPEN_DONE : REOPEN_FAILED;
    pthread_cond_broadcast(&self->queue.done);
    return true;
}

/* Waits out the back-off, or until a reopen or the end changes things. False: give up. */
static bool batch_wait(struct jsonl_sink *self, int64_t *retry_ns) {
    struct sink_queue *queue = &self->queue;
    int64_t until_ns = clock_monotonic_ns() + *retry_ns;
    *retry_ns = *retry_ns * 2 < RETRY_MOST_NS ? *retry_ns * 2 : RETRY_MOST_NS;
    pthread_mutex_lock(&queue->mutex);
    while (self->reopen != REOPEN_ASKED) {
        int64_t end_ns =
            queue->is_stopping && queue->stop_ns < until_ns ? queue->stop_ns : until_ns;
        if (!sink_queue_wait(queue, &queue->work, end_ns) && clock_monotonic_ns() >= end_ns)
            break;
    }
    reopen_serve(self);
    bool is_over = queue->is_stopping && clock_monotonic_ns() >= queue->stop_ns;
    pthread_mutex_unlock(&queue->mutex);
    return !is_over;
}

/* Until the batch is safe. False: the time to stop came first. */
static bool batch_save(struct jsonl_sink *self) {
    int64_t retry_ns = RETRY_FIRST_NS;
    for (;;) {
        int code = batch_write(self);
        if (code == 0) {
            batch_recover(self);
            return true;
        }
        batch_fail(self, code);
        if (!batch_wait(self, &retry_ns))
            return false;
        struct error error;
        if (is_cured_by_open(code))
            file_replace(self, &error); /* else the old one is tried again */
    }
}

/* Takes entries from `waiting` into `sent` and their lines into the batch, while nobody else needs
 * the mutex: the texts are made after it is released. False when it is time to end. */
static bool batch_take(struct jsonl_sink *self) {
    struct sink_queue *queue = &self->queue;
    pthread_mutex_lock(&queue->mutex);
    while (reopen_serve(self) || (!queue->waiting.first && !queue->is_stopping)) {
        if (!queue->waiting.first && !queue->is_stopping && self->reopen != REOPEN_ASKED)
            pthread_cond_wait(&queue->work, &queue->mutex);
    }
    self->taken = 0;
    bool is_over = queue->is_stopping && clock_monotonic_ns() >= queue->stop_ns;
    size_t bytes = 0;
    while (!is_over && queue->waiting.first && self->taken < BATCH_PARCELS && bytes < BATCH_BYTES) {
        struct sink_entry *entry = queue->waiting.first;
        sink_list_remove(&queue->waiting, entry);
        sink_list_insert(&queue->sent, entry);
        bytes += entry->parcel->value_size;
        self->taken++;
    }
    pthread_mutex_unlock(&queue->mutex);
    return self->taken > 0;
}

static void batch_format(struct jsonl_sink *self) {
    text_reset(&self->batch);
    self->written = 0;
    /* Only this thread changes `sent`. */
    for (struct sink_entry *entry = self->queue.sent.first; entry; entry = entry->after)
        letter_write_line(entry->parcel, &self->batch);
}

/* False: no memory for the text, which is waited for as for the disk. */
static bool batch_prepare(struct jsonl_sink *self) {
    int64_t retry_ns = RETRY_FIRST_NS;
    for (;;) {
        batch_format(self);
        if (!text_is_short(&self->batch))
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
        while (self->taken-- > 0)
            sink_queue_confirm(&self->queue, self->queue.sent.first);
        if (self->batch.capacity > 4 * BATCH_BYTES) {
            text_release(&self->batch); /* one huge letter must not stay in memory */
            text_init(&self->batch);
        }
    }
    if (sink_thread_end(&self->queue))
        jsonl_free(self);
    return NULL;
}

static bool jsonl_push(struct sink *sink, struct parcel *parcel) {
    struct jsonl_sink *self = (struct jsonl_sink *)sink;
    pthread_mutex_lock(&self->queue.mutex);
    bool did = sink_queue_push(&self->queue, parcel);
    pthread_cond_signal(&self->queue.work);
    pthread_mutex_unlock(&self->queue.mutex);
    return did;
}

static bool jsonl_flush(struct sink *sink, int timeout_ms) {
    return sink_queue_flush(&((struct jsonl_sink *)sink)->queue, timeout_ms);
}

static bool jsonl_reopen(struct sink *sink, struct error *error) {
    struct jsonl_sink *self = (struct jsonl_sink *)sink;
    int64_t until_ns = clock_monotonic_ns() + REOPEN_WAIT_NS;
    pthread_mutex_lock(&self->queue.mutex);
    self->reopen = REOPEN_ASKED;
    pthread_cond_signal(&self->queue.work);
    while (self->reopen == REOPEN_ASKED &&
           sink_queue_wait(&self->queue, &self->queue.done, until_ns))
        ;
    enum reopen_state state = self->reopen;
    if (state == REOPEN_FAILED)
        *error = self->reopen_error;
    pthread_mutex_unlock(&self->queue.mutex);
    if (state == REOPEN_ASKED)
        return error_set(error, ERROR_TIMEOUT,
                         "%s: a write takes longer than %lld s; the file is "
                         "opened anew when it ends",
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
        log_error(log, "sink", "%s: a write did not end within %d ms; it is left behind", path,
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
        error_set_memory(error, sizeof *self, path);
        return NULL;
    }
    self->sink.ops = &JSONL_OPS;
    self->log = log;
    self->with_fsync = with_fsync;
    self->file = -1;
    text_init(&self->batch);
    self->path = strdup(path);
    if (!sink_queue_init(&self->queue) || !self->path) {
        error_set_memory(error, sizeof *self, path);
        goto failed;
    }
    self->file = file_open(path, &self->is_torn, error);
    if (self->file < 0 || !sink_thread_start(&self->thread, jsonl_run, self, "take5-jsonl", error))
        goto failed;
    return &self->sink;

failed:
    jsonl_free(self);
    return NULL;
}
