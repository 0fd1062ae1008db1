#include "engine/outbox.h"

#include "base/clock.h"
#include "base/text.h"
#include "engine/lane.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void confirmed(struct parcel *parcel) {
    struct pending *pending = parcel->owner;
    if (pending != NULL)
        pending_drop(pending);
}

/* Pushes to every sink. A push that fails keeps its hold, so that the offset does not move: the
 * message comes again after a restart. */
static void send(struct outbox *outbox, struct parcel *parcel, struct sink *const *sinks,
                 size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!sinks[i]->ops->push(sinks[i], parcel))
            log_write(outbox->log, LOG_LEVEL_CRITICAL, "sink",
                      "out of memory: a %s could not be queued; its offset is held back until a "
                      "restart",
                      parcel->kind == PARCEL_SIGNAL ? "signal" : "dead letter");
    }
}

static const char *topic_name(const struct outbox *outbox, uint32_t topic) {
    return topic < outbox->config->topic_count ? outbox->config->topics[topic].name : "-";
}

/* DEPLOYMENT/TOPIC/PARTITION/OFFSET/ORDINAL: names the cause, so that the same state and the same
 * order give the same ids, also after a crash. */
static void write_id(struct text *text, const struct outbox *outbox, const struct seat *seat) {
    text_printf(text, "%s/%s/%" PRId32 "/%" PRId64 "/%" PRIu32, seat->deployment->name,
                topic_name(outbox, seat->cause.topic), seat->cause.partition, seat->cause.offset,
                seat->cause.ordinal);
}

static void write_signal(struct text *text, const struct outbox *outbox, const struct seat *seat,
                         const struct emission *emission, const char *id) {
    const struct description *description = seat->deployment->description;
    text_puts(text, "{\"id\":");
    text_json_string(text, id, strlen(id));
    text_puts(text, ",\"deployment\":");
    text_json_string(text, seat->deployment->name, strlen(seat->deployment->name));
    text_puts(text, ",\"strategy\":");
    text_json_string(text, description->name, strlen(description->name));
    text_puts(text, ",\"version\":");
    text_json_string(text, description->version, strlen(description->version));
    text_puts(text, ",\"name\":");
    text_json_string(text, emission->name.data, emission->name.len);
    text_puts(text, ",\"symbol\":");
    text_json_string(text, emission->symbol.data, emission->symbol.len);
    text_puts(text, ",\"event_time\":\"");
    text_time_ns(text, emission->event_time_ns);
    text_puts(text, "\",\"event_time_ns\":");
    text_json_integer(text, emission->event_time_ns);
    text_puts(text, ",\"value\":");
    text_json_number(text, emission->value);
    text_puts(text, ",\"confidence\":");
    text_json_number(text, emission->confidence);
    text_puts(text, ",\"topic\":");
    const char *topic = topic_name(outbox, seat->cause.topic);
    text_json_string(text, topic, strlen(topic));
    text_printf(text, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64, seat->cause.partition,
                seat->cause.offset);
    if (emission->data.len > 0) {
        text_puts(text, ",\"data\":");
        text_append(text, emission->data.data, emission->data.len);
    }
    text_putc(text, '}');
}

static void write_line(struct text *text, const struct seat *seat, const struct emission *emission,
                       const char *id) {
    text_printf(text, "%.*s %.*s %.6g (confidence %.2f) by %s, id %s", (int)emission->name.len,
                emission->name.data, (int)emission->symbol.len,
                emission->symbol.data != NULL ? emission->symbol.data : "", emission->value,
                emission->confidence, seat->deployment->name, id);
}

static bool is_line_wanted(struct sink *const *sinks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (sinks[i]->wants_lines)
            return true;
    }
    return false;
}

bool outbox_signal(struct outbox *outbox, struct seat *seat, const struct emission *emission,
                   struct pending *pending, uint64_t sequence) {
    struct text id, value, line;
    text_init(&id);
    text_init(&value);
    text_init(&line);
    write_id(&id, outbox, seat);
    write_signal(&value, outbox, seat, emission, id.data);
    if (is_line_wanted(outbox->signal_sinks, outbox->signal_sink_count))
        write_line(&line, seat, emission, id.data);
    bool did = false;
    if (text_is_short(&id) || text_is_short(&value) || text_is_short(&line))
        goto done;
    const struct parcel_header headers[] = {
        {"take5-signal-id", id.data, id.size},
        {"take5-state-origin", seat->origin, strlen(seat->origin)},
    };
    struct parcel *parcel = parcel_new(&(struct parcel){
        .kind = PARCEL_SIGNAL,
        .unconfirmed = (uint32_t)outbox->signal_sink_count,
        .key = emission->symbol.data,
        .key_size = emission->symbol.len,
        .value = value.data,
        .value_size = value.size,
        .time_ms = emission->event_time_ns / NS_PER_MS,
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
        .line = line.data,
        .deployment = seat->deployment->name,
        .done = confirmed,
        .owner = pending,
        .owner_word = sequence,
    });
    if (parcel == NULL)
        goto done;
    did = true;
    if (seat->partition->home->options.observed != NULL)
        observe_signal(seat->partition->home->options.observed, seat->partition->number,
                       emission->name.data, emission->name.len, parcel);
    seat->cause.ordinal++;
    atomic_fetch_add_explicit(&outbox->signals, 1, memory_order_relaxed);
    if (outbox->signal_sink_count > 0) {
        if (pending != NULL)
            pending_add_hold(pending);
        send(outbox, parcel, outbox->signal_sinks, outbox->signal_sink_count);
    }
    parcel_release(parcel);
done:
    text_release(&id);
    text_release(&value);
    text_release(&line);
    return did;
}

#define MAX_RECORD_HEADERS 64
#define LETTER_HEADERS     6

/* The record's own headers, then room for the letter's. Gives how many of its own there are; what
 * is above the limit is left out, and said. */
static size_t own_headers(struct outbox *outbox, struct source *source, const struct record *record,
                          struct parcel_header *headers) {
    struct record_header own[MAX_RECORD_HEADERS];
    if (source == NULL || source->ops->headers == NULL)
        return 0;
    size_t count = source->ops->headers(source, record, own, MAX_RECORD_HEADERS);
    if (count > MAX_RECORD_HEADERS) {
        log_warning(outbox->log, "engine",
                    "%s/%" PRId32 "/%" PRId64
                    ": the record has %zu headers; its dead letter keeps the first %d",
                    topic_name(outbox, record->topic), record->partition, record->offset, count,
                    MAX_RECORD_HEADERS);
        count = MAX_RECORD_HEADERS;
    }
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct parcel_header){own[i].name, own[i].value, own[i].value_size};
    return count;
}

bool outbox_letter(struct outbox *outbox, struct source *source, const struct record *record,
                   const char *reason, const char *message, const char *deployment,
                   struct pending *pending) {
    atomic_fetch_add_explicit(&outbox->letters, 1, memory_order_relaxed);
    if (outbox->letter_sink == NULL)
        return true;
    const char *topic = topic_name(outbox, record->topic);
    char partition[16], offset[24];
    snprintf(partition, sizeof partition, "%" PRId32, record->partition);
    snprintf(offset, sizeof offset, "%" PRId64, record->offset);
    struct text line;
    text_init(&line);
    text_printf(&line, "dead letter %s/%s/%s: %s: %s", topic, partition, offset, reason, message);
    const struct parcel_header letter_headers[LETTER_HEADERS] = {
        {"__take5.errors.reason", reason, strlen(reason)},
        {"__take5.errors.message", message, strlen(message)},
        {"__take5.errors.strategy", deployment, deployment != NULL ? strlen(deployment) : 0},
        {"__take5.errors.topic", topic, strlen(topic)},
        {"__take5.errors.partition", partition, strlen(partition)},
        {"__take5.errors.offset", offset, strlen(offset)},
    };
    struct parcel_header headers[MAX_RECORD_HEADERS + LETTER_HEADERS];
    const size_t own = own_headers(outbox, source, record, headers);
    memcpy(headers + own, letter_headers, sizeof letter_headers);
    struct parcel *parcel = parcel_new(&(struct parcel){
        .kind = PARCEL_LETTER,
        .unconfirmed = 1,
        .key = record->key,
        .key_size = record->key_size,
        .value = record->payload,
        .value_size = record->payload_size,
        .time_ms = record->kafka_time_ms == RECORD_NO_TIME ? -1 : record->kafka_time_ms,
        .headers = headers,
        .header_count = own + LETTER_HEADERS,
        .line = line.data,
        .deployment = deployment,
        .done = confirmed,
        .owner = pending,
    });
    const bool did = parcel != NULL && !text_is_short(&line);
    if (did) {
        pending_add_hold(pending);
        send(outbox, parcel, &outbox->letter_sink, 1);
    }
    if (parcel != NULL)
        parcel_release(parcel);
    text_release(&line);
    return did;
}
