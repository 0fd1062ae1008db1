#include "engine/redrive.h"

#include "base/clock.h"
#include "engine/core/core.h"
#include "engine/instances/instances.h"
#include "engine/lane/deviation.h"
#include "engine/lane/emit.h"
#include "engine/lane/lane.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
struct attempt {
    const struct redrive_request *dead_letter;
    struct redrive *redrive;
    const struct deployment *deployment;
    const char *topic; /* of `struct topics`: outlives all instances */
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

/* The instance's task, if a message of the record's topic and partition may go to it. */
static struct task *find_task(struct lane *lane, struct partition *partition,
                              const struct attempt *attempt) {
    struct redrive *redrive = attempt->redrive;
    const struct record *record = &attempt->record;
    if (partition == NULL || !offset_tracker_is_owned(&partition->topics[record->topic])) {
        settle(redrive, REDRIVE_ELSEWHERE,
               "partition %" PRId32 " of %s is not assigned to this host", record->partition,
               attempt->topic);
        return NULL;
    }
    struct partition *home = deployment_is_global(attempt->deployment) ? lane->global : partition;
    struct task *task = home != NULL ? partition_task(home, attempt->deployment->name) : NULL;
    if (task == NULL) {
        settle(redrive, REDRIVE_FAILED,
               "%s has no instance on partition %" PRId32 ": the log has the reason",
               attempt->deployment->name, record->partition);
        return NULL;
    }
    const enum suspension why = (enum suspension)atomic_load(&task->suspension);
    if (why == SUSPENDED_NOT)
        return task;
    settle(redrive, REDRIVE_SUSPENDED, "%s is suspended (%s) on partition %" PRId32,
           attempt->deployment->name, suspension_name(why), record->partition);
    return NULL;
}

/* Into lane->message, as the deployment would get it. */
static bool decode(struct lane *lane, const struct attempt *attempt) {
    t5_message *message = &lane->message;
    uint32_t warnings = 0;
    const enum decode_reason reason =
        decoder_decode(lane->decoder, &attempt->record, message, &warnings);
    if (reason != DECODE_OK) {
        settle(attempt->redrive, REDRIVE_UNUSABLE, "%s: %s", decode_reason_name(reason),
               decoder_error(lane->decoder));
        return false;
    }
    message->topic_name.data = attempt->topic;
    message->topic_name.len = strlen(attempt->topic);
    message->flags |= T5_MESSAGE_REDRIVE;
    const struct deployment *deployment = attempt->deployment;
    if (deployment_wants_symbol(deployment, message->symbol.data, message->symbol.len) &&
        (deployment->time_frames == NULL ||
         deployment_wants_time_frame(deployment, message->time_frame_s)))
        return true;
    settle(attempt->redrive, REDRIVE_UNWANTED, "it does not match the symbols or time frames of %s",
           deployment->name);
    return false;
}

/* The id is the task's table's: that of the partition, or the GLOBAL one. */
static bool intern(struct lane *lane, const struct task *task, struct redrive *redrive) {
    t5_message *message = &lane->message;
    struct symbols *symbols = task->partition->symbols;
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
 * The cause is the dead letter's while it is handled, and then again what it was, so that the ids
 * of later timers go on where they were. An instance that had no message before keeps the dead
 * letter's: a timer's signal then has a cause that nothing else has.
 */
static void call(struct lane *lane, struct task *task, const struct attempt *attempt) {
    const struct record *record = &attempt->record;
    struct redrive *redrive = attempt->redrive;
    const struct cause before = task->cause;
    deviation_besides(task, "a dead letter that was redriven");
    uint64_t ticks = clock_ticks();
    task->cause = (struct cause){
        .topic = record->topic, .partition = record->partition, .offset = record->offset};
    /* What its signals hold is the redrive's own record in flight, so that no offset waits for
     * them. */
    ack_scope_begin_with(&lane->scope, redrive->in_flight);
    lane->scope.is_apart = true;
    const int32_t code = instance_message(task->instance, &lane->message,
                                          attempt->deployment->topics[record->topic], &ticks);
    emit_settle(lane);
    lane->scope.is_apart = false;
    atomic_store_explicit(&lane->current_call->topic, NULL, memory_order_relaxed);
    if (before.topic != NOT_WANTED)
        task->cause = before;
    if (code == T5_OK)
        settle(redrive, REDRIVE_GIVEN, "delivered to %s", attempt->deployment->name);
    else
        settle(redrive, code == T5_REJECT ? REDRIVE_REJECTED : REDRIVE_FAILED, "%s",
               instance_error(task->instance));
}

static void deliver(struct lane *lane, void *argument) {
    struct attempt *attempt = argument;
    const int32_t number = attempt->record.partition;
    struct partition *partition = number >= 0 ? lane_partition(lane, number) : NULL;
    struct task *task = find_task(lane, partition, attempt);
    if (task == NULL || !decode(lane, attempt))
        return;
    if (attempt->dead_letter->is_dry_run)
        settle(attempt->redrive, REDRIVE_GIVEN, "would be delivered to %s",
               attempt->deployment->name);
    else if (intern(lane, task, attempt->redrive))
        call(lane, task, attempt);
}

/* ---- the two steps ---- */

/* Deployment and topic, and whether the one wants the other. */
static bool prepare(struct engine *engine, struct attempt *attempt) {
    const struct redrive_request *dead_letter = attempt->dead_letter;
    struct redrive *redrive = attempt->redrive;
    uint32_t topic;
    attempt->deployment = deployment_set_find(engine->deployment_set, dead_letter->deployment);
    if (attempt->deployment == NULL) {
        settle(redrive, REDRIVE_UNKNOWN, "deployment \"%s\" is not running",
               dead_letter->deployment);
        return false;
    }
    if (attempt->deployment->shadow_of != NULL) {
        settle(redrive, REDRIVE_UNWANTED,
               "%s is a shadow, whose signals are not published: redrive to %s",
               dead_letter->deployment, attempt->deployment->shadow_of);
        return false;
    }
    if (!topics_find(engine->topics, dead_letter->topic, &topic)) {
        settle(redrive, REDRIVE_ELSEWHERE, "this host does not read topic \"%s\"",
               dead_letter->topic);
        return false;
    }
    if (attempt->deployment->topics[topic] == NOT_WANTED) {
        settle(redrive, REDRIVE_UNWANTED, "%s does not read topic %s", dead_letter->deployment,
               dead_letter->topic);
        return false;
    }
    attempt->topic = topics_name(engine->topics, topic);
    attempt->record = (struct record){.payload = dead_letter->payload,
                                      .payload_size = dead_letter->payload_size,
                                      .key = dead_letter->key,
                                      .key_size = dead_letter->key_size,
                                      .kafka_time_ms = dead_letter->kafka_time_ms,
                                      .offset = dead_letter->offset,
                                      .partition = dead_letter->partition,
                                      .topic = topic};
    return true;
}

/* Its signals are waited for among what has no partition any more: control frees the record when
 * the last hold is gone, whoever that is of the sinks and the one who waits. */
static bool hold(struct engine *engine, struct attempt *attempt) {
    const struct redrive_request *dead_letter = attempt->dead_letter;
    attempt->redrive->in_flight =
        offset_tracker_hold_awaited(&engine->orphans, dead_letter->offset, &engine->changed);
    if (attempt->redrive->in_flight == NULL) {
        settle(attempt->redrive, REDRIVE_FAILED, "out of memory");
        return false;
    }
    log_info(engine->log, "engine", "%s: redriving dead letters to it", dead_letter->deployment);
    return true;
}

void engine_redrive(struct engine *engine, const struct redrive_request *dead_letter,
                    struct redrive *redrive) {
    struct attempt attempt = {.dead_letter = dead_letter, .redrive = redrive};
    struct lane *lane = engine_home(engine, dead_letter->partition);
    struct error error;
    memset(redrive, 0, sizeof *redrive);
    redrive->is_dry_run = dead_letter->is_dry_run;
    if (!prepare(engine, &attempt) || (!dead_letter->is_dry_run && !hold(engine, &attempt)))
        return;
    if (!lane_call(lane, deliver, &attempt, engine->config->revoke_timeout_ns, &error))
        settle(redrive, REDRIVE_BUSY, "%s", error.text);
}

static bool is_confirmed(const struct in_flight *in_flight) {
    return atomic_load_explicit(&in_flight->holds, memory_order_acquire) == 1;
}

/* False: not in time, or not before the engine had stopped. */
static bool await_confirmed(struct engine *engine, const struct in_flight *in_flight,
                            int64_t until_ns, bool *has_stopped) {
    for (;;) {
        const uint64_t seen = event_seen(&engine->changed);
        *has_stopped = atomic_load(&engine->has_stopped); /* before the last look */
        if (is_confirmed(in_flight))
            return true;
        if (*has_stopped || !event_wait(&engine->changed, seen, until_ns))
            return false;
    }
}

void engine_await_redrive(struct engine *engine, struct redrive *redrive, int64_t timeout_ns) {
    const int64_t until_ns = clock_monotonic_ns() + timeout_ns;
    bool has_stopped = false;
    if (redrive->is_dry_run)
        return;
    if (redrive->outcome == REDRIVE_GIVEN &&
        !await_confirmed(engine, redrive->in_flight, until_ns, &has_stopped))
        settle(redrive, REDRIVE_UNCONFIRMED,
               "it was processed, but its signals were not acknowledged by the sinks%s",
               has_stopped ? ": the host has stopped" : " in time");
    if (redrive->in_flight != NULL)
        in_flight_release(redrive->in_flight);
    redrive->in_flight = NULL;
    atomic_fetch_add(&engine->redriven[redrive->outcome], 1);
}
