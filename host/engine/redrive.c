#include "engine/redrive.h"

#include "base/clock.h"
#include "engine/dispatch.h"
#include "engine/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *redrive_outcome_name(enum redrive_outcome outcome) {
    static const char *const names[REDRIVE_OUTCOMES] = {
        [REDRIVE_GIVEN] = "given",         [REDRIVE_UNCONFIRMED] = "unconfirmed",
        [REDRIVE_UNWANTED] = "unwanted",   [REDRIVE_REJECTED] = "rejected",
        [REDRIVE_FAILED] = "failed",       [REDRIVE_UNUSABLE] = "unusable",
        [REDRIVE_SUSPENDED] = "suspended", [REDRIVE_ELSEWHERE] = "elsewhere",
        [REDRIVE_UNKNOWN] = "unknown",     [REDRIVE_BUSY] = "busy",
    };
    return outcome >= REDRIVE_GIVEN && outcome < REDRIVE_OUTCOMES ? names[outcome] : "?";
}

/* What the lane is called with. */
struct delivery {
    const struct redrive_letter *letter;
    struct redrive *redrive;
    const struct deployment *deployment;
    const char *topic; /* of the configuration: outlives all instances */
    struct record record;
};

static void settle(struct redrive *redrive, enum redrive_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void settle(struct redrive *redrive, enum redrive_outcome outcome, const char *format, ...) {
    va_list arguments;
    redrive->outcome = outcome;
    va_start(arguments, format);
    vsnprintf(redrive->text, sizeof redrive->text, format, arguments);
    va_end(arguments);
}

/* ---- on the lane ---- */

/* The instance's seat, if a message of the record's topic and partition may go to it. */
static struct seat *find_seat(struct lane *lane, struct partition *partition,
                              const struct delivery *delivery) {
    struct redrive *redrive = delivery->redrive;
    const struct record *record = &delivery->record;
    if (partition == NULL || !partition->topics[record->topic].is_owned) {
        settle(redrive, REDRIVE_ELSEWHERE,
               "partition %" PRId32 " of %s is not assigned to this host", record->partition,
               delivery->topic);
        return NULL;
    }
    struct partition *home = deployment_is_global(delivery->deployment) ? lane->global : partition;
    struct seat *seat = home != NULL ? partition_seat(home, delivery->deployment->name) : NULL;
    if (seat == NULL) {
        settle(redrive, REDRIVE_FAILED,
               "%s has no instance on partition %" PRId32 ": the log says why it was not made",
               delivery->deployment->name, record->partition);
        return NULL;
    }
    const enum suspension why = (enum suspension)atomic_load(&seat->suspension);
    if (why == SUSPENDED_NOT)
        return seat;
    settle(redrive, REDRIVE_SUSPENDED, "%s is suspended (%s) on partition %" PRId32,
           delivery->deployment->name, suspension_name(why), record->partition);
    return NULL;
}

/* Into lane->message, as the deployment would get it. */
static bool decode(struct lane *lane, const struct delivery *delivery) {
    t5_message *message = &lane->message;
    uint32_t remarks = 0;
    const enum decode_reason reason =
        decoder_decode(lane->decoder, &delivery->record, message, &remarks);
    if (reason != DECODE_OK) {
        settle(delivery->redrive, REDRIVE_UNUSABLE, "%s: %s", decode_reason_name(reason),
               decoder_complaint(lane->decoder));
        return false;
    }
    message->topic_name.data = delivery->topic;
    message->topic_name.len = strlen(delivery->topic);
    message->flags |= T5_MESSAGE_REDRIVE;
    const struct deployment *deployment = delivery->deployment;
    if (deployment_wants_symbol(deployment, message->symbol.data, message->symbol.len) &&
        (deployment->time_frames == NULL ||
         deployment_wants_time_frame(deployment, message->time_frame_s)))
        return true;
    settle(delivery->redrive, REDRIVE_UNWANTED, "the symbols or time frames of %s leave it out",
           deployment->name);
    return false;
}

/* The id is the seat's table's: that of the partition, or the GLOBAL one. */
static bool intern(struct lane *lane, const struct seat *seat, struct redrive *redrive) {
    t5_message *message = &lane->message;
    struct symbols *symbols = seat->partition->symbols;
    message->symbol_id = symbols_intern(symbols, message->symbol.data, message->symbol.len, NULL);
    if (message->symbol_id == SYMBOL_NONE) {
        settle(redrive, REDRIVE_UNUSABLE, "%s: the symbol table is full at %" PRIu32,
               decode_reason_name(DECODE_TOO_MANY_SYMBOLS), symbols_count(symbols));
        return false;
    }
    symbols_touch(symbols, message->symbol_id, clock_coarse_ns());
    return true;
}

/*
 * The cause is the letter's while it is in hand, and then again what it was, so that the ids of
 * later timers go on where they were. An instance that had no message before keeps the letter's: a
 * timer's signal then has a cause that nothing else has.
 */
static void call(struct lane *lane, struct partition *partition, struct seat *seat,
                 const struct delivery *delivery) {
    const struct record *record = &delivery->record;
    struct redrive *redrive = delivery->redrive;
    const struct cause before = seat->cause;
    uint64_t ticks = clock_ticks();
    seat->cause = (struct cause){
        .topic = record->topic, .partition = record->partition, .offset = record->offset};
    /* What its signals hold is the redrive's own pending, so that no offset waits for them. */
    pending_add_hold(redrive->pending);
    lane->pending = redrive->pending;
    lane->progress = &partition->topics[record->topic];
    lane->sequence = 0;
    const int32_t code = instance_message(seat->instance, &lane->message,
                                          delivery->deployment->topics[record->topic], &ticks);
    dispatch_settle(lane);
    atomic_store_explicit(&lane->in_hand.topic, NULL, memory_order_relaxed);
    if (before.topic != NOT_WANTED)
        seat->cause = before;
    if (code == T5_OK)
        settle(redrive, REDRIVE_GIVEN, "given to %s", delivery->deployment->name);
    else
        settle(redrive, code == T5_REJECT ? REDRIVE_REJECTED : REDRIVE_FAILED, "%s",
               instance_complaint(seat->instance));
}

static void deliver(struct lane *lane, void *argument) {
    struct delivery *delivery = argument;
    const int32_t number = delivery->record.partition;
    struct partition *partition = number >= 0 ? lane_partition(lane, number) : NULL;
    struct seat *seat = find_seat(lane, partition, delivery);
    if (seat != NULL && decode(lane, delivery) && intern(lane, seat, delivery->redrive))
        call(lane, partition, seat, delivery);
}

/* ---- the two steps ---- */

static bool find_topic(const struct engine *engine, const char *name, uint32_t *index) {
    const struct config *config = engine->options.config;
    for (size_t i = 0; i < config->topic_count; i++) {
        if (strcmp(config->topics[i].name, name) == 0) {
            *index = (uint32_t)i;
            return true;
        }
    }
    return false;
}

/* Deployment and topic, and whether the one wants the other. */
static bool prepare(struct engine *engine, struct delivery *delivery) {
    const struct redrive_letter *letter = delivery->letter;
    struct redrive *redrive = delivery->redrive;
    uint32_t topic;
    delivery->deployment = roster_find(engine->roster, letter->deployment);
    if (delivery->deployment == NULL) {
        settle(redrive, REDRIVE_UNKNOWN, "no deployment \"%s\" runs", letter->deployment);
        return false;
    }
    if (!find_topic(engine, letter->topic, &topic)) {
        settle(redrive, REDRIVE_ELSEWHERE, "this host reads no topic \"%s\"", letter->topic);
        return false;
    }
    if (delivery->deployment->topics[topic] == NOT_WANTED) {
        settle(redrive, REDRIVE_UNWANTED, "%s takes nothing from %s", letter->deployment,
               letter->topic);
        return false;
    }
    delivery->topic = engine->options.config->topics[topic].name;
    delivery->record = (struct record){.payload = letter->payload,
                                       .payload_size = letter->payload_size,
                                       .key = letter->key,
                                       .key_size = letter->key_size,
                                       .kafka_time_ms = letter->kafka_time_ms,
                                       .offset = letter->offset,
                                       .partition = letter->partition,
                                       .topic = topic};
    return true;
}

void engine_redrive(struct engine *engine, const struct redrive_letter *letter,
                    struct redrive *redrive) {
    struct delivery delivery = {.letter = letter, .redrive = redrive};
    memset(redrive, 0, sizeof *redrive);
    if (!prepare(engine, &delivery))
        return;
    /* Among what has no partition any more: control frees it when the last hold is gone, whoever
     * that is of the sinks and the one who waits. */
    redrive->pending = progress_hold(&engine->orphans, letter->offset);
    if (redrive->pending == NULL) {
        settle(redrive, REDRIVE_FAILED, "out of memory");
        return;
    }
    log_info(engine->log, "engine", "%s: a dead letter is given to it once more",
             letter->deployment);
    struct lane *lane = engine_home(engine, letter->partition);
    if (!lane_call(lane, deliver, &delivery, engine->config->revoke_timeout_ns))
        settle(redrive, REDRIVE_BUSY, "lane %" PRIu32 " does not answer", lane->options.index);
}

static bool is_confirmed(const struct pending *pending) {
    return atomic_load_explicit(&pending->holds, memory_order_acquire) == 1;
}

void engine_await_redrive(struct engine *engine, struct redrive *redrive, int64_t timeout_ns) {
    const struct timespec step = {.tv_nsec = NS_PER_MS};
    const int64_t until_ns = clock_monotonic_ns() + timeout_ns;
    if (redrive->outcome == REDRIVE_GIVEN) {
        bool has_stopped = false;
        while (!is_confirmed(redrive->pending) && !has_stopped && clock_monotonic_ns() < until_ns) {
            has_stopped = atomic_load(&engine->has_stopped); /* then one look more */
            nanosleep(&step, NULL);
        }
        if (!is_confirmed(redrive->pending))
            settle(redrive, REDRIVE_UNCONFIRMED, "it was taken, but no sink confirms its signals%s",
                   has_stopped ? ": the host has stopped" : " in time");
    }
    if (redrive->pending != NULL)
        pending_drop(redrive->pending);
    redrive->pending = NULL;
    atomic_fetch_add(&engine->redriven[redrive->outcome], 1);
}
