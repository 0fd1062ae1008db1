/*
 * Leaving. The group is left through a queue, so that the listener is told on this thread and the
 * wait is bounded; the client is destroyed on a thread of its own, since that call has no bound.
 */
#include "base/clock.h"
#include "source/kafka_private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLOSE_POLL_MS 50
#define DESTROY_S     5

/* Serves what leaving brings (the revocation) until the group is left. */
static bool close_group(struct kafka_source *self) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(self->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(self->client, queue);
    if (error) {
        log_warning(self->log, KAFKA_ROOM, "leaving the group: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        rd_kafka_queue_destroy(queue);
        return true; /* nothing to wait for */
    }
    while (!rd_kafka_consumer_closed(self->client) && clock_monotonic_ns() < self->close_ns)
        rd_kafka_queue_poll_callback(queue, CLOSE_POLL_MS);
    bool is_closed = rd_kafka_consumer_closed(self->client) != 0;
    rd_kafka_queue_destroy(queue);
    return is_closed;
}

static void *destroy_run(void *argument) {
    /* The group is left, or it was not to be left in time: this must not try (again). */
    rd_kafka_destroy_flags(argument, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

/* False: still at it after DESTROY_NS; the thread is left to itself. */
static bool close_destroy(struct kafka_source *self) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all); /* the process's signals are for others */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&thread, NULL, destroy_run, self->client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code) {
        destroy_run(self->client);
        return true;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DESTROY_S;
    if (pthread_timedjoin_np(thread, NULL, &until) == 0)
        return true;
    pthread_detach(thread);
    return false;
}

static void release(struct kafka_source *self) {
    for (uint32_t i = 0; self->topics && i < self->topic_count; i++) {
        struct kafka_owned *owned = atomic_load(&self->topics[i].owned);
        while (owned) {
            struct kafka_owned *older = owned->older;
            free(owned);
            owned = older;
        }
        free(self->topics[i].committed);
        free(self->topics[i].name);
    }
    for (uint32_t i = 0; self->lanes && i < self->lane_count; i++)
        free(self->lanes[i].batch);
    if (self->conf)
        rd_kafka_conf_destroy(self->conf);
    if (self->assignment)
        rd_kafka_topic_partition_list_destroy(self->assignment);
    free(self->lanes);
    free(self->topics);
    free(self->servers);
    free(self->group);
    free(self->user);
    free(self->password);
    free(self->statistics);
    free(self->lags);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

bool kafka_close(struct source *source, int timeout_ms) {
    struct kafka_source *self = (struct kafka_source *)source;
    self->close_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    self->is_closed = true;
    /* A consumer that never joined has nothing to leave. */
    if (!self->client || !self->is_subscribed || close_group(self))
        return true;
    log_warning(self->log, KAFKA_ROOM,
                "the group was not left within %d ms; the broker will find out by "
                "session.timeout.ms",
                timeout_ms);
    return false;
}

bool kafka_free(struct source *source) {
    struct kafka_source *self = (struct kafka_source *)source;
    for (uint32_t i = 0; self->client && i < self->topic_count; i++)
        if (self->topics[i].handle)
            rd_kafka_topic_destroy(self->topics[i].handle);
    for (uint32_t i = 0; self->client && i < self->lane_count; i++)
        if (self->lanes[i].queue)
            rd_kafka_queue_destroy(self->lanes[i].queue);
    if (self->client && !close_destroy(self)) {
        log_warning(self->log, KAFKA_ROOM, "librdkafka did not end within %d s; it is left behind",
                    DESTROY_S);
        return false;
    }
    release(self);
    return true;
}
