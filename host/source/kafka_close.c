/*
 * Leaving. The group is left through a queue, so that the listener is told on this thread and the
 * wait is bounded; the client is destroyed on a thread of its own, since that call has no bound.
 */
#include "base/clock.h"
#include "source/kafka_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLOSE_POLL_MS 50
#define DESTROY_NS    (5 * NS_PER_S)

static bool close_is_over(int64_t until_ns) {
    return clock_monotonic_ns() >= until_ns;
}

/* Serves what leaving brings (the revocation) until the group is left. */
static bool close_group(struct kafka_source *self, int64_t until_ns) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(self->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(self->client, queue);
    if (error) {
        log_warning(self->log, KAFKA_ROOM, "leaving the group: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        rd_kafka_queue_destroy(queue);
        return true; /* nothing to wait for */
    }
    while (!rd_kafka_consumer_closed(self->client) && !close_is_over(until_ns))
        rd_kafka_queue_poll_callback(queue, CLOSE_POLL_MS);
    bool is_closed = rd_kafka_consumer_closed(self->client) != 0;
    rd_kafka_queue_destroy(queue);
    return is_closed;
}

static void *destroy_run(void *argument) {
    rd_kafka_destroy(argument);
    return NULL;
}

/* False: still at it when the time was over; the thread is left to itself. */
static bool close_destroy(struct kafka_source *self, int64_t until_ns) {
    pthread_t thread;
    int code = pthread_create(&thread, NULL, destroy_run, self->client);
    if (code) {
        rd_kafka_destroy(self->client);
        return true;
    }
    /* Some time in any case: it is mostly done at once. */
    int64_t remains_ns = until_ns - clock_monotonic_ns();
    if (remains_ns < 200 * NS_PER_MS)
        remains_ns = 200 * NS_PER_MS;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + remains_ns;
    until.tv_sec += (time_t)(ns / NS_PER_S);
    until.tv_nsec = (long)(ns % NS_PER_S);
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
    free(self->statistics);
    free(self->lags);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

bool kafka_close(struct source *source, int timeout_ms) {
    struct kafka_source *self = (struct kafka_source *)source;
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    /* A consumer that never joined has nothing to leave. */
    if (!self->client || !self->is_subscribed || close_group(self, until_ns))
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
    if (self->client && !close_destroy(self, clock_monotonic_ns() + DESTROY_NS)) {
        log_warning(self->log, KAFKA_ROOM, "librdkafka does not end");
        return false;
    }
    release(self);
    return true;
}
