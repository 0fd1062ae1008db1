/*
 * A Kafka topic as a sink. A thread of its own produces what is queued, in order, and takes the
 * delivery reports; so only that thread ever touches the client, and can replace it.
 *
 * librdkafka retries forever what it can (message.timeout.ms = 0). What it returns is one of:
 * - refused for now: it returns to its place in `waiting`, and is produced again after a pause;
 * - refused permanently: it is produced alone first (a broker refuses a batch as a whole), then
 *   shortened, then bare (kafka_record.h);
 * - a fatal error: the client is replaced, and all that is unconfirmed is produced again, in order.
 */
#include "sink/kafka_record.h"
#include "sink/producer.h"
#include "sink/queue.h"

#include "base/clock.h"
#include "base/sync/thread.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long nothing is produced after a refusal for now. */
#define PAUSE_FIRST_NS (250 * NS_PER_MS)
#define PAUSE_MOST_NS  (10 * NS_PER_S)
/* A wait of the thread; a push ends it. */
#define POLL_IDLE_MS   1000
#define POLL_HELD_MS   200
#define POLL_FULL_MS   10

struct kafka_sink {
    struct sink sink;
    struct log *log;
    char *topic;
    struct producer_setup setup;
    pthread_t thread;

    struct sink_queue queue;
    /* Guarded by the queue's mutex. */
    rd_kafka_queue_t *events; /* yielded to end the thread's wait */
    bool is_waiting GUARDED_BY(sink_lock);

    /* The thread's. */
    rd_kafka_t *client;
    rd_kafka_topic_t *handle;
    bool is_fatal;
    bool is_alone;     /* a suspect is on its way, alone */
    int64_t resume_ns; /* nothing is produced before */
    int64_t pause_ns;
    char trouble[192]; /* why there is no connection */
};

static void kafka_note_failing(struct kafka_sink *self, const char *detail) {
    lock_acquire(&self->queue.mutex, sink_lock);
    bool is_new = sink_queue_set_failing(&self->queue, detail);
    unsigned long long open = sink_queue_open(&self->queue);
    lock_release(&self->queue.mutex, sink_lock);
    if (!is_new)
        return;
    /* It may fail before there is anything to write: then a count of none would say little. */
    char count[80] = "new records are";
    if (open > 0)
        snprintf(count, sizeof count, "%llu record%s so far, and new ones, are", open,
                 text_plural(open));
    log_change_event(self->log, LOG_LEVEL_WARNING, "sink", "sink.failing",
                     "write to topic %s failed: %s; %s buffered, offsets held back; retrying",
                     self->topic, detail, count);
}

static void kafka_note_ok(struct kafka_sink *self) {
    self->pause_ns = PAUSE_FIRST_NS;
    self->trouble[0] = '\0';
    lock_acquire(&self->queue.mutex, sink_lock);
    bool is_new = sink_queue_set_ok(&self->queue);
    lock_release(&self->queue.mutex, sink_lock);
    if (is_new)
        log_change_event(self->log, LOG_LEVEL_INFO, "sink", "sink.recovered",
                         "topic %s: writes recovered, nothing lost", self->topic);
}

static void kafka_pause(struct kafka_sink *self) {
    int64_t now = clock_monotonic_ns();
    if (now < self->resume_ns)
        return; /* of many that were returned together, one counts */
    self->resume_ns = now + self->pause_ns;
    self->pause_ns = self->pause_ns * 2 < PAUSE_MOST_NS ? self->pause_ns * 2 : PAUSE_MOST_NS;
}

/* Back to its place in `waiting`. */
static void entry_put_back(struct kafka_sink *self, struct sink_entry *entry) {
    lock_acquire(&self->queue.mutex, sink_lock);
    sink_list_remove(&self->queue.sent, entry);
    sink_list_insert(&self->queue.waiting, entry);
    lock_release(&self->queue.mutex, sink_lock);
}

static void entry_refused(struct kafka_sink *self, struct sink_entry *entry,
                          rd_kafka_resp_err_t code) {
    bool is_for_good = kafka_record_is_refused_for_good(code) &&
                       kafka_record_reduce(entry, code, self->topic, self->log);
    entry_put_back(self, entry);
    switch (code) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        return;
    case RD_KAFKA_RESP_ERR__FATAL:
        self->is_fatal = true;
        return;
    default:
        if (is_for_good)
            return;
        kafka_note_failing(self, rd_kafka_err2str(code));
        kafka_pause(self);
    }
}

static void kafka_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    struct kafka_sink *self = opaque;
    struct sink_entry *entry = message->_private;
    if (entry->is_suspect)
        self->is_alone = false;
    if (message->err) {
        entry_refused(self, entry, message->err);
        return;
    }
    sink_queue_confirm(&self->queue, entry);
    kafka_note_ok(self);
}

static void kafka_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    struct kafka_sink *self = opaque;
    char text[sizeof self->trouble];
    const char *end = strstr(reason, " (after ");
    snprintf(text, sizeof text, "%.*s", end ? (int)(end - reason) : (int)strlen(reason), reason);
    switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        self->is_fatal = true;
        if (rd_kafka_fatal_error(client, text, sizeof text))
            log_change(self->log, LOG_LEVEL_WARNING, "sink",
                       "topic %s: the producer failed (%s); creating a new one", self->topic, text);
        break;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        kafka_note_failing(self, self->trouble[0] ? self->trouble : text);
        break;
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        kafka_note_failing(self, text);
        break;
    default:
        memcpy(self->trouble, text, sizeof text);
        log_debug(self->log, "sink", "topic %s: %s", self->topic, text);
    }
}

/* While nothing is on its way, only the statistics show that a broker is back. */
static int kafka_statistics(rd_kafka_t *client, char *json, size_t size, void *opaque) {
    (void)client;
    (void)size;
    struct kafka_sink *self = opaque;
    lock_acquire(&self->queue.mutex, sink_lock);
    bool is_idle_and_failing = !self->queue.is_ok && sink_queue_open(&self->queue) == 0;
    lock_release(&self->queue.mutex, sink_lock);
    if (is_idle_and_failing && strstr(json, "\"state\":\"UP\""))
        kafka_note_ok(self);
    return 0;
}

static void kafka_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    struct kafka_sink *self = rd_kafka_opaque(client);
    bool is_reported_elsewhere = strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0 ||
                                 strcmp(facility, "FATAL") == 0 ||
                                 strcmp(facility, "CONFWARN") == 0;
    enum log_level ours = is_reported_elsewhere || level >= 7 ? LOG_LEVEL_DEBUG
                          : level <= 3                        ? LOG_LEVEL_ERROR
                          : level == 4                        ? LOG_LEVEL_WARNING
                                                              : LOG_LEVEL_INFO;
    if (log_is_on(self->log, "sink", ours))
        log_write(self->log, ours, "sink", "producer of %s: %s: %s", self->topic, facility, text);
}

static bool client_open(struct kafka_sink *self, struct error *error) {
    const struct producer_callbacks callbacks = {self, kafka_delivered, kafka_error,
                                                 kafka_statistics, kafka_log};
    self->client = producer_new(&self->setup, &callbacks, error);
    if (!self->client)
        return false;
    /* Also requests the topic's metadata, so that the first record need not wait for it. */
    self->handle = rd_kafka_topic_new(self->client, self->topic, NULL);
    if (!self->handle) {
        error_set(error, ERROR_INVALID, "topic \"%s\": %s", self->topic,
                  rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_destroy(self->client);
        self->client = NULL;
        return false;
    }
    self->is_fatal = false;
    self->is_alone = false;
    lock_acquire(&self->queue.mutex, sink_lock);
    self->events = rd_kafka_queue_get_main(self->client);
    lock_release(&self->queue.mutex, sink_lock);
    return true;
}

static struct sink_entry *first_sent(const struct kafka_sink *self) {
    lock_only_writer(sink_lock);
    return self->queue.sent.first;
}

/* First all that is on its way is returned through delivery reports. */
static void client_close(struct kafka_sink *self) {
    if (!self->client)
        return;
    rd_kafka_purge(self->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    int64_t until_ns = clock_monotonic_ns() + 2 * NS_PER_S;
    while (first_sent(self) != NULL && clock_monotonic_ns() < until_ns)
        rd_kafka_poll(self->client, 50);
    lock_acquire(&self->queue.mutex, sink_lock);
    rd_kafka_queue_destroy(self->events);
    self->events = NULL;
    lock_release(&self->queue.mutex, sink_lock);
    rd_kafka_topic_destroy(self->handle);
    rd_kafka_destroy(self->client);
    self->client = NULL;
    while (first_sent(self) != NULL) /* none, unless librdkafka forgot one */
        entry_put_back(self, first_sent(self));
}

static void client_renew(struct kafka_sink *self) {
    kafka_pause(self);
    self->is_fatal = false;
    client_close(self);
    struct error error;
    if (!client_open(self, &error))
        kafka_note_failing(self, error.text);
}

/* Takes the next one that may be produced now, and moves it to `sent`; NULL: none. */
static struct sink_entry *entry_next(struct kafka_sink *self) {
    struct sink_queue *queue = &self->queue;
    lock_acquire(&queue->mutex, sink_lock);
    sink_queue_gather(queue);
    struct sink_entry *entry = queue->waiting.first;
    if (self->is_alone || (entry && entry->is_suspect && queue->sent.first))
        entry = NULL;
    if (entry) {
        self->is_alone = entry->is_suspect;
        sink_list_remove(&queue->waiting, entry);
        sink_list_insert(&queue->sent, entry);
    }
    lock_release(&queue->mutex, sink_lock);
    return entry;
}

/* Returns how long the thread may wait for events then. */
static int kafka_produce(struct kafka_sink *self) {
    int64_t now = clock_monotonic_ns();
    if (now < self->resume_ns) {
        int64_t wait_ms = (self->resume_ns - now) / NS_PER_MS + 1;
        return wait_ms < POLL_HELD_MS ? (int)wait_ms : POLL_HELD_MS;
    }
    struct sink_entry *entry;
    while ((entry = entry_next(self))) {
        rd_kafka_resp_err_t code = kafka_record_produce(self->client, self->handle, entry);
        if (!code)
            continue;
        if (entry->is_suspect)
            self->is_alone = false;
        entry_refused(self, entry, code);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return POLL_FULL_MS;
        if (!kafka_record_is_refused_for_good(code) || self->is_fatal ||
            clock_monotonic_ns() < self->resume_ns)
            return 0;
    }
    return POLL_IDLE_MS;
}

/* Serves reports and errors. A push after the last look at the queue ends the wait. */
static void kafka_wait(struct kafka_sink *self, int wait_ms) {
    struct sink_queue *queue = &self->queue;
    lock_acquire(&queue->mutex, sink_lock);
    const bool has_waiting = sink_queue_has_waiting(queue);
    bool is_held = wait_ms < POLL_IDLE_MS || self->is_alone ||
                   (has_waiting && queue->waiting.first->is_suspect);
    bool can_wait = (is_held || !has_waiting) && sink_inbox_set_idle(&queue->inbox);
    if (queue->is_stopping) {
        int64_t remains_ms = (queue->stop_ns - clock_monotonic_ns()) / NS_PER_MS;
        if (remains_ms < wait_ms)
            wait_ms = remains_ms > 0 ? (int)remains_ms : 0;
    }
    self->is_waiting = can_wait;
    lock_release(&queue->mutex, sink_lock);

    if (self->client)
        rd_kafka_poll(self->client, can_wait ? wait_ms : 0);
    lock_acquire(&queue->mutex, sink_lock);
    sink_inbox_set_busy(&queue->inbox);
    self->is_waiting = false;
    /* Without a client there is nothing else to wait for; being stopped ends it. */
    if (!self->client)
        sink_queue_wait(queue, &queue->work, clock_monotonic_ns() + wait_ms * NS_PER_MS);
    lock_release(&queue->mutex, sink_lock);
}

static bool kafka_is_over(struct kafka_sink *self) {
    struct sink_queue *queue = &self->queue;
    lock_acquire(&queue->mutex, sink_lock);
    bool is_over = queue->is_stopping &&
                   (sink_queue_open(queue) == 0 || clock_monotonic_ns() >= queue->stop_ns);
    lock_release(&queue->mutex, sink_lock);
    return is_over;
}

static void kafka_free(struct kafka_sink *self) {
    sink_queue_release(&self->queue);
    producer_setup_release(&self->setup);
    free(self->topic);
    free(self);
}

static void *kafka_run(void *argument) {
    struct kafka_sink *self = argument;
    while (!kafka_is_over(self)) {
        if (self->is_fatal || (!self->client && clock_monotonic_ns() >= self->resume_ns))
            client_renew(self);
        kafka_wait(self, self->client ? kafka_produce(self) : POLL_HELD_MS);
    }
    client_close(self);
    if (sink_thread_end(&self->queue))
        kafka_free(self);
    return NULL;
}

/* With the mutex held. */
REQUIRES(sink_lock) static void kafka_wake(void *context) {
    struct kafka_sink *self = context;
    if (self->is_waiting && self->events)
        rd_kafka_queue_yield(self->events);
}

static bool kafka_push(struct sink *sink, struct delivery *delivery) {
    struct kafka_sink *self = (struct kafka_sink *)sink;
    if (sink_inbox_push(&self->queue.inbox, delivery)) {
        lock_acquire(&self->queue.mutex, sink_lock);
        kafka_wake(self);
        self->is_waiting = false; /* once is enough */
        lock_release(&self->queue.mutex, sink_lock);
    }
    return true;
}

static bool kafka_flush(struct sink *sink, int timeout_ms) {
    return sink_queue_flush(&((struct kafka_sink *)sink)->queue, timeout_ms);
}

static bool kafka_reopen(struct sink *sink, struct error *error) {
    (void)sink; /* no file */
    (void)error;
    return true;
}

static void kafka_status(struct sink *sink, struct sink_status *status) {
    status->name = "kafka";
    sink_queue_status(&((struct kafka_sink *)sink)->queue, status);
}

static void kafka_close(struct sink *sink, int timeout_ms) {
    struct kafka_sink *self = (struct kafka_sink *)sink;
    struct log *log = self->log;
    char topic[256];
    snprintf(topic, sizeof topic, "%s", self->topic);
    if (sink_thread_stop(&self->queue, self->thread, timeout_ms, kafka_wake, self))
        kafka_free(self);
    else
        log_error(log, "sink", "topic %s: the producer did not terminate within %d ms; abandoned",
                  topic, timeout_ms);
}

static const struct sink_ops KAFKA_OPS = {
    .push = kafka_push,
    .flush = kafka_flush,
    .reopen = kafka_reopen,
    .status = kafka_status,
    .close = kafka_close,
};

struct sink *sink_kafka_new(const char *topic, const struct config_items *properties,
                            const char *bootstrap_servers, struct log *log, struct error *error) {
    struct kafka_sink *self = calloc(1, sizeof *self);
    if (!self) {
        error_set_memory(error, topic);
        return NULL;
    }
    self->sink.ops = &KAFKA_OPS;
    self->log = log;
    self->pause_ns = PAUSE_FIRST_NS;
    self->topic = strdup(topic);
    if (!sink_queue_init(&self->queue) || !self->topic ||
        !producer_setup_init(&self->setup, properties, bootstrap_servers)) {
        error_set_memory(error, topic);
        goto failed;
    }
    if (!client_open(self, error))
        goto failed;
    if (!thread_start(&self->thread, "take5-sink", kafka_run, self, error)) {
        client_close(self);
        goto failed;
    }
    return &self->sink;

failed:
    kafka_free(self);
    return NULL;
}
