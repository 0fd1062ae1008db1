#include "engine/lane/catch_up.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/text.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/dispatch.h"
#include "engine/lane/dispatch_late.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>
#include <stdlib.h>

/* How many records are handed over between two looks at the clock. */
#define RECORDS_A_LOOK 16

/* ---- its life ---- */

static bool hold_from(struct lane *lane, struct partition *partition, size_t topic, int64_t offset,
                      struct catch_up_part *part) {
    part->held = offset_tracker_hold(&partition->topics[topic], offset);
    if (part->held == NULL)
        return false;
    partition->in_flight_count++;
    counter_add(&lane->counts.unconfirmed, 1);
    return true;
}

/* Holds the offset that the group has committed: the stream of a partition that was here before may
 * have come further than who is behind. */
static bool hold_topic(struct lane *lane, struct partition *partition, size_t topic,
                       struct catch_up_part *part) {
    struct offset_tracker *tracker = &partition->topics[topic];
    if (!tracker->is_owned || tracker->next == SOURCE_NO_OFFSET)
        return true; /* see catch_up_add_topic() */
    const bool is_ahead =
        tracker->assigned_at != SOURCE_NO_OFFSET && tracker->assigned_at < tracker->next;
    return hold_from(lane, partition, topic, is_ahead ? tracker->assigned_at : tracker->next, part);
}

static void drop_holds(struct catch_up *catch_up) {
    for (size_t i = 0; i < catch_up->topic_count; i++) {
        if (catch_up->parts[i].held != NULL)
            in_flight_drop(catch_up->parts[i].held);
        catch_up->parts[i].held = NULL;
    }
    if (catch_up->own_hold != NULL)
        in_flight_drop(catch_up->own_hold);
    catch_up->own_hold = NULL;
}

static bool hold(struct lane *lane, struct partition *partition, struct catch_up *catch_up) {
    for (size_t i = 0; catch_up->is_held && i < catch_up->topic_count; i++) {
        if (!hold_topic(lane, partition, i, &catch_up->parts[i]))
            return false;
    }
    if (!catch_up->is_held)
        catch_up->own_hold = offset_tracker_hold(&catch_up->pending, 0);
    return catch_up->is_held || catch_up->own_hold != NULL;
}

bool catch_up_begin(struct lane *lane, struct partition *partition, bool is_held) {
    if (partition->catch_up != NULL)
        return true;
    struct catch_up *catch_up = calloc(1, sizeof *catch_up);
    struct catch_up_part *parts = calloc(partition->topic_count + 1, sizeof *parts);
    if (catch_up == NULL || parts == NULL) {
        free(catch_up);
        free(parts);
        return false;
    }
    catch_up->ops = lane->options.source->ops->history;
    catch_up->parts = parts;
    catch_up->topic_count = partition->topic_count;
    catch_up->is_held = is_held;
    offset_tracker_init(&catch_up->pending);
    if (!hold(lane, partition, catch_up)) {
        drop_holds(catch_up);
        offset_tracker_release(&catch_up->pending);
        free(parts);
        free(catch_up);
        return false;
    }
    partition->catch_up = catch_up;
    lane->has_catch_up = true;
    counter_add(is_held ? &lane->counts.recoveries : &lane->counts.catch_ups, 1);
    return true;
}

/* Whether the reading has all that it is behind. */
static bool can_feed(const struct catch_up *catch_up, const struct task *task) {
    for (size_t i = 0; i < catch_up->topic_count; i++) {
        if (task->deployment->topics[i] != NOT_WANTED && task->position[i] != SOURCE_NO_OFFSET &&
            (!catch_up->parts[i].is_read || task->position[i] < catch_up->parts[i].passed))
            return false;
    }
    return true;
}

/* For who looks from another thread. */
static void count_behind(struct partition *partition) {
    for (size_t i = 0; i < partition->task_count; i++) {
        if (partition->tasks[i]->is_fed)
            task_count_behind(partition->tasks[i]);
    }
}

struct source_history *catch_up_take_reading(struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    if (catch_up == NULL)
        return NULL;
    struct source_history *history = catch_up->history;
    catch_up->history = NULL;
    for (size_t i = 0; i < catch_up->topic_count; i++)
        catch_up->parts[i].is_read = catch_up->parts[i].has_record = false;
    for (size_t i = 0; i < partition->task_count; i++)
        partition->tasks[i]->is_fed = false;
    return history;
}

void catch_up_read(struct lane *lane, struct partition *partition, struct source_history *history,
                   const struct history_part *parts, size_t count) {
    struct catch_up *catch_up = partition->catch_up;
    catch_up->history = history;
    for (size_t i = 0; i < count; i++) {
        struct catch_up_part *part = &catch_up->parts[parts[i].topic];
        part->is_read = true;
        part->index = i;
        part->passed = parts[i].from;
        const int64_t next = partition->topics[parts[i].topic].next;
        checkpointing_cut(partition, parts[i].topic, parts[i].high > next ? parts[i].high : next);
    }
    catch_up->run = partition->order != NULL ? order_begin(partition->order) : 0;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (atomic_load(&task->suspension) != SUSPENDED_CATCHING_UP)
            continue;
        task->is_fed = can_feed(catch_up, task);
        if (!task->is_fed)
            atomic_store(&partition->wants_history, true);
    }
    count_behind(partition);
    atomic_store(&catch_up->has_failed, false);
    atomic_store(&catch_up->is_over, false);
    lane->has_catch_up = true;
}

struct catch_up *catch_up_end(struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    partition->catch_up = NULL;
    atomic_store_explicit(&partition->late_handed, 0, memory_order_relaxed);
    for (size_t i = 0; i < partition->task_count; i++)
        partition->tasks[i]->is_fed = false;
    if (catch_up != NULL)
        drop_holds(catch_up);
    return catch_up;
}

void catch_up_free(struct catch_up *catch_up, struct offset_tracker *orphans) {
    if (catch_up == NULL)
        return;
    offset_tracker_collect(&catch_up->pending);
    offset_tracker_abandon(&catch_up->pending, orphans);
    if (catch_up->history != NULL)
        catch_up->ops->close(catch_up->history);
    free(catch_up->parts);
    free(catch_up);
}

bool catch_up_is_held(const struct partition *partition) {
    const struct catch_up *catch_up = partition->catch_up;
    return catch_up != NULL && catch_up->is_held && !atomic_load(&catch_up->is_over);
}

bool catch_up_has_unconfirmed(struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    if (catch_up == NULL || catch_up->is_held)
        return false;
    offset_tracker_collect(&catch_up->pending);
    return catch_up->pending.first != NULL &&
           atomic_load_explicit(&catch_up->pending.first->holds, memory_order_acquire) >
               (catch_up->own_hold != NULL ? 1 : 0);
}

bool catch_up_add_topic(struct lane *lane, struct task *task, const struct record *record) {
    struct partition *partition = task->partition;
    struct catch_up *catch_up = partition->catch_up;
    if (catch_up != NULL && atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP) {
        struct catch_up_part *part = &catch_up->parts[record->topic];
        if (catch_up->is_held && part->held == NULL &&
            !hold_from(lane, partition, record->topic, record->offset, part))
            return false;
        task->is_fed = false;
        atomic_store(&partition->wants_history, true);
        lane->options.source->ops->wake_control(lane->options.source);
    }
    task->position[record->topic] = record->offset;
    return true;
}

/* ---- feeding ---- */

enum head {
    HEAD_RECORD,
    HEAD_WAIT,  /* the reading has not got there */
    HEAD_LEVEL, /* what the stream has handed over of this topic is passed */
    HEAD_FAILED
};

/* The topic's next record, looked for up to `limit`. */
static enum head find_head(struct catch_up *catch_up, const struct partition *partition,
                           size_t topic, int64_t limit) {
    struct catch_up_part *part = &catch_up->parts[topic];
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
    return part->record.offset < partition->topics[topic].next ? HEAD_RECORD : HEAD_LEVEL;
}

/* The topic that the journal says is next; topic_count: it says nothing. What the run in hand still
 * has is waited for (`*head`), also until the stream has come so far: the journal of a process
 * before may reach beyond the committed offsets, and signals that were made in its order are made
 * again in no other. */
static size_t follow_order(struct catch_up *catch_up, const struct partition *partition,
                           enum head *head) {
    const struct order *order = partition->order;
    if (order == NULL)
        return catch_up->topic_count;
    if (catch_up->run < order_begin(order))
        catch_up->run = order_begin(order);
    for (; catch_up->run < order_end(order); catch_up->run++) {
        const struct order_run *run = order_at(order, catch_up->run);
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
    return catch_up->topic_count;
}

/* Without the journal's word: the oldest record, when all heads are known. */
static size_t find_oldest(struct catch_up *catch_up, const struct partition *partition,
                          enum head *head) {
    size_t oldest = catch_up->topic_count;
    *head = HEAD_LEVEL;
    for (size_t i = 0; i < catch_up->topic_count; i++) {
        if (!catch_up->parts[i].is_read)
            continue;
        const enum head its = find_head(catch_up, partition, i, partition->topics[i].next);
        if (its == HEAD_FAILED || its == HEAD_WAIT) {
            *head = its;
            return i;
        }
        if (its == HEAD_RECORD &&
            (oldest == catch_up->topic_count || catch_up->parts[i].record.kafka_time_ms <
                                                    catch_up->parts[oldest].record.kafka_time_ms)) {
            oldest = i;
            *head = HEAD_RECORD;
        }
    }
    return oldest;
}

static struct in_flight *hold_of(const struct catch_up *catch_up, size_t topic) {
    return catch_up->is_held ? catch_up->parts[topic].held : catch_up->own_hold;
}

/* Too many of its signals wait for a sink. */
static bool is_throttled(const struct lane *lane, const struct catch_up *catch_up, size_t topic) {
    const struct in_flight *in_flight = hold_of(catch_up, topic);
    return in_flight != NULL && atomic_load_explicit(&in_flight->holds, memory_order_relaxed) >
                                    (uint64_t)lane->options.config->max_unconfirmed;
}

static void hand_over(struct lane *lane, struct partition *partition, size_t topic,
                      uint64_t *ticks_now, int64_t coarse_ns) {
    struct catch_up *catch_up = partition->catch_up;
    struct catch_up_part *part = &catch_up->parts[topic];
    struct in_flight *in_flight = hold_of(catch_up, topic);
    if (in_flight != NULL)
        ack_scope_begin_with(&lane->scope, in_flight);
    dispatch_late(lane, partition, &part->record, ticks_now, coarse_ns);
    dispatch_settle(lane);
    part->has_record = false;
    part->passed = part->record.offset + 1;
    counter_add(&partition->late_handed, 1);
}

/* What is passed is behind everybody who is fed: holes in the log are nobody's. */
static void move_positions(struct partition *partition) {
    const struct catch_up *catch_up = partition->catch_up;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!task->is_fed)
            continue;
        for (size_t topic = 0; topic < catch_up->topic_count; topic++) {
            if (catch_up->parts[topic].is_read && task->position[topic] != SOURCE_NO_OFFSET &&
                task->position[topic] < catch_up->parts[topic].passed)
                task->position[topic] = catch_up->parts[topic].passed;
        }
    }
}

/* Everybody who is fed is level with the stream. */
static void finish(struct lane *lane, struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
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
                     "partition %" PRId32 ": caught up with the stream: %s", partition->number,
                     text_is_oom(&names) ? "all that were behind" : names.data);
    text_release(&names);
    drop_holds(catch_up);
    atomic_store(&catch_up->is_over, true);
    lane->options.source->ops->wake_control(lane->options.source);
}

static void fail(struct lane *lane, struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    move_positions(partition);
    atomic_store(&catch_up->has_failed, true);
    lane->options.source->ops->wake_control(lane->options.source);
}

bool catch_up_step(struct lane *lane, struct partition *partition, int64_t budget_ns) {
    struct catch_up *catch_up = partition->catch_up;
    if (catch_up == NULL || catch_up->history == NULL ||
        atomic_load_explicit(&catch_up->is_over, memory_order_relaxed) ||
        atomic_load_explicit(&catch_up->has_failed, memory_order_relaxed))
        return false;
    const int64_t until_ns = clock_monotonic_ns() + budget_ns;
    const int64_t coarse_ns = clock_coarse_ns();
    uint64_t ticks = clock_ticks();
    enum head head = HEAD_RECORD;
    size_t handed = 0;
    while (handed % RECORDS_A_LOOK != 0 || handed == 0 || clock_monotonic_ns() < until_ns) {
        size_t topic = follow_order(catch_up, partition, &head);
        if (topic == catch_up->topic_count)
            topic = find_oldest(catch_up, partition, &head);
        if (head != HEAD_RECORD || lane->is_broken || is_throttled(lane, catch_up, topic))
            break;
        hand_over(lane, partition, topic, &ticks, coarse_ns);
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
    atomic_store_explicit(&lane->current_call->topic, NULL, memory_order_relaxed);
    return handed > 0;
}
