#include "engine/lane/catch_up.h"

#include "base/array.h"
#include "engine/lane/suspension.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ----  */

/* Whose offsets are held for a stream. */
static struct partition *home_of(const struct lane *lane, struct partition *partition,
                                 size_t stream) {
    return partition->number == PARTITION_GLOBAL ? lane_stream_home(lane, partition, stream)
                                                 : partition;
}

static bool hold_from(struct lane *lane, struct partition *partition, size_t stream, int64_t offset,
                      struct catch_up_part *part) {
    struct partition *home = home_of(lane, partition, stream);
    if (home == NULL)
        return true; /* it no longer is, or is not yet, this lane's */
    part->held =
        offset_tracker_hold(&home->topics[partition_stream_topic(partition, stream)], offset);
    if (part->held == NULL)
        return false;
    home->in_flight_count++;
    counter_add(&lane->counts.unconfirmed, 1);
    return true;
}

/* Holds the offset that the group has committed: the stream of a partition that was here before may
 * have come further than the instances that are behind. */
static bool hold_stream(struct lane *lane, struct partition *partition, size_t stream,
                        struct catch_up_part *part) {
    const struct offset_tracker *tracker = lane_tracker(lane, partition, stream);
    if (tracker == NULL || !offset_tracker_is_owned(tracker) || tracker->next == SOURCE_NO_OFFSET)
        return true; /* see catch_up_pass(), catch_up_hold_number() */
    const bool is_ahead =
        tracker->assigned_at != SOURCE_NO_OFFSET && tracker->assigned_at < tracker->next;
    return hold_from(lane, partition, stream, is_ahead ? tracker->assigned_at : tracker->next,
                     part);
}

void catch_up_drop_holds(struct catch_up *catch_up) {
    for (size_t i = 0; i < catch_up->stream_count; i++) {
        if (catch_up->parts[i].held != NULL)
            in_flight_release(catch_up->parts[i].held);
        catch_up->parts[i].held = NULL;
    }
    if (catch_up->own_hold != NULL)
        in_flight_release(catch_up->own_hold);
    catch_up->own_hold = NULL;
}

static bool hold(struct lane *lane, struct partition *partition, struct catch_up *catch_up) {
    for (size_t i = 0; catch_up_holds(catch_up) && i < catch_up->stream_count; i++) {
        if (!hold_stream(lane, partition, i, &catch_up->parts[i]))
            return false;
    }
    if (!catch_up_holds(catch_up))
        catch_up->own_hold = offset_tracker_hold(&catch_up->unconfirmed, 0);
    return catch_up_holds(catch_up) || catch_up->own_hold != NULL;
}

bool catch_up_begin(struct lane *lane, struct partition *partition, bool is_held) {
    if (partition->catch_up != NULL)
        return true;
    struct catch_up *catch_up = calloc(1, sizeof *catch_up);
    struct catch_up_part *parts = calloc(partition->stream_count + 1, sizeof *parts);
    if (catch_up == NULL || parts == NULL) {
        free(catch_up);
        free(parts);
        return false;
    }
    catch_up->ops = lane->options.source->ops->history;
    catch_up->parts = parts;
    catch_up->stream_count = partition->stream_count;
    atomic_store_explicit(&catch_up->is_held, is_held, memory_order_relaxed);
    offset_tracker_init(&catch_up->unconfirmed);
    if (!hold(lane, partition, catch_up)) {
        catch_up_drop_holds(catch_up);
        offset_tracker_release(&catch_up->unconfirmed);
        free(parts);
        free(catch_up);
        return false;
    }
    partition->catch_up = catch_up;
    lane->has_catch_up = true;
    counter_add(is_held ? &lane->counts.recoveries : &lane->counts.catch_ups, 1);
    return true;
}

bool catch_up_add_streams(struct partition *partition, int32_t number) {
    struct catch_up *catch_up = partition->catch_up;
    if (!partition_add_streams(partition, number))
        return false;
    if (catch_up == NULL || catch_up->stream_count >= partition->stream_count)
        return true;
    if (!ARRAY_RESIZE(catch_up->parts, partition->stream_count + 1))
        return false;
    memset(catch_up->parts + catch_up->stream_count, 0,
           (partition->stream_count - catch_up->stream_count) * sizeof *catch_up->parts);
    catch_up->stream_count = partition->stream_count;
    return true;
}

bool catch_up_hold_number(struct lane *lane, const struct partition *number) {
    struct partition *global = lane->global;
    if (global == NULL || !catch_up_is_held(global))
        return true;
    for (uint32_t topic = 0; topic < number->topic_count; topic++) {
        const size_t stream = partition_stream(global, topic, number->number);
        struct catch_up_part *part =
            stream < global->catch_up->stream_count ? &global->catch_up->parts[stream] : NULL;
        if (part != NULL && part->held == NULL && !hold_stream(lane, global, stream, part))
            return false;
    }
    return true;
}

struct source_history *catch_up_take_reading(struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    if (catch_up == NULL)
        return NULL;
    struct source_history *history = catch_up->history;
    catch_up->history = NULL;
    for (size_t i = 0; i < catch_up->stream_count; i++)
        catch_up->parts[i].is_read = catch_up->parts[i].has_record = false;
    for (size_t i = 0; i < partition->task_count; i++)
        partition->tasks[i]->is_fed = false;
    return history;
}

struct catch_up *catch_up_end(struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    partition->catch_up = NULL;
    atomic_store_explicit(&partition->late_handed, 0, memory_order_relaxed);
    for (size_t i = 0; i < partition->task_count; i++)
        partition->tasks[i]->is_fed = false;
    if (catch_up != NULL)
        catch_up_drop_holds(catch_up);
    return catch_up;
}

void catch_up_free(struct catch_up *catch_up, struct offset_tracker *orphans) {
    if (catch_up == NULL)
        return;
    offset_tracker_collect(&catch_up->unconfirmed);
    offset_tracker_abandon(&catch_up->unconfirmed, orphans);
    if (catch_up->history != NULL)
        catch_up->ops->close(catch_up->history);
    free(catch_up->parts);
    free(catch_up);
}

bool catch_up_is_held(const struct partition *partition) {
    const struct catch_up *catch_up = partition->catch_up;
    return catch_up != NULL && catch_up_holds(catch_up) && !atomic_load(&catch_up->is_over);
}

void catch_up_leave_unconfirmed(struct catch_up *catch_up, struct partition *partition) {
    offset_tracker_collect(&catch_up->unconfirmed);
    offset_tracker_abandon(&catch_up->unconfirmed, &partition->late);
}

bool catch_up_has_unconfirmed(struct partition *partition) {
    struct catch_up *catch_up = partition->catch_up;
    offset_tracker_collect(&partition->late);
    if (partition->late.first != NULL)
        return true;
    if (catch_up == NULL || catch_up_holds(catch_up))
        return false;
    offset_tracker_collect(&catch_up->unconfirmed);
    return catch_up->unconfirmed.first != NULL &&
           atomic_load_explicit(&catch_up->unconfirmed.first->holds, memory_order_acquire) >
               (catch_up->own_hold != NULL ? 1 : 0);
}

bool catch_up_pass(struct lane *lane, struct task *task, const struct record *record) {
    struct partition *partition = task->partition;
    const size_t stream = partition_stream(partition, record->topic, record->partition);
    if (stream < partition->stream_count && task->position[stream] != SOURCE_NO_OFFSET)
        return true;
    if (stream >= partition->stream_count && !catch_up_add_streams(partition, record->partition))
        return false;
    struct catch_up *catch_up = partition->catch_up;
    if (catch_up != NULL && atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP) {
        struct catch_up_part *part = &catch_up->parts[stream];
        if (catch_up_holds(catch_up) && part->held == NULL &&
            !hold_from(lane, partition, stream, record->offset, part))
            return false;
        task->is_fed = false;
        atomic_store(&partition->wants_history, true);
        lane_wake_control(lane);
    }
    task->position[stream] = record->offset;
    return true;
}
