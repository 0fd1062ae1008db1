#include "engine/lane/dispatch_late.h"

#include "base/clock.h"
#include "base/sync/counter.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/dispatch_steps.h"
#include "engine/lane/emit.h"
#include "engine/lane/shadowing.h"

/* Whether the catch-up gives it the record; moves its position past it. */
static bool takes_late(struct task *task, const struct record *record, bool *is_history) {
    const size_t stream = partition_stream(task->partition, record->topic, record->partition);
    int64_t *position = &task->position[stream];
    if (!task->is_fed || *position == SOURCE_NO_OFFSET || record->offset < *position)
        return false;
    *position = record->offset + 1;
    *is_history = record->offset < task->history_to[stream];
    return true;
}

/* Makes the record the current message, and finds the tasks that may want it. NULL: it is
 * unusable. */
static struct route *route_late(struct lane *lane, struct partition *partition,
                                const struct record *record, uint64_t *ticks_now,
                                int64_t coarse_ns) {
    t5_message *message = &lane->message;
    uint32_t warnings = 0;
    dispatch_note(lane, record);
    if (decoder_decode(lane->decoder, record, message, &warnings) != DECODE_OK)
        return NULL;
    dispatch_name_topic(lane, record);
    const uint32_t id = dispatch_intern(lane, partition->symbols, message);
    struct route *route = id != SYMBOL_NONE ? dispatch_find_route(lane, partition, id) : NULL;
    if (route == NULL)
        return NULL;
    symbols_touch(partition->symbols, id, coarse_ns);
    counter_add(&lane->counts.late, 1);
    message->symbol_id = id;
    *ticks_now = clock_ticks();
    return route;
}

/* In the GLOBAL table; SYMBOL_NONE: it is full, or the lane is broken. */
static uint32_t intern_global(struct lane *lane, int64_t coarse_ns) {
    const uint32_t id = dispatch_intern(lane, lane->global->symbols, &lane->message);
    if (id != SYMBOL_NONE)
        symbols_touch(lane->global->symbols, id, coarse_ns);
    return id;
}

/* The wall clock when the record was handed over, as far as that is known: not before Kafka had it,
 * and not before the timers that were last fired again. */
static int64_t late_clock(const struct partition *partition, const struct record *record) {
    const int64_t kafka_ns =
        record->kafka_time_ms != RECORD_NO_TIME ? clock_ms_ns(record->kafka_time_ms) : 1;
    return kafka_ns > partition->catch_up->clock_ns ? kafka_ns : partition->catch_up->clock_ns;
}

void dispatch_late_clock(struct lane *lane, struct task *task, int64_t wall_ns, bool is_history) {
    instance_set_late_clock(task->instance, wall_ns, is_history);
    dispatch_fire(lane, task, wall_ns);
    instance_set_late_clock(task->instance, 0, false);
}

void dispatch_late(struct lane *lane, struct partition *partition, const struct record *record,
                   uint64_t *ticks_now, int64_t coarse_ns) {
    t5_message *message = &lane->message;
    /* Routes belong to a KEYED number, also those to GLOBAL tasks. */
    struct partition *home = lane_partition(lane, record->partition);
    const struct route *route =
        home != NULL ? route_late(lane, home, record, ticks_now, coarse_ns) : NULL;
    if (route == NULL)
        return;
    const uint32_t flags = message->flags, id = message->symbol_id;
    const struct route_entry *entry = route->entries + route->begin[record->topic];
    const struct route_entry *end = route->entries + route->begin[record->topic + 1];
    for (; entry < end; entry++) {
        bool is_history;
        if (entry->task->partition != partition || !takes_late(entry->task, record, &is_history))
            continue;
        if (entry->time_frames != NULL &&
            !deployment_wants_time_frame(entry->task->deployment, message->time_frame_s))
            continue;
        message->symbol_id = entry->is_global ? intern_global(lane, coarse_ns) : id;
        if (message->symbol_id == SYMBOL_NONE)
            continue;
        message->flags = is_history ? flags | T5_MESSAGE_HISTORY : flags;
        instance_set_late_clock(entry->task->instance, late_clock(partition, record), false);
        dispatch_call(lane, entry, record, ticks_now);
        counter_add(is_history ? &entry->task->history : &entry->task->late, 1);
        instance_set_late_clock(entry->task->instance, 0, false);
    }
    message->flags = flags;
    shadowing_compare(lane, partition);
}

static void give_history(struct lane *lane, struct partition *partition,
                         const struct record *record, uint64_t *ticks_now, int64_t coarse_ns) {
    t5_message *message = &lane->message;
    const struct route *route = route_late(lane, partition, record, ticks_now, coarse_ns);
    if (route == NULL)
        return;
    if (lane->options.usable != NULL)
        lane->options.usable(lane->options.usable_context, record, &lane->message);
    const int64_t ahead_ns = lane->options.ahead_ns(record);
    const uint32_t id = message->symbol_id;
    const struct route_entry *entry = route->entries + route->begin[record->topic];
    const struct route_entry *end = route->entries + route->begin[record->topic + 1];
    message->flags |= T5_MESSAGE_HISTORY;
    for (; entry < end; entry++) {
        struct task *task = entry->task;
        if (ahead_ns > task->deployment->warm_up_ns ||
            atomic_load_explicit(&task->suspension, memory_order_relaxed) != SUSPENDED_NOT ||
            (entry->time_frames != NULL &&
             !deployment_wants_time_frame(task->deployment, message->time_frame_s)))
            continue;
        message->symbol_id = entry->is_global ? intern_global(lane, coarse_ns) : id;
        if (message->symbol_id == SYMBOL_NONE)
            continue;
        dispatch_call(lane, entry, record, ticks_now);
        counter_add(&task->history, 1);
    }
}

void dispatch_history(struct lane *lane, const struct record *record, uint64_t *ticks_now,
                      int64_t coarse_ns) {
    struct partition *partition = lane_partition(lane, record->partition);
    if (partition == NULL || !offset_tracker_is_owned(&partition->topics[record->topic])) {
        counter_add(&lane->counts.not_owned, 1);
        return;
    }
    struct offset_tracker *tracker = &partition->topics[record->topic];
    if (tracker->next != SOURCE_NO_OFFSET && record->offset < tracker->next) {
        counter_add(&lane->counts.seen, 1);
        return;
    }
    ack_scope_begin(&lane->scope, partition, record->topic, record->offset, 0);
    give_history(lane, partition, record, ticks_now, coarse_ns);
    if (!lane->is_broken)
        tracker->next = record->offset + 1;
    emit_settle(lane);
}
