#include "engine/lane/suspension.h"

#include "base/clock.h"
#include "engine/lane/deviation.h"
#include "source/source.h"

#include <inttypes.h>
#include <stdio.h>

#define REJECT_WINDOW_NS (60 * NS_PER_S)

static int64_t next_suspension(struct task *task, const struct config *config, int64_t now_ns) {
    const int64_t span_ns = task->suspend_ns > 0 ? task->suspend_ns : config->suspend_ns;
    task->suspend_ns = 2 * span_ns < config->suspend_max_ns ? 2 * span_ns : config->suspend_max_ns;
    return now_ns + span_ns;
}

int64_t suspension_for_error(struct task *task, const struct config *config, int64_t now_ns) {
    return ++task->errors_in_row < (uint64_t)config->error_run
               ? 0
               : next_suspension(task, config, now_ns);
}

int64_t suspension_for_reject(struct task *task, const struct config *config, int64_t now_ns) {
    if (now_ns - task->reject_window_ns > REJECT_WINDOW_NS) {
        task->reject_window_ns = now_ns;
        task->rejects_in_window = 0;
    }
    if (++task->rejects_in_window < (uint64_t)config->reject_rate)
        return 0;
    task->rejects_in_window = 0;
    return next_suspension(task, config, now_ns);
}

void task_note_behind(struct task *task) {
    task->place_ticket = TASK_NOT_PUT;
    task->partition->has_unsaved_place = true;
    task->partition->checkpoint_ns = 0; /* one is due */
    task->was_behind = true;
    task->level_number = 0;
}

void task_suspend(struct task *task, enum suspension why, int64_t resume_ns, struct log *log) {
    if (atomic_load(&task->suspension) == SUSPENDED_NOT)
        task_forget_positions(task);
    task_note_behind(task);
    task->missed = MISSED_NOT_COUNTED;
    task->is_fed = false;
    atomic_store(&task->resume_ns, resume_ns);
    atomic_store(&task->suspension, (int)why);
    atomic_store_explicit(&task->suspensions,
                          atomic_load_explicit(&task->suspensions, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (why == SUSPENDED_OPERATOR || why == SUSPENDED_SLOW)
        return; /* all instances at once: logged by whoever executes the command */
    char until[64] = "until resumed";
    if (resume_ns != INT64_MAX)
        snprintf(until, sizeof until, "for %.1f s",
                 (double)(resume_ns - clock_coarse_ns()) / (double)NS_PER_S);
    log_change_event(log, LOG_LEVEL_WARNING, "strategy", "strategy.suspended",
                     "%s on partition %" PRId32 ": suspended (%s), %s", task->deployment->name,
                     task->partition->number, suspension_name(why), until);
}

void task_catch_up(struct task *task) {
    task_count_missed(task);
    atomic_store(&task->resume_ns, INT64_MAX);
    atomic_store(&task->suspension, (int)SUSPENDED_CATCHING_UP);
    atomic_store(&task->partition->wants_history, true);
}

static void go_on(struct task *task) {
    atomic_store(&task->suspension, (int)SUSPENDED_NOT);
    atomic_store(&task->resume_ns, 0);
    atomic_store_explicit(&task->behind, 0, memory_order_relaxed);
    task->errors_in_row = 0;
    task->missed = MISSED_NOT_COUNTED;
    task->is_fed = false;
    task->place_ticket = 0;
}

void task_resume(struct task *task, bool can_catch_up, struct log *log) {
    if (can_catch_up && (task->is_ahead || task->moved_order != NULL || task_is_behind(task))) {
        task->errors_in_row = 0;
        task_catch_up(task);
        return;
    }
    const bool was_ordered = atomic_load(&task->suspension) == SUSPENDED_OPERATOR;
    go_on(task);
    if (!was_ordered) /* see task_suspend() */
        log_change_event(log, LOG_LEVEL_INFO, "strategy", "strategy.resumed",
                         "%s on partition %" PRId32 ": resumed", task->deployment->name,
                         task->partition->number);
    for (size_t i = 0; i < task->partition->stream_count; i++) {
        const int64_t next = task->partition->streams[i].next;
        if (task->position[i] != SOURCE_NO_OFFSET && task->position[i] < next)
            deviation_gap(task, i, task->position[i], next);
    }
    task_forget_positions(task);
}

void task_catch_up_done(struct task *task) {
    go_on(task);
    task_forget_positions(task);
}
