#include "engine/reload/positions.h"

#include "engine/history/recovery.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/dispatch.h"
#include "engine/lane/lane.h"

static void go_on_behind(struct lane *lane, struct task *task) {
    atomic_store(&task->resume_ns, INT64_MAX);
    if (atomic_load(&task->suspension) != SUSPENDED_OPERATOR)
        dispatch_resume(lane, task, true);
}

/* False: that one was level with the stream, and so is this one. */
static bool copy_position(struct task *task, const struct task *from) {
    task->cause = from->cause;
    if (atomic_load(&from->suspension) == SUSPENDED_NOT)
        return false;
    task_take_place(task, from);
    return true;
}

void task_take_position(struct lane *lane, struct task *task, struct task *old) {
    if (!copy_position(task, old))
        return;
    task->place_ticket = old->place_ticket;
    task->moved_order = old->moved_order;
    old->moved_order = NULL;
    atomic_store(&task->suspension, atomic_load(&old->suspension));
    go_on_behind(lane, task);
}

void task_take_original_position(struct lane *lane, struct task *task,
                                 const struct task *original) {
    if (!copy_position(task, original))
        return;
    atomic_store(&task->suspension, (int)SUSPENDED_CATCHING_UP);
    go_on_behind(lane, task);
}

void task_take_kept_position(struct lane *lane, struct task *task) {
    const struct partition *partition = task->partition;
    const struct checkpoint_part *kept = partition_absent(partition, task->deployment->name);
    for (size_t i = 0; i < partition->stream_count; i++) {
        if (!task_wants(task, i))
            continue;
        task->position[i] = checkpointing_position(lane, partition, &kept->positions, i);
        task->history_to[i] = checkpointing_position(lane, partition, &kept->history_to, i);
    }
    task->was_behind = true;
    /* What came from another worker and could not run. */
    task->is_ahead = true;
    task->is_ahead = task_is_ahead(task, SIZE_MAX, 0);
    if (!task->is_ahead && !task_is_behind(task)) {
        task_forget_positions(task);
        return;
    }
    if (atomic_load(&task->suspension) == SUSPENDED_NOT)
        atomic_store(&task->suspension, (int)SUSPENDED_CATCHING_UP);
    go_on_behind(lane, task);
}

void task_take_warm_up(struct lane *lane, struct task *task) {
    if (task->deployment->warm_up_ns == 0 || lane->options.source->ops->history == NULL ||
        task->partition->order == NULL || partition_is_parked(task->partition))
        return;
    recovery_warm_up(task);
    lane_wake_control(lane);
}
