#include "source/replay/replay_source.h"

#include "base/clock.h"
#include "base/sync/locks.h"
#include "base/sync/thread.h"
#include "recording/reader.h"
#include "source/replay/replay_input.h"
#include "source/replay/replay_parts.h"
#include "source/replay/replay_queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Input that records in use may hold; beside it each file may be at one block and at the rest of
 * another. */
#define MAX_HELD         (16 * 1024 * 1024)
#define MAX_HELD_FILE    (512 * 1024)
/* What may wait for its turn in a journal, and a block for each of some readers. */
#define MAX_HELD_JOURNAL (48 * 1024 * 1024)
/* So often a reader that has nothing to do with lanes reports its progress. */
#define PROGRESS_MASK    1023

/* A request to the control thread: to assign partition numbers, or with none to pause. */
struct request {
    bool is_wanted, is_done;
    int32_t first, count;
};

LOCK_CLASS(replay_source_lock);
struct file_source {
    struct source source;

    /* Settled before the start. */
    const struct config *config;
    double speed;
    bool is_cold;
    uint32_t path_count;
    size_t max_held;
    struct file_queue *queue;
    struct recording_pool *pool;
    struct file_parts *parts;
    struct file_input *input;
    struct source_listener listener;
    int stop_fd; /* readable: stop */
    uint64_t pause_every;
    const uint64_t *pauses; /* those that are still to come */
    size_t pause_count;
    void (*paused)(void *context);
    void *paused_context;

    /* The reading thread's. */
    uint64_t sequence;
    int64_t pace_begin_ns; /* clock at the first event time */
    int64_t pace_first_ns, pace_newest_ns;
    bool is_paced;      /* those three are set */
    uint64_t paused_at; /* the sequence before which control was asked to pause last */

    pthread_mutex_t mutex; /* over what follows; not held while the listener is called */
    pthread_cond_t served;
    struct request request GUARDED_BY(replay_source_lock);
    bool is_stopped GUARDED_BY(replay_source_lock);
    struct file_source_progress progress GUARDED_BY(replay_source_lock);
    /* Why reading ended; code ERROR_NONE: at the end of the input. */
    struct error failure GUARDED_BY(replay_source_lock);

    /* The control thread's; the reading thread reads it while control is not in poll. */
    bool *is_assigned; /* by partition number */
    pthread_t thread;
    bool has_thread;
    atomic_bool did_assign;
};

static struct file_source *file_source_of(struct source *source) {
    return (struct file_source *)source;
}

/* Reading thread. */

static void report_progress(struct file_source *self) {
    struct file_source_progress progress;
    file_input_progress(self->input, &progress);
    progress.records = self->sequence;
    lock_acquire(&self->mutex, replay_source_lock);
    self->progress = progress;
    lock_release(&self->mutex, replay_source_lock);
}

/* Before input is read: lanes get what there is, memory is waited for, and then the input itself,
 * so that a stop ends the waiting. */
static bool before_read(void *context, int fd) {
    struct file_source *self = context;
    if (!file_queue_wait_memory(self->queue, self->pool, self->max_held))
        return false;
    if (fd < 0)
        return true;
    struct pollfd waited[] = {{.fd = fd, .events = POLLIN},
                              {.fd = self->stop_fd, .events = POLLIN}};
    if (poll(waited, 2, 0) == 0) {
        report_progress(self); /* it may take long */
        while (poll(waited, 2, -1) < 0 && errno == EINTR)
            ;
    }
    return waited[1].revents == 0;
}

/* Has the control thread serve a request, and waits for it. Everything before has been worked on
 * then, so that what control does has a place in the stream. */
static bool ask_control(struct file_source *self, int32_t first, int32_t count) {
    if (!file_queue_drain(self->queue))
        return false;
    lock_acquire(&self->mutex, replay_source_lock);
    self->request = (struct request){true, false, first, count};
    file_queue_notify(self->queue);
    while (!self->request.is_done && !self->is_stopped)
        pthread_cond_wait(&self->served, &self->mutex);
    bool goes_on = !self->is_stopped;
    lock_release(&self->mutex, replay_source_lock);
    return goes_on;
}

static bool need_assigned(struct file_source *self, const struct file_input_record *record) {
    int32_t partition = record->record.partition;
    if (self->is_assigned[partition])
        return true;
    return record->is_spread ? ask_control(self, 0, FILE_SOURCE_SPREAD)
                             : ask_control(self, partition, 1);
}

/* Holds a record back until its time has come. */
static bool keep_pace(struct file_source *self, const struct file_input_record *record) {
    int64_t event_ns = record->event_time_ns;
    if (!(self->speed > 0) || event_ns == INT64_MIN || record->ahead_ns > 0)
        return true;
    if (!self->is_paced) {
        self->is_paced = true;
        self->pace_begin_ns = clock_monotonic_ns();
        self->pace_first_ns = self->pace_newest_ns = event_ns;
    }
    if (event_ns <= self->pace_newest_ns)
        return true; /* late ones come when they come */
    self->pace_newest_ns = event_ns;
    double span_ns = ((double)event_ns - (double)self->pace_first_ns) / self->speed;
    double wait_ns = (double)self->pace_begin_ns + span_ns - (double)clock_monotonic_ns();
    if (wait_ns <= 0)
        return true;
    report_progress(self);
    return file_queue_sleep(self->queue, wait_ns < 1e18 ? (int64_t)wait_ns : (int64_t)1e18);
}

static bool pause_before(struct file_source *self) {
    while (self->pause_count > 0 && *self->pauses <= self->sequence) {
        self->pauses++;
        self->pause_count--;
        if (!ask_control(self, 0, 0))
            return false;
    }
    return true;
}

static bool pause_between(struct file_source *self) {
    if (!pause_before(self))
        return false;
    if (self->pause_every == 0 || self->sequence < self->paused_at + self->pause_every)
        return true;
    self->paused_at = self->sequence;
    return ask_control(self, 0, 0);
}

/* Gives a record to its lane. False: stopped, or failed with an error. */
static bool deliver(struct file_source *self, struct file_input_record *next, struct error *error) {
    struct record *record = &next->record;
    if (!pause_between(self) || !need_assigned(self, next) || !keep_pace(self, next))
        return false;
    const struct file_part *part = file_parts_at(self->parts, record->topic, record->partition);
    if (part == NULL)
        return error_set_memory(error, "a partition of the recording");
    if (record->offset < part->begin)
        return true;
    const struct file_item item = {.sequence = self->sequence,
                                   .line = next->line,
                                   .ahead_ns = next->ahead_ns,
                                   .file = next->file};
    uint32_t lane = (uint32_t)record->partition % (uint32_t)self->config->lanes;
    if (!file_queue_push(self->queue, lane, record, next->block, &item, error))
        return false;
    if ((self->sequence++ & PROGRESS_MASK) == 0)
        report_progress(self);
    return true;
}

static void *reading_thread(void *context) {
    struct file_source *self = context;
    struct error error = {.code = ERROR_NONE};
    struct file_input_record next;
    enum recording_result result;
    do
        result = file_input_next(self->input, &next, &error);
    while (result == RECORDING_ENTRY && deliver(self, &next, &error));
    if (result == RECORDING_END)
        (void)pause_before(self);
    report_progress(self);
    lock_acquire(&self->mutex, replay_source_lock);
    self->failure = error;
    lock_release(&self->mutex, replay_source_lock);
    file_queue_end(self->queue);
    return NULL;
}

/* Control thread. */

static bool file_start(struct source *source, const struct source_listener *listener,
                       struct error *error) {
    struct file_source *self = file_source_of(source);
    self->listener = *listener;
    if (!self->is_cold)
        file_input_set_history(self->input, listener->history_ns);
    self->has_thread = thread_start(&self->thread, "reader", reading_thread, self, error);
    return self->has_thread;
}

/* Notifies the listener of all topics' parts of these numbers that it does not know yet. */
static bool announce(struct file_source *self, int32_t first, int32_t count, struct error *error) {
    uint32_t topics = (uint32_t)self->config->topic_count;
    size_t most = (size_t)count * topics, used = 0;
    struct topic_partition *parts = calloc(most, sizeof *parts);
    if (parts == NULL)
        return error_set_memory(error, "the assignment of partitions");
    for (int32_t i = first; i < first + count; i++)
        for (uint32_t topic = 0; !self->is_assigned[i] && topic < topics; topic++)
            parts[used++] = (struct topic_partition){topic, i, SOURCE_NO_OFFSET, false, NULL};
    self->listener.assigned(self->listener.context, parts, used);
    bool is_good = true;
    for (size_t i = 0; i < used; i++) {
        self->is_assigned[parts[i].partition] = true;
        struct file_part *part = file_parts_at(self->parts, parts[i].topic, parts[i].partition);
        if (part == NULL)
            is_good = error_set_memory(error, "a partition of the recording");
        else if (parts[i].offset != SOURCE_NO_OFFSET)
            part->begin = parts[i].offset;
    }
    atomic_store(&self->did_assign, true);
    free(parts);
    return is_good;
}

static bool serve_request(struct file_source *self, struct error *error) {
    lock_acquire(&self->mutex, replay_source_lock);
    struct request wanted = self->request;
    lock_release(&self->mutex, replay_source_lock);
    if (!wanted.is_wanted)
        return true;
    bool is_good = true;
    if (wanted.count > 0)
        is_good = announce(self, wanted.first, wanted.count, error);
    else
        self->paused(self->paused_context);
    lock_acquire(&self->mutex, replay_source_lock);
    self->request.is_wanted = false;
    self->request.is_done = is_good;
    pthread_cond_signal(&self->served);
    lock_release(&self->mutex, replay_source_lock);
    return is_good;
}

static bool file_poll(struct source *source, int timeout_ms, struct error *error) {
    struct file_source *self = file_source_of(source);
    error->code = ERROR_NONE;
    bool has_ended = file_queue_wait_end(self->queue, timeout_ms);
    if (!serve_request(self, error))
        return false;
    if (!has_ended)
        return true;
    lock_acquire(&self->mutex, replay_source_lock);
    if (self->failure.code != ERROR_NONE)
        *error = self->failure;
    lock_release(&self->mutex, replay_source_lock);
    return false;
}

static void file_wake_control(struct source *source) {
    file_queue_notify(file_source_of(source)->queue);
}

static bool file_commit(struct source *source, int timeout_ms, struct error *error) {
    (void)source;
    (void)timeout_ms;
    (void)error;
    return true;
}

static void revoke_all(struct file_source *self) {
    uint32_t topics = (uint32_t)self->config->topic_count;
    size_t used = 0;
    size_t numbers = 0;
    for (int32_t i = 0; i <= FILE_PARTS_MAX_PARTITION; i++)
        numbers += self->is_assigned[i];
    struct topic_partition *parts = calloc(numbers * topics, sizeof *parts);
    if (numbers == 0 || parts == NULL) {
        free(parts);
        return;
    }
    for (int32_t i = 0; i <= FILE_PARTS_MAX_PARTITION; i++)
        for (uint32_t topic = 0; self->is_assigned[i] && topic < topics; topic++)
            parts[used++] = (struct topic_partition){topic, i, SOURCE_NO_OFFSET, false, NULL};
    self->listener.revoked(self->listener.context, parts, used, false);
    free(parts);
}

static void file_source_free(struct file_source *self) {
    file_input_free(self->input);
    file_queue_free(self->queue);
    recording_pool_free(self->pool);
    file_parts_free(self->parts);
    if (self->stop_fd >= 0)
        close(self->stop_fd);
    pthread_cond_destroy(&self->served);
    pthread_mutex_destroy(&self->mutex);
    free(self->is_assigned);
    free(self);
}

static bool file_close(struct source *source, int timeout_ms) {
    struct file_source *self = file_source_of(source);
    (void)timeout_ms; /* the thread waits for nothing that a stop does not end */
    if (!self->has_thread)
        return true;
    file_queue_stop(self->queue);
    lock_acquire(&self->mutex, replay_source_lock);
    self->is_stopped = true;
    pthread_cond_signal(&self->served);
    lock_release(&self->mutex, replay_source_lock);
    uint64_t one = 1;
    while (write(self->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    pthread_join(self->thread, NULL);
    self->has_thread = false;
    revoke_all(self);
    return true;
}

static bool file_free(struct source *source) {
    file_source_free(file_source_of(source));
    return true;
}

/* Lanes. */

static size_t file_read(struct source *source, uint32_t lane, struct record *records, size_t most,
                        int timeout_ms) {
    return file_queue_read(file_source_of(source)->queue, lane, records, most, timeout_ms);
}

static void file_release(struct source *source, uint32_t lane, struct record *records,
                         size_t count) {
    (void)records;
    file_queue_release(file_source_of(source)->queue, lane, count);
}

static void file_wake(struct source *source, uint32_t lane) {
    file_queue_wake(file_source_of(source)->queue, lane);
}

static bool file_store(struct source *source, uint32_t topic, int32_t partition, int64_t next) {
    (void)source;
    (void)topic;
    (void)partition;
    (void)next;
    return true;
}

/* Any thread. */

static void file_status(struct source *source, struct source_status *status) {
    struct file_source *self = file_source_of(source);
    struct file_source_progress progress;
    char what[160];
    file_source_progress(source, &progress);
    status->is_connected = true;
    status->is_assigned = atomic_load(&self->did_assign);
    if (self->path_count == 1)
        snprintf(what, sizeof what, "%s", file_input_path(self->input, 0));
    else
        snprintf(what, sizeof what, "%u files", self->path_count);
    if (progress.bytes_total > 0)
        snprintf(status->detail, sizeof status->detail, "replaying %s, %.0f %%", what,
                 100 * (double)progress.bytes / (double)progress.bytes_total);
    else
        snprintf(status->detail, sizeof status->detail, "replaying %s, %llu lines", what,
                 (unsigned long long)progress.lines);
}

static size_t file_lag(struct source *source, struct source_lag *lags, size_t most) {
    (void)source;
    (void)lags;
    (void)most;
    return 0;
}

uint64_t file_source_sequence(const struct record *record) {
    const struct file_item *item = record->handle;
    return item->sequence;
}

int64_t file_source_ahead_ns(const struct record *record) {
    const struct file_item *item = record->handle;
    return item->ahead_ns;
}

void file_source_place(const struct source *source, const struct record *record, const char **file,
                       uint64_t *line) {
    const struct file_source *self = (const struct file_source *)source;
    const struct file_item *item = record->handle;
    *file = file_input_path(self->input, item->file);
    *line = item->line;
}

uint64_t file_source_done(struct source *source) {
    return file_queue_done(file_source_of(source)->queue);
}

void file_source_progress(struct source *source, struct file_source_progress *progress) {
    struct file_source *self = file_source_of(source);
    lock_acquire(&self->mutex, replay_source_lock);
    *progress = self->progress;
    lock_release(&self->mutex, replay_source_lock);
}

/* Making. */

static const struct source_ops file_ops = {
    .start = file_start,
    .read = file_read,
    .release = file_release,
    .wake = file_wake,
    .store = file_store,
    .poll = file_poll,
    .wake_control = file_wake_control,
    .commit = file_commit,
    .status = file_status,
    .lag = file_lag,
    .close = file_close,
    .free = file_free,
};

static bool check_options(const struct file_source_options *options, struct error *error) {
    size_t pipes = 0;
    if (options->path_count == 0)
        return error_set(error, ERROR_INVALID,
                         "no file to replay: give one, or - for the "
                         "standard input");
    for (size_t i = 0; i < options->path_count; i++)
        pipes += strcmp(options->paths[i], "-") == 0;
    if (pipes > 1)
        return error_set(error, ERROR_INVALID,
                         "the standard input is given %zu times: it can be "
                         "read only once",
                         pipes);
    if (!(options->speed >= 0) || options->speed > 1e9)
        return error_set(error, ERROR_INVALID,
                         "speed is %g: must be 0 (as fast as possible) to 1e9", options->speed);
    return true;
}

struct source *file_source_new(const struct file_source_options *options,
                               const struct config *config, struct log *log, struct error *error) {
    if (!check_options(options, error))
        return NULL;
    if (config->lanes < 1 || config->topic_count < 1) {
        error_set(error, ERROR_INVALID, "%lld lanes and %zu topics: a replay needs one of each",
                  (long long)config->lanes, config->topic_count);
        return NULL;
    }
    struct file_source *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, "the replay");
        return NULL;
    }
    self->source.ops = &file_ops;
    self->config = config;
    self->speed = options->speed;
    self->is_cold = options->is_cold;
    self->pause_every = options->paused != NULL ? options->pause_every : 0;
    self->pauses = options->pauses;
    self->pause_count = options->paused != NULL ? options->pause_count : 0;
    self->paused = options->paused;
    self->paused_context = options->context;
    self->path_count = (uint32_t)options->path_count;
    self->max_held = MAX_HELD + options->path_count * MAX_HELD_FILE +
                     (options->journal != NULL ? MAX_HELD_JOURNAL : 0);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->served, NULL);
    self->stop_fd = eventfd(0, EFD_CLOEXEC);
    self->pool = recording_pool_new();
    self->parts = file_parts_new((uint32_t)config->topic_count);
    self->is_assigned = calloc(FILE_PARTS_MAX_PARTITION + 1, sizeof *self->is_assigned);
    if (self->stop_fd < 0) {
        error_set_errno(error, errno, "cannot create an event descriptor for the replay");
        goto failed;
    }
    if (self->pool == NULL || self->parts == NULL || self->is_assigned == NULL) {
        error_set_memory(error, "the replay");
        goto failed;
    }
    self->queue = file_queue_new((uint32_t)config->lanes, error);
    if (self->queue == NULL)
        goto failed;
    struct file_input_setup setup = {options,     config,      log, self->pool,
                                     self->parts, before_read, self};
    self->input = file_input_new(&setup, error);
    if (self->input == NULL)
        goto failed;
    file_input_progress(self->input, &self->progress);
    return &self->source;
failed:
    file_source_free(self);
    return NULL;
}
