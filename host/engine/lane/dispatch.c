#include "engine/lane/dispatch.h"

#include "base/clock.h"
#include "base/sync/counter.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/deviation.h"
#include "engine/lane/dispatch_steps.h"
#include "engine/lane/emit.h"
#include "engine/lane/shadowing.h"
#include "engine/lane/suspension.h"
#include "engine/lane/task_errors.h"

#include <inttypes.h>
#include <stdio.h>

void dispatch_resume(struct lane *lane, struct task *task, bool can_catch_up) {
    const struct source_ops *ops = lane->options.source->ops;
    const bool is_followed =
        task->partition->number != PARTITION_GLOBAL || task->partition->order != NULL;
    task_resume(task, can_catch_up && ops->history != NULL && is_followed, lane->options.log);
    if (atomic_load(&task->partition->wants_history))
        lane_wake_control(lane);
}

/* The stream reaches the position that a task had in another worker; a position beyond the end of
 * the log is of a topic that was recreated. */
static void come_level(struct lane *lane, struct task *task, const struct record *record) {
    struct source *source = lane->options.source;
    struct partition *partition = task->partition;
    for (size_t i = 0; i < partition->stream_count; i++) {
        const int64_t next = partition->streams[i].next;
        int64_t low, high;
        if (task->position[i] == SOURCE_NO_OFFSET || source->ops->range == NULL ||
            (task->position[i] <= next && task->history_to[i] <= next) ||
            !source->ops->range(source, partition_stream_topic(partition, i),
                                partition_stream_number(partition, i), &low, &high))
            continue;
        if (high < task->position[i])
            task->position[i] = next;
        if (high < task->history_to[i])
            task->history_to[i] = next;
    }
    if (task_is_ahead(task, partition_stream(partition, record->topic, record->partition),
                      record->offset + 1))
        return;
    task->is_ahead = false;
    partition->checkpoint_ns = 0; /* due now: it will include the task */
    if (atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP) {
        atomic_store(&partition->wants_history, true);
        lane_wake_control(lane);
    }
}

/* Whether a suspended task skips the message; resumes it when its time has come. */
static bool passes_by(struct lane *lane, struct task *task, const struct record *record,
                      int64_t coarse_ns) {
    if (coarse_ns >= atomic_load_explicit(&task->resume_ns, memory_order_relaxed)) {
        dispatch_resume(lane, task, true);
        if (atomic_load_explicit(&task->suspension, memory_order_relaxed) == SUSPENDED_NOT)
            return false;
    }
    if (task->is_ahead)
        come_level(lane, task, record);
    struct patience patience = PATIENCE_INIT;
    while (!catch_up_pass(lane, task, record) &&
           emit_await_memory(lane, &patience, "an offset that is held")) {}
    counter_add(&task->passed, 1);
    return true;
}

/* Part of the loop over a message's tasks: a function call would add a tenth to its cost. */
static inline __attribute__((always_inline)) void call_task(struct lane *lane,
                                                            const struct route_entry *entry,
                                                            const struct record *record,
                                                            uint64_t *ticks_now) {
    struct task *task = entry->task;
    task->cause = (struct cause){
        .topic = record->topic, .partition = record->partition, .offset = record->offset};
    const int32_t code = instance_message(task->instance, &lane->message, entry->topic, ticks_now);
    if (lane->is_sampling)
        deployment_sample(task->deployment, &lane->message);
    if (__builtin_expect(code == T5_OK, 1)) {
        task->errors_in_row = 0;
        return;
    }
    if (code != T5_REJECT)
        task_error_count(lane, task, "on_message failed");
    else if ((lane->message.flags & T5_MESSAGE_HISTORY) == 0)
        task_reject_count(lane, task, record);
}

void dispatch_call(struct lane *lane, const struct route_entry *entry, const struct record *record,
                   uint64_t *ticks_now) {
    call_task(lane, entry, record, ticks_now);
}

uint32_t dispatch_intern(struct lane *lane, struct symbols *symbols, const t5_message *message) {
    struct patience patience = PATIENCE_INIT;
    uint32_t id;
    do
        id = symbols_intern(symbols, message->symbol.data, message->symbol.len, NULL);
    while (__builtin_expect(id == SYMBOL_NONE, 0) && !symbols_is_full(symbols) &&
           emit_await_memory(lane, &patience, "a symbol"));
    return id;
}

struct route *dispatch_find_route(struct lane *lane, struct partition *partition, uint32_t id) {
    const t5_str symbol = lane->message.symbol;
    struct patience patience = PATIENCE_INIT;
    struct route *route;
    do
        route = partition_route(partition, id, symbol.data, symbol.len);
    while (route == NULL && emit_await_memory(lane, &patience, "a symbol's route"));
    return route;
}

/* A symbol for which a table has no room: the partition's, or that of the GLOBAL deployments, for
 * one of which it is then a dead letter. */
static void to_dead_letters_symbol(struct lane *lane, const struct partition *partition,
                                   const struct record *record, const char *deployment) {
    char whose[64] = "the GLOBAL deployments", text[160];
    if (partition->number != PARTITION_GLOBAL)
        snprintf(whose, sizeof whose, "partition %" PRId32, partition->number);
    snprintf(text, sizeof text,
             "symbol table of %s is full at %" PRIu32 " symbols ([decode] max_symbols)", whose,
             symbols_count(partition->symbols));
    counter_add(&lane->counts.bad[DECODE_TOO_MANY_SYMBOLS], 1);
    emit_dead_letter(lane, record, decode_reason_name(DECODE_TOO_MANY_SYMBOLS), text, deployment);
}

static void route_message(struct lane *lane, struct partition *partition,
                          const struct record *record, uint64_t *ticks_now, int64_t coarse_ns) {
    t5_message *message = &lane->message;
    const uint32_t id = dispatch_intern(lane, partition->symbols, message);
    if (id == SYMBOL_NONE) {
        if (!lane->is_broken)
            to_dead_letters_symbol(lane, partition, record, NULL);
        return;
    }
    symbols_touch(partition->symbols, id, coarse_ns);
    counter_add(&lane->counts.decoded, 1);
    if (lane->options.observed != NULL) {
        /* The table's text: the message's may not outlive the message. */
        t5_str symbol = {.len = 0};
        symbol.data = symbols_text(partition->symbols, id, &symbol.len);
        feed_lane_message(lane->options.observed, record->topic, record->partition, id, symbol,
                          message, (uint32_t)(coarse_ns >> 30));
    }
    struct route *route = id < partition->route_capacity ? partition->route_by_symbol[id] : NULL;
    if (__builtin_expect(route == NULL, 0)) {
        route = dispatch_find_route(lane, partition, id);
        if (route == NULL)
            return;
    }
    if (route->begin[record->topic] < route->begin[record->topic + 1])
        *ticks_now = clock_ticks(); /* the first strategy is not charged for decoding */
    uint32_t global_id = SYMBOL_NONE;
    const struct route_entry *entry = route->entries + route->begin[record->topic];
    const struct route_entry *end = route->entries + route->begin[record->topic + 1];
    for (; entry < end; entry++) {
        if (entry->time_frames != NULL &&
            !deployment_wants_time_frame(entry->task->deployment, message->time_frame_s))
            continue;
        if (__builtin_expect(atomic_load_explicit(&entry->task->suspension, memory_order_relaxed) !=
                                 SUSPENDED_NOT,
                             0) &&
            passes_by(lane, entry->task, record, coarse_ns))
            continue;
        message->symbol_id = id;
        if (entry->is_global) {
            if (global_id == SYMBOL_NONE)
                global_id = dispatch_intern(lane, lane->global->symbols, message);
            if (lane->is_broken)
                return;
            if (global_id == SYMBOL_NONE) {
                to_dead_letters_symbol(lane, lane->global, record, entry->task->deployment->name);
                continue;
            }
            symbols_touch(lane->global->symbols, global_id, coarse_ns);
            message->symbol_id = global_id;
        }
        if (entry + 1 < end)
            instance_prefetch(entry[1].task->instance);
        call_task(lane, entry, record, ticks_now);
    }
}

static void notify_gap(struct partition *partition, uint32_t topic, int64_t from, int64_t to) {
    for (size_t i = 0; partition != NULL && i < partition->task_count; i++)
        deviation_gap(partition->tasks[i], topic, from, to);
}

/*
 * A record that is not the next one. Below: a duplicate, unless the log now ends before the
 * expected offset, which means that the topic was recreated or truncated; then reading continues
 * where it begins. Above: a hole left by compaction or control records, unless the log now begins
 * above the expected offset, which means that messages were deleted before they were read. Returns
 * whether to handle the record.
 */
static bool is_to_handle(struct lane *lane, struct partition *partition,
                         const struct record *record) {
    struct source *source = lane->options.source;
    struct offset_tracker *tracker = &partition->topics[record->topic];
    int64_t low, high;
    const bool is_known = source->ops->range != NULL &&
                          source->ops->range(source, record->topic, record->partition, &low, &high);
    if (record->offset < tracker->next && !(is_known && high < tracker->next)) {
        counter_add(&lane->counts.seen, 1);
        return false;
    }
    if (record->offset > tracker->next && !(is_known && low > tracker->next))
        return true;
    log_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "offset.jumped",
              "%s/%" PRId32 ": expected offset %" PRId64 ", the log now spans %" PRId64
              " to %" PRId64 ": %s; resuming at offset %" PRId64,
              topics_name(lane->options.topics, record->topic), record->partition, tracker->next,
              low, high,
              record->offset < tracker->next ? "the topic was recreated"
                                             : "messages were deleted before they were read",
              record->offset);
    checkpointing_cut(partition, record->topic, record->offset);
    if (lane->global != NULL && lane->global->order != NULL)
        checkpointing_cut(lane->global,
                          partition_stream(lane->global, record->topic, record->partition),
                          record->offset);
    notify_gap(partition, record->topic, tracker->next, record->offset);
    notify_gap(lane->global, record->topic, tracker->next, record->offset);
    return true;
}

/* The log shows each form once in a while; the counter has their number. */
static void log_unreadable_time(struct lane *lane, const struct record *record, int64_t coarse_ns) {
    int64_t *logged_ns = &lane->time_logged_ns[decoder_time_form(lane->decoder)];
    if (*logged_ns != 0 && coarse_ns - *logged_ns < ERROR_LOG_EVERY_NS)
        return;
    *logged_ns = coarse_ns;
    log_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "message.time_unreadable",
              "%s/%" PRId32 " offset %" PRId64 ": %s; message flagged as suspect (%" PRIu64
              " so far)",
              topics_name(lane->options.topics, record->topic), record->partition, record->offset,
              decoder_error(lane->decoder),
              atomic_load_explicit(&lane->counts.unreadable_time, memory_order_relaxed));
}

/* Each reason is logged once in a while; those in between are counted. A replay lists them
 * itself. */
static void log_bad_message(struct lane *lane, const struct record *record,
                            enum decode_reason reason, int64_t coarse_ns) {
    int64_t *logged_ns = &lane->bad_logged_ns[reason];
    char more[64] = "";
    if (lane->options.is_replay)
        return;
    if (*logged_ns != 0 && coarse_ns - *logged_ns < ERROR_LOG_EVERY_NS) {
        lane->bad_suppressed[reason]++;
        return;
    }
    if (lane->bad_suppressed[reason] > 0)
        snprintf(more, sizeof more, " (and %" PRIu64 " more since)", lane->bad_suppressed[reason]);
    *logged_ns = coarse_ns;
    lane->bad_suppressed[reason] = 0;
    log_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "message.invalid",
              "%s/%" PRId32 "/%" PRId64 ": invalid message (%s): %s%s",
              topics_name(lane->options.topics, record->topic), record->partition, record->offset,
              decode_reason_name(reason), decoder_error(lane->decoder), more);
}

static __attribute__((noinline)) void count_warnings(struct lane *lane, const struct record *record,
                                                     uint32_t warnings, int64_t coarse_ns) {
    counter_add(&lane->counts.key_differs, (warnings & DECODE_WARNING_KEY_DIFFERS) != 0);
    counter_add(&lane->counts.non_finite, (warnings & DECODE_WARNING_NON_FINITE) != 0);
    counter_add(&lane->counts.suspect_time, (warnings & DECODE_WARNING_SUSPECT_TIME) != 0);
    if ((warnings & DECODE_WARNING_UNREADABLE_TIME) == 0)
        return;
    counter_add(&lane->counts.unreadable_time, 1);
    log_unreadable_time(lane, record, coarse_ns);
}

void dispatch_note(struct lane *lane, const struct record *record) {
    const struct topic *topic = &lane->options.topics->items[record->topic];
    atomic_store_explicit(&lane->current_call->topic, topic->name, memory_order_relaxed);
    atomic_store_explicit(&lane->current_call->partition, record->partition, memory_order_relaxed);
    atomic_store_explicit(&lane->current_call->offset, record->offset, memory_order_relaxed);
}

void dispatch_name_topic(struct lane *lane, const struct record *record) {
    const struct topic *topic = &lane->options.topics->items[record->topic];
    lane->message.topic_name.data = topic->name;
    lane->message.topic_name.len = topic->name_size;
}

/* The GLOBAL partition, if the order of what its instances get is recorded; otherwise NULL. */
static struct partition *followed_global(const struct lane *lane) {
    return __builtin_expect(lane->global != NULL, 0) && lane->global->order != NULL ? lane->global
                                                                                    : NULL;
}

/* In which order GLOBAL deployments got the records of all partitions. */
static void note_global(struct partition *global, const struct record *record) {
    const size_t stream = partition_stream(global, record->topic, record->partition);
    if (record->offset >= global->journal.noted_to[stream])
        order_note(global->order, (uint32_t)stream, record->offset);
    global->streams[stream].time_ms = record->kafka_time_ms;
    if (global->first_ms == RECORD_NO_TIME)
        global->first_ms = record->kafka_time_ms;
}

void dispatch_record(struct lane *lane, const struct record *record, uint64_t *ticks_now,
                     int64_t coarse_ns) {
    struct partition *partition = lane_partition(lane, record->partition);
    if (partition == NULL || !offset_tracker_is_owned(&partition->topics[record->topic])) {
        counter_add(&lane->counts.not_owned, 1);
        return;
    }
    struct offset_tracker *tracker = &partition->topics[record->topic];
    if (record->offset != tracker->next && tracker->next != SOURCE_NO_OFFSET &&
        !is_to_handle(lane, partition, record))
        return;
    if (__builtin_expect(lane->journal.journal != NULL, 0))
        journal_note(&lane->journal, record);
    ack_scope_begin(&lane->scope, partition, record->topic, record->offset,
                    lane->options.sequence != NULL ? lane->options.sequence(record) : 0);
    if (__builtin_expect(partition->order != NULL, 1) &&
        __builtin_expect(record->offset >= partition->journal.noted_to[record->topic], 1))
        order_note(partition->order, record->topic, record->offset);
    struct partition *const followed = followed_global(lane);
    if (__builtin_expect(followed != NULL, 0))
        note_global(followed, record);
    tracker->time_ms = record->kafka_time_ms;
    if (__builtin_expect(partition->first_ms == RECORD_NO_TIME, 0))
        partition->first_ms = record->kafka_time_ms;
    dispatch_note(lane, record);
    counter_add(&lane->counts.messages, 1);
    counter_add(&tracker->messages, 1);
    counter_add(&lane->counts.bytes, record->payload_size + record->key_size);

    uint32_t warnings = 0;
    const enum decode_reason reason =
        decoder_decode(lane->decoder, record, &lane->message, &warnings);
    if (__builtin_expect(reason == DECODE_OK, 1)) {
        dispatch_name_topic(lane, record);
        if (__builtin_expect(warnings != 0, 0))
            count_warnings(lane, record, warnings, coarse_ns);
        if (__builtin_expect(lane->options.usable != NULL, 0))
            lane->options.usable(lane->options.usable_context, record, &lane->message);
        route_message(lane, partition, record, ticks_now, coarse_ns);
    } else {
        counter_add(&lane->counts.bad[reason], 1);
        log_bad_message(lane, record, reason, coarse_ns);
        emit_dead_letter(lane, record, decode_reason_name(reason), decoder_error(lane->decoder),
                         NULL);
    }
    if (__builtin_expect(lane->is_broken, 0)) {
        emit_settle(lane); /* not seen: it comes again */
        return;
    }
    tracker->next = record->offset + 1;
    if (__builtin_expect(followed != NULL, 0))
        followed->streams[partition_stream(followed, record->topic, record->partition)].next =
            record->offset + 1;
    emit_settle(lane);
    shadowing_compare(lane, partition);
}

/* ---- between messages ---- */

/* Signals of a wall-clock timer, for example, hold back the next offset of the topic of the task's
 * last message. */
static void begin_scope(struct lane *lane, const struct task *task) {
    const struct cause *cause = &task->cause;
    if (cause->topic == NOT_WANTED)
        return;
    struct partition *partition = lane_partition(lane, cause->partition);
    if (partition != NULL && offset_tracker_is_owned(&partition->topics[cause->topic]))
        ack_scope_begin(&lane->scope, partition, cause->topic, partition->topics[cause->topic].next,
                        0);
}

void dispatch_fire(struct lane *lane, struct task *task, int64_t now_ns) {
    if (instance_wall_timers(task->instance, now_ns) > 0)
        task_error_count(lane, task, "on_timer failed");
}

/* Notes it in the order of the records, so that a recovery fires them there again. */
static void note_clock(struct partition *partition, int64_t now_ns) {
    if (partition->order == NULL)
        return;
    order_note_clock(partition->order, now_ns);
    partition->clock_ns = now_ns;
}

static int64_t fire_due(struct lane *lane, struct partition *partition, int64_t now_ns) {
    int64_t next = INT64_MAX;
    bool is_noted = false;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (atomic_load_explicit(&task->suspension, memory_order_relaxed) != SUSPENDED_NOT)
            continue;
        if (instance_next_wall_ns(task->instance) <= now_ns) {
            if (!is_noted)
                note_clock(partition, now_ns);
            is_noted = true;
            deviation_besides(task, "a wall-clock timer");
            begin_scope(lane, task);
            dispatch_fire(lane, task, now_ns);
            emit_settle(lane);
        }
        const int64_t due = instance_next_wall_ns(task->instance);
        if (due < next)
            next = due;
    }
    return next;
}

int64_t dispatch_wall_timers(struct lane *lane, int64_t now_ns) {
    int64_t next = lane->global != NULL ? fire_due(lane, lane->global, now_ns) : INT64_MAX;
    for (size_t i = 0; i < lane->partition_capacity; i++) {
        if (lane->partitions[i] == NULL)
            continue;
        const int64_t due = fire_due(lane, lane->partitions[i], now_ns);
        if (due < next)
            next = due;
    }
    return next;
}

static void serve_wakes(struct partition *partition) {
    for (size_t i = 0; partition != NULL && i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!atomic_exchange(&task->is_woken, false))
            continue;
        deviation_besides(task, "a wake() of its own");
        instance_woken(task->instance);
    }
}

void dispatch_wakes(struct lane *lane) {
    if (!atomic_exchange(&lane->has_wakes, false))
        return;
    serve_wakes(lane->global);
    for (size_t i = 0; i < lane->partition_capacity; i++)
        serve_wakes(lane->partitions[i]);
}
