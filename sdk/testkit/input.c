/* Messages, time and events, into the instance. */
#include "kit.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- what every call begins with ---- */

static int32_t begin(t5_kit *kit) {
    if (kit->now.instance == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "nothing runs: t5_kit_start() first");
    kit_enter(kit);
    if (atomic_exchange(&kit->is_wake_wanted, false))
        instance_woken(kit->now.instance);
    return T5_OK;
}

/* Index into the topics that the strategy wants; -1: it does not want this one. */
static int64_t topic_index(const t5_kit *kit, const char *role) {
    for (size_t i = 0; i < kit->description->topic_count; i++)
        if (strcmp(kit->description->topics[i], role) == 0)
            return (int64_t)i;
    return -1;
}

/* Gives a message that is complete but for symbol id, topic and fields. */
static int32_t give(t5_kit *kit, t5_message *message, size_t topic) {
    message->symbol_id =
        symbols_intern(kit->symbols, message->symbol.data, message->symbol.len, NULL);
    if (message->symbol_id == SYMBOL_NONE)
        return kit_problem(kit, T5_KIT_BAD_MESSAGE, "no room for another symbol");
    message->topic_name = t5_text(kit->description->topics[topic]);
    message->partition = kit->partition;
    kit->offsets[topic] = message->offset + 1;
    kit->offset_current_call = message->offset;
    uint64_t ticks = clock_ticks();
    const int32_t code = instance_message(kit->now.instance, message, (uint32_t)topic, &ticks);
    kit->offset_current_call = -1;
    if (code != T5_OK)
        (void)kit_problem(kit, code, "on_message: %s", instance_error(kit->now.instance));
    return code;
}

/* ---- JSON ---- */

static int32_t decode_and_give(t5_kit *kit, const t5_kit_record *given, size_t topic) {
    const struct record record = {
        .payload = given->payload.data,
        .payload_size = given->payload.len,
        .key = given->key.data,
        .key_size = given->key.len,
        .kafka_time_ms =
            given->kafka_time_ns != 0 ? given->kafka_time_ns / NS_PER_MS : RECORD_NO_TIME,
        .offset = given->offset >= 0 ? given->offset : kit->offsets[topic],
        .partition = given->partition,
    };
    t5_message message;
    uint32_t warnings = 0;
    memset(&message, 0, sizeof message);
    const enum decode_reason reason =
        decoder_decode(kit->now.decoder, &record, &message, &warnings);
    if (reason != DECODE_OK) {
        kit->offsets[topic] = record.offset + 1;
        return kit_problem(kit, T5_KIT_BAD_MESSAGE, "%s: %s", decode_reason_name(reason),
                           decoder_error(kit->now.decoder));
    }
    return give(kit, &message, topic);
}

int32_t t5_kit_feed(t5_kit *kit, const t5_kit_record *record) {
    int32_t code = begin(kit);
    if (code != T5_OK)
        return code;
    const char *role = record->topic;
    if (role == NULL)
        role = decode_shape(record->payload.data, record->payload.len);
    const int64_t topic = role != NULL ? topic_index(kit, role) : -1;
    if (role == NULL)
        code = kit_problem(kit, T5_KIT_BAD_MESSAGE,
                           "no topic is named, and the payload's shape indicates none");
    else if (topic < 0)
        code = kit_problem(kit, T5_KIT_NOT_WANTED, "the strategy does not want topic %s", role);
    else
        code = decode_and_give(kit, record, (size_t)topic);
    kit_leave(kit);
    return code;
}

int32_t t5_kit_json(t5_kit *kit, const char *topic, const char *json) {
    const t5_kit_record record = t5_kit_record_init(topic, json);
    return t5_kit_feed(kit, &record);
}

/* ---- typed ---- */

static uint32_t flag_of(double number, uint32_t flag) {
    return number == number ? flag : 0;
}

static void fill(const t5_kit_message *given, t5_message *message) {
    const double price = given->price == given->price ? given->price : given->close;
    const uint32_t marks = T5_MESSAGE_TIME_SUSPECT | T5_MESSAGE_HISTORY | T5_MESSAGE_REDRIVE;
    *message = (t5_message){
        .size = (uint32_t)sizeof *message,
        .flags =
            (given->flags & marks) | T5_MESSAGE_HAS_EVENT_TIME |
            (given->time_frame_s > 0 ? T5_MESSAGE_HAS_TIME_FRAME : 0u) |
            flag_of(price, T5_MESSAGE_HAS_PRICE) | flag_of(given->volume, T5_MESSAGE_HAS_VOLUME) |
            flag_of(given->open, T5_MESSAGE_HAS_OPEN) | flag_of(given->high, T5_MESSAGE_HAS_HIGH) |
            flag_of(given->low, T5_MESSAGE_HAS_LOW) | flag_of(given->close, T5_MESSAGE_HAS_CLOSE),
        .symbol = t5_text(given->symbol),
        .time_frame_s = given->time_frame_s,
        .event_time_ns = given->event_time_ns,
        .price = price,
        .volume = given->volume,
        .open = given->open,
        .high = given->high,
        .low = given->low,
        .close = given->close,
        .key = {"", 0},
        .payload = {"", 0},
    };
}

/* Fields that are not given are MISSING. */
static int32_t fill_slots(t5_kit *kit, const t5_kit_message *given) {
    const t5_value missing = {.type = T5_VALUE_MISSING, .number = (double)NAN};
    const uint32_t count = projection_slots(kit->now.projection);
    struct error error;
    for (uint32_t i = 0; i < count; i++)
        kit->now.slots[i] = missing;
    for (uint32_t i = 0; i < given->field_count; i++) {
        const t5_kit_field *field = &given->fields[i];
        uint32_t slot;
        if (!projection_add(kit->now.projection, field->path, strlen(field->path), &slot, &error))
            return kit_problem(kit, T5_KIT_MISUSE,
                               "the strategy does not want the field \"%s\" (%s)", field->path,
                               error.text);
        kit->now.slots[slot] = field->value;
    }
    return T5_OK;
}

int32_t t5_kit_send(t5_kit *kit, const t5_kit_message *given) {
    t5_message message;
    int32_t code = begin(kit);
    if (code != T5_OK)
        return code;
    const int64_t topic = given->topic != NULL ? topic_index(kit, given->topic) : 0;
    if (given->symbol == NULL || given->symbol[0] == '\0')
        code = kit_problem(kit, T5_KIT_MISUSE, "a message without a symbol");
    else if (topic < 0)
        code = kit_problem(kit, T5_KIT_NOT_WANTED, "the strategy does not want topic %s",
                           given->topic);
    else
        code = fill_slots(kit, given);
    if (code == T5_OK) {
        fill(given, &message);
        message.slots = kit->now.slots;
        message.offset = kit->offsets[topic];
        code = give(kit, &message, (size_t)topic);
    }
    kit_leave(kit);
    return code;
}

/* ---- time ---- */

/* The clock moves with messages alone, so it gets one that the kit keeps from on_message. */
static void tick(t5_kit *kit, int64_t time_ns) {
    t5_message message;
    t5_kit_message given = t5_kit_message_init(NULL, "", time_ns);
    given.flags = T5_MESSAGE_REDRIVE;
    fill(&given, &message);
    message.symbol_id = T5_NO_SYMBOL;
    message.slots = kit->now.slots;
    message.topic_name = t5_text(kit->description->topics[0]);
    message.partition = kit->partition;
    message.offset = -1;
    uint64_t ticks = clock_ticks();
    kit->is_tick = true;
    (void)instance_message(kit->now.instance, &message, 0, &ticks);
    kit->is_tick = false;
}

int32_t t5_kit_advance(t5_kit *kit, int64_t time_ns) {
    const int32_t code = begin(kit);
    if (code != T5_OK)
        return code;
    if (time_ns > instance_event_clock_ns(kit->now.instance))
        tick(kit, time_ns);
    if (kit->mode != T5_MODE_REPLAY && kit->mode != T5_MODE_CHECK && time_ns > kit->wall_ns) {
        kit->wall_ns = time_ns;
        (void)instance_wall_timers(kit->now.instance, time_ns);
    }
    kit_leave(kit);
    return T5_OK;
}

int64_t t5_kit_now(const t5_kit *kit) {
    return kit->now.instance != NULL ? instance_event_clock_ns(kit->now.instance) : 0;
}

/* ---- events ---- */

int32_t t5_kit_event(t5_kit *kit, const t5_event *given) {
    const int32_t code = begin(kit);
    if (code != T5_OK)
        return code;
    t5_event event = *given;
    if (event.size == 0)
        event.size = (uint32_t)sizeof event;
    instance_event(kit->now.instance, &event);
    kit_leave(kit);
    return T5_OK;
}

struct expiry {
    t5_kit *kit;
    uint32_t id;
    bool is_done;
};

static void expired(void *context, uint32_t id, const char *text, size_t size) {
    struct expiry *expiry = context;
    if (id == expiry->id)
        expiry->is_done = true;
    instance_symbol_expired(expiry->kit->now.instance, id, text, size);
}

int32_t t5_kit_expire(t5_kit *kit, const char *symbol) {
    const int32_t code = begin(kit);
    if (code != T5_OK)
        return code;
    struct expiry expiry = {kit, symbols_find(kit->symbols, symbol, strlen(symbol)), false};
    if (expiry.id != SYMBOL_NONE) {
        /* All others are newer than the tick before which symbols go. */
        const uint32_t bound = symbols_bound(kit->symbols);
        for (uint32_t id = 0; id < bound; id++)
            if (symbols_text(kit->symbols, id, NULL) != NULL)
                symbols_touch(kit->symbols, id, id == expiry.id ? 0 : 1);
        for (uint32_t tries = 0; tries <= bound && !expiry.is_done; tries++)
            (void)symbols_expire(kit->symbols, 1, bound, expired, &expiry);
    }
    kit_leave(kit);
    return expiry.is_done ? T5_OK : T5_END;
}

uint32_t t5_kit_symbol_id(const t5_kit *kit, const char *symbol) {
    if (kit->symbols == NULL)
        return T5_NO_SYMBOL;
    return symbols_find(kit->symbols, symbol, strlen(symbol));
}
