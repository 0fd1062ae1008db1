/*
 * Feeding: the records of a reading, in the order of the journal, to the instances that are behind.
 */
#include "base/clock.h"
#include "base/sync/counter.h"
#include "base/text.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/dispatch_late.h"
#include "engine/lane/emit.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How many records are handed over between two looks at the clock. */
#define RECORDS_A_LOOK 16

/* ---- a reading ---- */

/* Whether the reading covers all that the task missed. */
static bool can_feed(const struct lane *lane, const struct catch_up *catch_up,
                     const struct task *task) {
    for (size_t i = 0; i < catch_up->stream_count; i++) {
        if (task_wants(task, i) && task->position[i] != SOURCE_NO_OFFSET &&
            lane_tracker(lane, task->partition, i) != NULL &&
            (!catch_up->parts[i].is_read || task->position[i] < catch_up->parts[i].passed))
            return false;
    }
    return true;
}

/* For other threads that ask. */
static void count_behind(struct partition *partition) {
    for (size_t i = 0; i < partition->task_count; i++) {
        if (partition->tasks[i]->is_fed)
            task_count_behind(partition->tasks[i]);
    }
}

bool catch_up_is_for(const struct task *alone, const struct task *task) {
    return atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP && !task->is_ahead &&
           (alone != NULL ? task == alone : task->moved_order == NULL);
}

struct task *catch_up_alone(const struct partition *partition) {
    struct task *alone = NULL;
    for (size_t i = partition->task_count; i-- > 0;) {
        if (catch_up_is_for(NULL, partition->tasks[i]))
            return NULL;
        if (catch_up_is_for(partition->tasks[i], partition->tasks[i]))
            alone = partition->tasks[i];
    }
    return alone;
}

void catch_up_read(struct lane *lane, struct partition *partition, struct source_history *history,
                   const struct history_part *parts, size_t count) {
    struct catch_up *catch_up = partition->catch_up;
    struct task *alone = catch_up_alone(partition);
    catch_up->history = history;
    for (size_t i = 0; i < count; i++) {
        const size_t stream = partition_stream(partition, parts[i].topic, parts[i].partition);
        struct catch_up_part *part = &catch_up->parts[stream];
        part->is_read = true;
        part->index = i;
        part->passed = parts[i].from;
        const int64_t next = partition->streams[stream].next;
        const int64_t end = parts[i].high > next ? parts[i].high : next;
        checkpointing_cut(partition, stream, end);
        if (alone != NULL)
            order_cut(alone->moved_order, (uint32_t)stream, end);
    }
    catch_up->run = partition->order != NULL ? order_begin(partition->order) : 0;
    catch_up->moved_run = alone != NULL ? order_begin(alone->moved_order) : 0;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!catch_up_is_for(alone, task))
            continue;
        task->is_fed = can_feed(lane, catch_up, task);
        if (!task->is_fed)
            atomic_store(&partition->wants_history, true);
    }
    count_behind(partition);
    atomic_store(&catch_up->has_failed, false);
    atomic_store(&catch_up->is_over, false);
    lane->has_catch_up = true;
}

/* ---- feeding ---- */

enum head {
    HEAD_RECORD,
    HEAD_WAIT,  /* the reading has not got there yet */
    HEAD_LEVEL, /* everything of this stream that was handed over is passed */
    HEAD_FAILED
};

/* The stream's next record, up to `limit`. */
static enum head find_head(struct catch_up *catch_up, const struct partition *partition,
                           size_t stream, int64_t limit) {
    struct catch_up_part *part = &catch_up->parts[stream];
    while (!part->has_record && part->passed < limit) {
        int64_t passed = part->passed;
        const enum history_result result = catch_up->ops->next(
            catch_up->history, part->index, &part->record, &passed, &catch_up->error);
        if (result == HISTORY_FAILED)
            return HEAD_FAILED;
        if (result == HISTORY_RECORD) {
            part->has_record = part->record.offset >= part->passed;
            continue;
        }
        if (passed > part->passed)
            part->passed = passed;
        if (part->passed < limit)
            return HEAD_WAIT;
    }
    if (!part->has_record)
        return HEAD_LEVEL;
    return part->record.offset < partition->streams[stream].next ? HEAD_RECORD : HEAD_LEVEL;
}

/* The stream that is next in the journal; stream_count: the journal has none. The rest of the
 * current run is waited for (`*head`), even until the stream has come so far: the journal of an
 * earlier process may reach beyond the committed offsets, and signals that were made in its order
 * must be made in that order again. */
#define CLOCK_IS_NEXT SIZE_MAX
static size_t follow(struct catch_up *catch_up, const struct partition *partition,
                     const struct order *order, uint64_t *at, enum head *head, int64_t *clock_ns) {
    if (order == NULL)
        return catch_up->stream_count;
    if (*at < order_begin(order))
        *at = order_begin(order);
    for (; *at < order_end(order); ++*at) {
        const struct order_run *run = order_at(order, *at);
        if (run->stream == ORDER_CLOCK) {
            *head = HEAD_RECORD;
            *clock_ns = run->from;
            ++*at;
            return CLOCK_IS_NEXT;
        }
        if (run->stream >= catch_up->stream_count)
            continue;
        const struct catch_up_part *part = &catch_up->parts[run->stream];
        const int64_t end = run->from + run->span;
        if (!part->is_read || part->passed >= end)
            continue;
        *head = find_head(catch_up, partition, run->stream, end);
        if (part->has_record && part->record.offset >= end)
            continue;
        if (part->has_record && *head == HEAD_LEVEL)
            *head = HEAD_WAIT;
        if (part->has_record || part->passed < end)
            return run->stream;
    }
    return catch_up->stream_count;
}

/* The task that is fed alone, in its moved order first; NULL: none. */
static struct task *fed_alone(const struct partition *partition) {
    for (size_t i = 0; i < partition->task_count; i++) {
        if (partition->tasks[i]->is_fed && partition->tasks[i]->moved_order != NULL)
            return partition->tasks[i];
    }
    return NULL;
}

/* `clock_ns`: time of the timers, when the clock is next. */
static size_t follow_order(struct catch_up *catch_up, struct partition *partition,
                           struct task *alone, enum head *head, int64_t *clock_ns) {
    if (alone != NULL && alone->is_fed && alone->moved_order != NULL) {
        const size_t stream =
            follow(catch_up, partition, alone->moved_order, &catch_up->moved_run, head, clock_ns);
        if (stream != catch_up->stream_count)
            return stream;
        task_drop_moved_order(alone);
        partition->checkpoint_ns = 0; /* due now: it will include the task */
    }
    return follow(catch_up, partition, partition->order, &catch_up->run, head, clock_ns);
}

/* Where the journal has no entry: the oldest record, once all heads are known. */
static size_t find_oldest(struct catch_up *catch_up, const struct partition *partition,
                          enum head *head) {
    size_t oldest = catch_up->stream_count;
    *head = HEAD_LEVEL;
    for (size_t i = 0; i < catch_up->stream_count; i++) {
        if (!catch_up->parts[i].is_read)
            continue;
        const enum head its = find_head(catch_up, partition, i, partition->streams[i].next);
        if (its == HEAD_FAILED || its == HEAD_WAIT) {
            *head = its;
            return i;
        }
        if (its == HEAD_RECORD && (oldest == catch_up->stream_count ||
                                   catch_up->parts[i].record.kafka_time_ms <
                                       catch_up->parts[oldest].record.kafka_time_ms)) {
            oldest = i;
            *head = HEAD_RECORD;
        }
    }
    return oldest;
}

static struct in_flight *hold_of(const struct catch_up *catch_up, size_t stream) {
    return catch_up_holds(catch_up) ? catch_up->parts[stream].held : catch_up->own_hold;
}

/* Too many of its signals await a sink. Those of newcomers await a checkpoint that is only taken
 * when they are level: they are admitted without one. */
static bool is_throttled(const struct lane *lane, struct partition *partition, size_t stream) {
    const struct in_flight *in_flight = hold_of(partition->catch_up, stream);
    if (in_flight == NULL || atomic_load_explicit(&in_flight->holds, memory_order_relaxed) <=
                                 (uint64_t)lane->options.config->max_unconfirmed)
        return false;
    partition_admit(partition);
    return true;
}

static void hand_over(struct lane *lane, struct partition *partition, size_t stream,
                      uint64_t *ticks_now, int64_t coarse_ns) {
    struct catch_up *catch_up = partition->catch_up;
    struct catch_up_part *part = &catch_up->parts[stream];
    struct in_flight *in_flight = hold_of(catch_up, stream);
    if (in_flight != NULL)
        ack_scope_begin_with(&lane->scope, in_flight);
    dispatch_late(lane, partition, &part->record, ticks_now, coarse_ns);
    emit_settle(lane);
    part->has_record = false;
    part->passed = part->record.offset + 1;
    counter_add(&partition->late_handed, 1);
}

/* Whether the signals of its wall-clock timers at this place are safe: those of a later message
 * are, whose offset they held back; or the committed note says so. */
static bool is_clock_safe(const struct task *task, size_t stream, int64_t wall_ns) {
    const int64_t safe_ns = task->moved_order != NULL ? task->moved_clock_ns : task->safe_clock_ns;
    return wall_ns <= safe_ns ||
           (stream < task->partition->stream_count && task->position[stream] != SOURCE_NO_OFFSET &&
            task->position[stream] < task->history_to[stream]);
}

/* The wall-clock timers that fired at this place in the journal, at that time. */
static void fire_again(struct lane *lane, struct partition *partition, int64_t wall_ns) {
    struct catch_up *catch_up = partition->catch_up;
    catch_up->clock_ns = wall_ns > catch_up->clock_ns ? wall_ns : catch_up->clock_ns;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        const struct cause *cause = &task->cause;
        if (!task->is_fed || instance_next_wall_ns(task->instance) > wall_ns)
            continue;
        const size_t stream = cause->topic != NOT_WANTED
                                  ? partition_stream(partition, cause->topic, cause->partition)
                                  : catch_up->stream_count;
        struct in_flight *in_flight =
            stream < catch_up->stream_count ? hold_of(catch_up, stream) : catch_up->own_hold;
        if (in_flight != NULL)
            ack_scope_begin_with(&lane->scope, in_flight);
        dispatch_late_clock(lane, task, wall_ns, is_clock_safe(task, stream, wall_ns));
        emit_settle(lane);
    }
}

/* All tasks that are fed are past these records; holes in the log count as passed. */
static void move_positions(struct partition *partition) {
    const struct catch_up *catch_up = partition->catch_up;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!task->is_fed)
            continue;
        for (size_t stream = 0; stream < catch_up->stream_count; stream++) {
            if (catch_up->parts[stream].is_read && task->position[stream] != SOURCE_NO_OFFSET &&
                task->position[stream] < catch_up->parts[stream].passed)
                task->position[stream] = catch_up->parts[stream].passed;
        }
    }
}

static void end_here(struct lane *lane, struct catch_up *catch_up) {
    catch_up_drop_holds(catch_up);
    atomic_store(&catch_up->is_over, true);
    lane_wake_control(lane);
}

void catch_up_leave(struct lane *lane, struct partition *partition) {
    if (partition->catch_up == NULL)
        return;
    for (size_t i = 0; i < partition->task_count; i++) {
        if (atomic_load(&partition->tasks[i]->suspension) == SUSPENDED_CATCHING_UP)
            return;
    }
    atomic_store(&partition->wants_history, false);
    end_here(lane, partition->catch_up);
}

/* All tasks that are fed are level with the stream. */
static void finish(struct lane *lane, struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    char name[PARTITION_NAME_SIZE];
    struct text names;
    text_init(&names);
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!task->is_fed)
            continue;
        task_catch_up_done(task);
        text_printf(&names, "%s%s", names.size > 0 ? ", " : "", task->deployment->name);
    }
    log_change_event(lane->options.log, LOG_LEVEL_INFO, "strategy", "strategy.caught_up",
                     "%s: caught up with the stream: %s", partition_name(partition, name),
                     text_is_oom(&names) ? "all that were behind" : names.data);
    text_release(&names);
    end_here(lane, catch_up);
}

/* Whether shadows are behind, for which no offset waits, and no other task is. */
static bool is_for_shadows(const struct partition *partition) {
    bool has_shadow = false;
    for (size_t i = 0; i < partition->task_count; i++) {
        const struct task *task = partition->tasks[i];
        if (atomic_load(&task->suspension) != SUSPENDED_CATCHING_UP)
            continue;
        if (!task_holds_offsets(task))
            has_shadow = true;
        else if (!task->is_fed || task_is_behind(task))
            return false;
    }
    return has_shadow;
}

/* It continues, and holds nothing. Tasks that are level get nothing from the stream until all are:
 * like suspended ones they keep their position. */
static void let_go(struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (task_holds_offsets(task) && atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP)
            task_note_behind(task);
    }
    catch_up_drop_holds(catch_up);
    atomic_store_explicit(&catch_up->is_held, false, memory_order_relaxed);
}

static void fail(struct lane *lane, struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    move_positions(partition);
    atomic_store(&catch_up->has_failed, true);
    lane_wake_control(lane);
}

bool catch_up_step(struct lane *lane, struct partition *partition, int64_t budget_ns) {
    struct catch_up *catch_up = partition->catch_up;
    if (catch_up == NULL || catch_up->history == NULL ||
        atomic_load_explicit(&catch_up->is_over, memory_order_relaxed) ||
        atomic_load_explicit(&catch_up->has_failed, memory_order_relaxed))
        return false;
    const int64_t until_ns = clock_monotonic_ns() + budget_ns;
    const int64_t coarse_ns = clock_coarse_ns();
    struct task *alone = fed_alone(partition);
    uint64_t ticks = clock_ticks();
    int64_t clock_ns = 0;
    enum head head = HEAD_RECORD;
    size_t handed = 0;
    while (handed % RECORDS_A_LOOK != 0 || handed == 0 || clock_monotonic_ns() < until_ns) {
        size_t stream = follow_order(catch_up, partition, alone, &head, &clock_ns);
        if (stream == CLOCK_IS_NEXT) {
            fire_again(lane, partition, clock_ns);
            continue;
        }
        if (stream == catch_up->stream_count)
            stream = find_oldest(catch_up, partition, &head);
        if (head != HEAD_RECORD || lane->is_broken || is_throttled(lane, partition, stream))
            break;
        hand_over(lane, partition, stream, &ticks, coarse_ns);
        handed++;
        if (atomic_load_explicit(&lane->mailbox.has_mail, memory_order_relaxed))
            break;
    }
    if (head == HEAD_FAILED) {
        fail(lane, partition);
        return false;
    }
    move_positions(partition);
    count_behind(partition);
    if (head == HEAD_LEVEL)
        finish(lane, partition);
    else if (catch_up_holds(catch_up) && is_for_shadows(partition))
        let_go(partition);
    atomic_store_explicit(&lane->current_call->topic, NULL, memory_order_relaxed);
    return handed > 0;
}
