#include "engine/lane/publisher.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void confirmed(struct delivery *delivery) {
    struct in_flight *in_flight = delivery->owner;
    if (in_flight != NULL)
        in_flight_release(in_flight);
}

/* Pushes to every sink. A push that finally fails keeps its hold, so that the offset does not move:
 * the message comes again after the restart that the breakdown causes. */
static void send(struct publisher *publisher, struct delivery *delivery, struct sink *const *sinks,
                 size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct patience patience = PATIENCE_INIT;
        while (!sinks[i]->ops->push(sinks[i], delivery) &&
               breakdown_wait(publisher->breakdown, &patience,
                              delivery->kind == DELIVERY_DEAD_LETTER ? "a sink's dead letter"
                                                                     : "a sink's signal")) {}
    }
}

static size_t count_signal_holders(const struct publisher *publisher) {
    return publisher->signal_sink_count + (publisher->transactors != NULL);
}

bool publisher_holds_signals(const struct publisher *publisher) {
    return count_signal_holders(publisher) > 0;
}

bool publisher_has_dead_letters(const struct publisher *publisher) {
    return publisher->dead_letter_sink != NULL || publisher->has_transactional_dead_letters;
}

struct delivery *publisher_signal(const struct publisher *publisher, struct task *task,
                                  const struct emitted_signal *emitted, struct in_flight *in_flight,
                                  uint64_t sequence, struct blocks *blocks) {
    const struct deployment *deployment = task->deployment;
    const struct signal signal = {
        .name = emitted->name,
        .symbol = emitted->symbol,
        .deployment = t5_text(deployment->name),
        .strategy = t5_text(deployment->description->name),
        .version = t5_text(deployment->description->version),
        .origin = t5_text(task->origin),
        .topic = t5_text(topics_name(publisher->topics, task->cause.topic)),
        .partition = task->cause.partition,
        .offset = task->cause.offset,
        .ordinal = task->cause.ordinal,
        .event_time_ns = emitted->event_time_ns,
        .value = emitted->value,
        .confidence = emitted->confidence,
        .price = emitted->price,
        .time_frame_s = emitted->time_frame_s,
        .value_count = emitted->value_count,
        .named = emitted->values,
        .names = emitted->names,
        .data = emitted->data,
    };
    struct delivery *delivery = delivery_new(&(struct delivery){
        .kind = DELIVERY_SIGNAL,
        .unconfirmed = (uint32_t)count_signal_holders(publisher),
        .signal = &signal,
        .done = confirmed,
        .owner = in_flight,
        .owner_word = sequence,
        .blocks = blocks,
    });
    task->cause.ordinal += delivery != NULL;
    return delivery;
}

bool publisher_takes_point(struct publisher *publisher) {
    if (publisher->holds_points ||
        atomic_load_explicit(&publisher->open_points, memory_order_relaxed) < PUBLISHER_MAX_POINTS)
        return true;
    atomic_fetch_add_explicit(&publisher->dropped_points, 1, memory_order_relaxed);
    return false;
}

static void point_taken(struct delivery *delivery) {
    struct publisher *publisher = delivery->owner;
    atomic_fetch_sub_explicit(&publisher->open_points, 1, memory_order_relaxed);
}

struct delivery *publisher_point(struct publisher *publisher, const struct task *task,
                                 const struct published_point *point, struct in_flight *in_flight,
                                 uint64_t sequence, struct blocks *blocks) {
    const struct signal signal = {
        .name = point->series,
        .symbol = point->symbol,
        .deployment = t5_text(task->deployment->name),
        .topic = t5_text(topics_name(publisher->topics, task->cause.topic)),
        .partition = task->cause.partition,
        .offset = task->cause.offset,
        .event_time_ns = point->event_time_ns,
        .value = point->value,
        .time_frame_s = point->time_frame_s,
    };
    const bool holds = in_flight != NULL;
    return delivery_new(&(struct delivery){
        .kind = DELIVERY_POINT,
        .unconfirmed = 1,
        .signal = &signal,
        .done = holds ? confirmed : point_taken,
        .owner = holds ? (void *)in_flight : publisher,
        .owner_word = sequence,
        .blocks = blocks,
    });
}

static void send_point(struct publisher *publisher, struct delivery *delivery) {
    atomic_fetch_add_explicit(&publisher->points, 1, memory_order_relaxed);
    if (publisher->holds_points)
        in_flight_add_hold(delivery->owner);
    else
        atomic_fetch_add_explicit(&publisher->open_points, 1, memory_order_relaxed);
    send(publisher, delivery, &publisher->point_sink, 1);
    delivery_release(delivery);
}

#define MAX_RECORD_HEADERS  64
#define DEAD_LETTER_HEADERS 6

/* The record's own headers, then room for the dead letter's. Returns how many of its own there are;
 * those above the limit are left out, which is logged. */
static size_t own_headers(struct publisher *publisher, struct source *source,
                          const struct record *record, struct delivery_header *headers) {
    struct record_header own[MAX_RECORD_HEADERS];
    if (source == NULL || source->ops->headers == NULL)
        return 0;
    size_t count = source->ops->headers(source, record, own, MAX_RECORD_HEADERS);
    if (count > MAX_RECORD_HEADERS) {
        log_warning(publisher->log, "engine",
                    "%s/%" PRId32 "/%" PRId64
                    ": the record has %zu headers; its dead letter keeps the first %d",
                    topics_name(publisher->topics, record->topic), record->partition,
                    record->offset, count, MAX_RECORD_HEADERS);
        count = MAX_RECORD_HEADERS;
    }
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct delivery_header){own[i].name, own[i].value, own[i].value_size};
    return count;
}

struct delivery *publisher_dead_letter(struct publisher *publisher, struct source *source,
                                       const struct record *record, const char *reason,
                                       const char *message, const char *deployment,
                                       struct in_flight *in_flight) {
    const char *topic = topics_name(publisher->topics, record->topic);
    char partition[16], offset[24];
    snprintf(partition, sizeof partition, "%" PRId32, record->partition);
    snprintf(offset, sizeof offset, "%" PRId64, record->offset);
    const struct delivery_header dead_letter_headers[DEAD_LETTER_HEADERS] = {
        {"__take5.errors.reason", reason, strlen(reason)},
        {"__take5.errors.message", message, strlen(message)},
        {"__take5.errors.strategy", deployment, deployment != NULL ? strlen(deployment) : 0},
        {"__take5.errors.topic", topic, strlen(topic)},
        {"__take5.errors.partition", partition, strlen(partition)},
        {"__take5.errors.offset", offset, strlen(offset)},
    };
    struct delivery_header headers[MAX_RECORD_HEADERS + DEAD_LETTER_HEADERS];
    const size_t own = own_headers(publisher, source, record, headers);
    memcpy(headers + own, dead_letter_headers, sizeof dead_letter_headers);
    const struct delivery_text text = {
        .value = record->payload,
        .value_size = record->payload_size,
        .headers = headers,
        .header_count = own + DEAD_LETTER_HEADERS,
    };
    return delivery_new(&(struct delivery){
        .kind = DELIVERY_DEAD_LETTER,
        .unconfirmed = 1,
        .key = record->key,
        .key_size = record->key_size,
        .time_ms = record->kafka_time_ms == RECORD_NO_TIME ? -1 : record->kafka_time_ms,
        .text = &text,
        .deployment = deployment,
        .done = confirmed,
        .owner = in_flight,
    });
}

void publisher_send(struct publisher *publisher, struct delivery *delivery) {
    if (delivery->kind == DELIVERY_POINT) {
        send_point(publisher, delivery);
        return;
    }
    const bool is_signal = delivery->kind == DELIVERY_SIGNAL;
    const size_t sinks =
        is_signal ? publisher->signal_sink_count : publisher->dead_letter_sink != NULL;
    atomic_fetch_add_explicit(is_signal ? &publisher->signals : &publisher->dead_letters, 1,
                              memory_order_relaxed);
    if (delivery->owner != NULL && (!is_signal || publisher_holds_signals(publisher)))
        in_flight_add_hold(delivery->owner);
    send(publisher, delivery, is_signal ? publisher->signal_sinks : &publisher->dead_letter_sink,
         sinks);
    delivery_release(delivery);
}
