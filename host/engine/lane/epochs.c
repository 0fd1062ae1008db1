#include "engine/lane/epochs.h"

#include "base/clock.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "sink/transaction/transactor.h"

#include <stdlib.h>

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

/* NULL: its cause is no message of an assignment. */
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

/* Up to where all have been handed the topic. */
static int64_t bound_of(const struct partition *partition, size_t topic) {
    const struct offset_tracker *tracker = &partition->topics[topic];
    int64_t bound = tracker->next;
    if (!catch_up_is_held(partition) || tracker->next < tracker->assigned_at)
        return tracker->next; /* the second: its log was made anew */
    for (size_t i = 0; i < partition->task_count; i++) {
        const struct task *task = partition->tasks[i];
        if (atomic_load(&task->suspension) != SUSPENDED_CATCHING_UP ||
            task->deployment->topics[topic] == NOT_WANTED)
            continue;
        if (task->needs_warm_up)
            bound = tracker->assigned_at;
        else if (task->position[topic] != SOURCE_NO_OFFSET && task->position[topic] < bound)
            bound = task->position[topic];
    }
    return bound < tracker->assigned_at ? tracker->assigned_at : bound;
}

static bool reserve(struct lane *lane) {
    size_t count = 0;
    for (size_t i = 0; i < lane->partition_capacity; i++)
        count += lane->partitions[i] != NULL ? lane->partitions[i]->topic_count : 0;
    if (count <= lane->tenure_capacity)
        return true;
    struct tenure **grown = realloc(lane->tenures, count * sizeof *grown);
    if (grown == NULL)
        return false;
    lane->tenures = grown;
    lane->tenure_capacity = count;
    return true;
}

static size_t gather(struct lane *lane) {
    size_t count = 0;
    for (size_t i = 0; i < lane->partition_capacity; i++) {
        const struct partition *partition = lane->partitions[i];
        for (size_t topic = 0; partition != NULL && topic < partition->topic_count; topic++) {
            struct tenure *tenure = partition->topics[topic].tenure;
            if (tenure == NULL || atomic_load(&tenure->is_over))
                continue;
            tenure->bound = bound_of(partition, topic);
            lane->tenures[count++] = tenure;
        }
    }
    return count;
}

/* What tells in which order its records were handed over is on the disk before it is committed. */
static uint64_t hand_journals(struct lane *lane) {
    uint64_t last = 0;
    for (size_t i = 0; lane->options.store != NULL && i < lane->partition_capacity; i++) {
        const uint64_t ticket =
            lane->partitions[i] != NULL ? checkpointing_journal_now(lane, lane->partitions[i]) : 0;
        if (ticket > last)
            last = ticket;
    }
    return last;
}

/* A lane that is broken may be in the middle of a message. */
static bool can_close(const struct lane *lane) {
    return !lane->is_broken && !breakdown_has_come(lane->options.breakdown, NULL);
}

void epochs_close(struct lane *lane) {
    bool is_oom;
    if (lane->options.transactor == NULL || !can_close(lane) || !reserve(lane))
        return;
    lane->epoch_ns = clock_monotonic_ns();
    struct epoch *epoch = epoch_close(&lane->epoch, lane->tenures, gather(lane), &is_oom);
    if (epoch == NULL)
        return; /* without memory the open one goes on */
    epoch->ticket = hand_journals(lane);
    transactor_submit(lane->options.transactor, epoch);
}

int epochs_close_due(struct lane *lane, int most_ms) {
    const int64_t interval_ns = lane->options.config->commit_interval_ns;
    int64_t left_ns = lane->epoch_ns + interval_ns - clock_monotonic_ns();
    if (transactor_undecided(lane->options.transactor) >= TRANSACTOR_WAITING)
        return most_ms; /* it wakes the lane */
    if (left_ns <= 0) {
        epochs_close(lane);
        left_ns = interval_ns;
    }
    const int64_t left_ms = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
    return left_ms < most_ms ? (int)left_ms : most_ms;
}

/* ---- what came of it ---- */

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
