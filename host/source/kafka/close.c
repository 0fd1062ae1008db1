/*
 * Leaving. The group is left through a queue, so that the listener is notified on this thread and
 * the wait is bounded; the client is destroyed on a thread of its own, since that call has no
 * bound.
 */
#include "base/clock.h"
#include "base/sync/thread.h"
#include "base/units.h"
#include "source/kafka/consumer_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLOSE_POLL_MS      50
#define DESTROY_S          5
#define ASSIGNMENT_WAIT_NS (4 * NS_PER_S)

/*
 * librdkafka before 2.3.0 aborts (its issue 4312) if a client is destroyed between the group's
 * answer to its joining and its first assignment, with an assignor that keeps a state:
 * cooperative-sticky. That moment cannot be seen from outside, so the assignment is awaited, and
 * declined: a broker lets a new group wait three seconds (group.initial.rebalance.delay.ms).
 */
static void await_assignment(struct kafka_source *self) {
    int64_t until_ns = clock_monotonic_ns() + ASSIGNMENT_WAIT_NS;
    if (until_ns > self->close_ns)
        until_ns = self->close_ns;
    while (self->keeps_assignor_state && self->is_subscribed && !self->was_rebalanced &&
           atomic_load(&self->is_connected) && clock_monotonic_ns() < until_ns) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(self->client, CLOSE_POLL_MS);
        if (message)
            rd_kafka_message_destroy(message);
    }
}

/* Serves the revocation until the group is left. */
static bool close_group(struct kafka_source *self) {
    if (rd_kafka_fatal_error(self->client, NULL, 0))
        return true; /* it is no longer in the group */
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
    /* The group is left, or could not be left in time: this must not try (again). */
    rd_kafka_destroy_flags(argument, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

/* False: not done after DESTROY_S; the thread is left to itself. */
static bool close_destroy(struct kafka_source *self, rd_kafka_t *client) {
    pthread_t thread;
    struct error error;
    if (!thread_start(&thread, "kafka-close", destroy_run, client, &error)) {
        destroy_run(client);
        return true;
    }
    if (thread_join_within(thread, DESTROY_S * NS_PER_S))
        return true;
    pthread_detach(thread);
    log_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "stop.client_abandoned",
              "librdkafka did not terminate within %d s; abandoned", DESTROY_S);
    return false;
}

static void release(struct kafka_source *self) {
    lock_alone(kafka_lock);
    for (uint32_t i = 0; self->topics && i < self->topic_count; i++) {
        struct kafka_owned *owned = atomic_load(&self->topics[i].owned);
        while (owned) {
            struct kafka_owned *older = owned->older;
            free(owned->added);
            free(owned);
            owned = older;
        }
        kafka_begin_forget(&self->topics[i]);
        free(self->topics[i].name);
    }
    for (uint32_t i = 0; self->lanes && i < self->lane_count; i++)
        free(self->lanes[i].batch);
    if (self->conf)
        rd_kafka_conf_destroy(self->conf);
    if (self->reader_conf)
        rd_kafka_conf_destroy(self->reader_conf);
    if (self->history_conf)
        rd_kafka_conf_destroy(self->history_conf);
    if (self->assignment)
        rd_kafka_topic_partition_list_destroy(self->assignment);
    free(self->lanes);
    free(self->topics);
    free(self->servers);
    free(self->group);
    kafka_member_free(self);
    free(self->user);
    free(self->password);
    free(self->statistics);
    free(self->lags);
    pthread_cond_destroy(&self->look_changed);
    pthread_mutex_destroy(&self->look_mutex);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

bool kafka_close(struct source *source, int timeout_ms) {
    struct kafka_source *self = (struct kafka_source *)source;
    self->close_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    self->is_closed = true;
    kafka_topics_ask_to_end(self);
    if (self->client) {
        await_assignment(self);
        kafka_member_leave(self);
    }
    const int kept = kafka_member_keeps(self) ? self->assignment->cnt : 0;
    /* A consumer that never joined has nothing to leave. */
    if (!self->client || !self->has_joined || close_group(self)) {
        if (kept > 0)
            kafka_member_log_kept(self, kept);
        return !self->is_uncommitted;
    }
    log_warning(self->log, KAFKA_ROOM,
                "could not leave the group within %d ms; the broker will notice after "
                "session.timeout.ms",
                timeout_ms);
    return false;
}

bool kafka_free(struct source *source) {
    struct kafka_source *self = (struct kafka_source *)source;
    kafka_topics_end(self);
    kafka_history_release(self);
    for (uint32_t i = 0; self->topics && i < self->topic_count; i++)
        kafka_group_release_parts(&self->topics[i]);
    for (uint32_t i = 0; self->client && i < self->topic_count; i++)
        if (self->topics[i].handle)
            rd_kafka_topic_destroy(self->topics[i].handle);
    for (uint32_t i = 0; self->client && i < self->lane_count; i++)
        if (self->lanes[i].queue)
            rd_kafka_queue_destroy(self->lanes[i].queue);
    if (atomic_load(&self->control_queue))
        rd_kafka_queue_destroy(atomic_load(&self->control_queue));
    if ((self->history_client && !close_destroy(self, self->history_client)) ||
        (self->client && !close_destroy(self, self->client)))
        return false;
    release(self);
    return true;
}
