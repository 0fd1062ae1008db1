#include "engine/lane/epochs.h"

#include "base/array.h"
#include "base/clock.h"
#include "checkpoint/store.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/late_note.h"
#include "sink/transaction/transactor.h"

#include <stdlib.h>
#include <string.h>

bool epochs_begin_tenure(struct offset_tracker *tracker, const char *topic, int32_t partition,
                         int64_t committed) {
    struct tenure *tenure = tenure_new(topic, partition, committed);
    if (tenure == NULL)
        return false;
    tenure_end(tracker->tenure);
    tenure_release(tracker->tenure);
    tracker->tenure = tenure;
    return true;
}

/* NULL: its cause belongs to no assignment. */
static struct tenure *tenure_of(const struct lane *lane, const struct cause *cause) {
    if (lane->scope.is_apart || cause->topic == NOT_WANTED || cause->partition < 0)
        return NULL;
    const struct partition *partition = lane_partition(lane, cause->partition);
    return partition != NULL ? partition->topics[cause->topic].tenure : NULL;
}

void epochs_add(struct lane *lane, const struct cause *cause, struct delivery *delivery) {
    epoch_add(&lane->epoch, delivery, tenure_of(lane, cause), cause->offset);
}

/* ---- closing ---- */

/* Up to where tasks of the partition have been handed the stream, at most `bound`. */
static int64_t bound_by(const struct partition *partition, size_t stream,
                        const struct offset_tracker *tracker, int64_t bound) {
    if (!catch_up_is_held(partition) || stream >= partition->stream_count)
        return bound;
    for (size_t i = 0; i < partition->task_count; i++) {
        const struct task *task = partition->tasks[i];
        if (atomic_load(&task->suspension) != SUSPENDED_CATCHING_UP || !task_holds_offsets(task) ||
            !task_wants(task, stream))
            continue;
        if (task_is_cold(task))
            bound = tracker->assigned_at;
        else if (task->position[stream] != SOURCE_NO_OFFSET && task->position[stream] < bound)
            bound = task->position[stream];
    }
    return bound;
}

/* What the group has, or is about to have: nothing below is committed again. A task that was
 * suspended while that advanced, and is catching up now, has its place in the note. */
static int64_t least_of(const struct offset_tracker *tracker) {
    const int64_t closed = tracker->tenure->closed;
    return closed > tracker->assigned_at && closed <= tracker->next ? closed : tracker->assigned_at;
}

/* Up to where all tasks have been handed the topic. */
static int64_t bound_of(const struct lane *lane, const struct partition *partition, size_t topic) {
    const struct offset_tracker *tracker = &partition->topics[topic];
    if (tracker->next < tracker->assigned_at)
        return tracker->next; /* the topic was recreated */
    if (partition_newcomers(partition) != NEWCOMERS_NONE ||
        (lane->global != NULL && partition_newcomers(lane->global) != NEWCOMERS_NONE))
        return EPOCH_NO_OFFSET;
    if (partition->owes_checkpoint || (lane->global != NULL && lane->global->owes_checkpoint))
        return least_of(tracker);
    int64_t bound = bound_by(partition, topic, tracker, tracker->next);
    if (lane->global != NULL)
        bound = bound_by(lane->global,
                         partition_stream(lane->global, (uint32_t)topic, partition->number),
                         tracker, bound);
    return bound < least_of(tracker) ? least_of(tracker) : bound;
}

static bool reserve(struct lane *lane) {
    size_t count = 0;
    for (size_t i = 0; i < lane->partition_capacity; i++)
        count += lane->partitions[i] != NULL ? lane->partitions[i]->topic_count : 0;
    if (count <= lane->tenure_capacity)
        return true;
    if (!ARRAY_RESIZE(lane->tenures, count))
        return false;
    lane->tenure_capacity = count;
    return true;
}

/* Whether a checkpoint on the disk has it level with the others. */
static bool is_known_level(const struct lane *lane, const struct task *task) {
    return task->level_number != 0 && lane->options.store != NULL &&
           checkpoint_store_has(lane->options.store, task->partition->number, task->saved_number);
}

/* The tasks of the partition that are behind in the stream, or not known to be level again. */
static void note_late(const struct lane *lane, const struct partition *partition, size_t stream,
                      int64_t bound, struct text *note) {
    for (size_t i = 0; stream < partition->stream_count && i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!task->was_behind || !task_wants(task, stream))
            continue;
        const bool is_level = atomic_load(&task->suspension) == SUSPENDED_NOT;
        if (is_level && is_known_level(lane, task)) {
            task->was_behind = false;
            continue;
        }
        const int64_t position = is_level ? bound : task->position[stream];
        const bool is_in_history = !is_level && position < task->history_to[stream];
        const int64_t safe = is_in_history ? task->history_to[stream] : position;
        if (position != SOURCE_NO_OFFSET && !task_is_cold(task))
            late_note_add(note, task->deployment->name, safe < bound ? safe : bound);
    }
}

/* For the offset of the topic; NULL: nothing to say, or no memory. */
static char *make_note(const struct lane *lane, const struct partition *partition, size_t topic,
                       int64_t bound) {
    struct text note;
    text_init(&note);
    if (partition->clock_ns != 0)
        late_note_add(&note, LATE_NOTE_CLOCK, partition->clock_ns);
    note_late(lane, partition, topic, bound, &note);
    if (lane->global != NULL && lane->global->clock_ns != 0)
        late_note_add(&note, LATE_NOTE_GLOBAL_CLOCK, lane->global->clock_ns);
    if (lane->global != NULL)
        note_late(lane, lane->global,
                  partition_stream(lane->global, (uint32_t)topic, partition->number), bound, &note);
    char *made = note.size > 0 && !text_is_oom(&note) ? strdup(note.data) : NULL;
    text_release(&note);
    return made;
}

static size_t gather(struct lane *lane) {
    size_t count = 0;
    for (size_t i = 0; i < lane->partition_capacity; i++) {
        const struct partition *partition = lane->partitions[i];
        for (size_t topic = 0; partition != NULL && topic < partition->topic_count; topic++) {
            struct tenure *tenure = partition->topics[topic].tenure;
            if (tenure == NULL || atomic_load(&tenure->is_over))
                continue;
            tenure->bound = bound_of(lane, partition, topic);
            free(tenure->note);
            tenure->note = tenure->bound != EPOCH_NO_OFFSET
                               ? make_note(lane, partition, topic, tenure->bound)
                               : NULL;
            lane->tenures[count++] = tenure;
        }
    }
    return count;
}

/* The ticket of a checkpoint that must be on the disk first, and is not; 0: none. */
static uint64_t awaited(const struct lane *lane, struct partition *partition) {
    if (partition == NULL || partition->awaited_ticket == 0)
        return 0;
    if (checkpoint_store_is_done(lane->options.store, partition->awaited_ticket))
        partition->awaited_ticket = 0;
    return partition->awaited_ticket;
}

/* The order in which its records were handed over is on the disk before it is committed. */
static uint64_t hand_journals(struct lane *lane) {
    uint64_t last = 0;
    for (size_t i = 0; lane->options.store != NULL && i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        const uint64_t ticket = checkpointing_journal_now(lane, partition);
        const uint64_t other = awaited(lane, partition);
        last = ticket > last ? ticket : last;
        last = other > last ? other : last;
    }
    return last;
}

/* A newcomer that is level gets its first checkpoint, which is committed together with what the
 * stream brought meanwhile: after a crash either both count, or neither. Where the stream brought
 * nothing, or there is no checkpoint, the commit comes first, without one: a checkpoint before it
 * would be usable while the signals are not committed yet. */
static void admit_newcomers(struct lane *lane) {
    for (size_t i = 0; lane->options.store != NULL && i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        struct error error = {0};
        if (partition == NULL || partition_newcomers(partition) != NEWCOMERS_LEVEL ||
            catch_up_is_held(partition))
            continue;
        if (checkpointing_is_above_committed(lane, partition) &&
            checkpointing_take_with(lane, partition, &error) != 0)
            continue;
        partition_admit(partition);
        partition->awaits_commit = true;
    }
}

/* A lane that is broken may be in the middle of a message. */
static bool can_close(const struct lane *lane) {
    return !lane->is_broken && !breakdown_has_come(lane->options.breakdown, NULL);
}

void epochs_close(struct lane *lane) {
    bool is_oom;
    if (lane->options.transactor == NULL || !can_close(lane) || !reserve(lane))
        return;
    admit_newcomers(lane);
    lane->epoch_ns = clock_monotonic_ns();
    struct epoch *epoch = epoch_close(&lane->epoch, lane->tenures, gather(lane), &is_oom);
    if (epoch == NULL)
        return; /* without memory the open one continues */
    epoch->ticket = hand_journals(lane);
    transactor_submit(lane->options.transactor, epoch);
}

int epochs_close_due(struct lane *lane, int most_ms) {
    const int64_t interval_ns = lane->options.config->commit_interval_ns;
    int64_t left_ns = lane->epoch_ns + interval_ns - clock_monotonic_ns();
    /* One that waits for the commit of another becomes visible no sooner than the open one that
     * grows meanwhile, and what follows it becomes visible later. The decision wakes the lane. */
    if (transactor_undecided(lane->options.transactor) > 0)
        return most_ms;
    /* The lane has paused since the last one: only a commit makes room. */
    const bool is_urgent = lane->full_ns > lane->epoch_ns;
    if (left_ns <= 0 || is_urgent) {
        epochs_close(lane);
        left_ns = interval_ns;
    }
    const int64_t left_ms = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
    return left_ms < most_ms ? (int)left_ms : most_ms;
}

/* ---- outcome ---- */

void epochs_learn(struct lane *lane, struct partition *partition, size_t topic) {
    struct offset_tracker *tracker = &partition->topics[topic];
    if (tracker->tenure == NULL)
        return;
    const int64_t committed = atomic_load(&tracker->tenure->committed);
    if (committed == tracker->stored || committed == SOURCE_NO_OFFSET)
        return;
    tracker->stored = committed;
    (void)lane->options.source->ops->store(lane->options.source, (uint32_t)topic, partition->number,
                                           committed);
}
