#include "engine/lane/task_errors.h"

#include "base/clock.h"
#include "base/text.h"
#include "engine/lane/emit.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>
#include <stdio.h>

/* " (and 99 errors and 1 reject more since)", or nothing. */
static const char *describe_suppressed(const struct task *task, char *text, size_t size) {
    char errors[32] = "", rejects[32] = "";
    text[0] = '\0';
    if (task->suppressed_errors > 0)
        snprintf(errors, sizeof errors, "%" PRIu64 " error%s", task->suppressed_errors,
                 text_plural(task->suppressed_errors));
    if (task->suppressed_rejects > 0)
        snprintf(rejects, sizeof rejects, "%" PRIu64 " reject%s", task->suppressed_rejects,
                 text_plural(task->suppressed_rejects));
    if (errors[0] != '\0' || rejects[0] != '\0')
        snprintf(text, size, " (and %s%s%s more since)", errors,
                 errors[0] != '\0' && rejects[0] != '\0' ? " and " : "", rejects);
    return text;
}

/* Logs an error or a reject, at most every ten seconds for one instance. */
static void log_error_of(struct lane *lane, struct task *task, const char *what, bool is_reject) {
    const int64_t now = clock_wall_ns();
    if (task->last_error_ns != 0 && now - task->last_error_ns < ERROR_LOG_EVERY_NS) {
        if (is_reject)
            task->suppressed_rejects++;
        else
            task->suppressed_errors++;
        return;
    }
    char text[256], more[96];
    snprintf(text, sizeof text, "%s at %s/%" PRId32 "/%" PRId64 ": %s", what,
             topics_name(lane->options.topics, task->cause.topic), task->cause.partition,
             task->cause.offset, instance_error(task->instance));
    lane_note_error(lane, task, text);
    task->last_error_ns = now;
    log_event(lane->options.log, LOG_LEVEL_WARNING, "strategy", "callback.failed", "%s: %s%s",
              task->deployment->name, text, describe_suppressed(task, more, sizeof more));
    task->suppressed_errors = task->suppressed_rejects = 0;
}

static void suspend_if_due(struct lane *lane, struct task *task, enum suspension why,
                           int64_t resume_ns) {
    if (resume_ns != 0)
        task_suspend(task, why, resume_ns, lane->options.log);
}

void task_error_count(struct lane *lane, struct task *task, const char *what) {
    log_error_of(lane, task, what, false);
    if (!lane->options.is_replay)
        suspend_if_due(lane, task, SUSPENDED_ERRORS,
                       suspension_for_error(task, lane->options.config, clock_coarse_ns()));
}

void task_reject_count(struct lane *lane, struct task *task, const struct record *record) {
    log_error_of(lane, task, "rejected", true);
    if (task->shadow == NULL)
        emit_dead_letter(lane, record, "rejected", instance_error(task->instance),
                         task->deployment->name);
    if (!lane->options.is_replay)
        suspend_if_due(lane, task, SUSPENDED_REJECTS,
                       suspension_for_reject(task, lane->options.config, clock_coarse_ns()));
}

void lane_slow(void *context, struct instance *instance, enum callback callback, int64_t took_ns) {
    struct task *task = context;
    struct lane *lane = task->partition->home;
    const int64_t now = clock_wall_ns();
    char more[96] = "";
    (void)instance;
    /* At the same interval as errors: a slow instance is slow with every message. */
    if (task->last_slow_ns != 0 && now - task->last_slow_ns < ERROR_LOG_EVERY_NS) {
        task->suppressed_slow++;
        if (took_ns > task->slowest_ns)
            task->slowest_ns = took_ns;
        return;
    }
    if (task->suppressed_slow > 0)
        snprintf(more, sizeof more, " (and %" PRIu64 " more since, up to %.1f ms)",
                 task->suppressed_slow, (double)task->slowest_ns / (double)NS_PER_MS);
    log_event(lane->options.log, LOG_LEVEL_WARNING, "strategy", "callback.slow",
              "%s: slow callback: %s at %s/%" PRId32 "/%" PRId64 " took %.1f ms, limit %.0f ms%s",
              task->deployment->name, callback_name(callback),
              topics_name(lane->options.topics, task->cause.topic), task->cause.partition,
              task->cause.offset, (double)took_ns / (double)NS_PER_MS,
              (double)lane->options.config->slow_callback_ns / (double)NS_PER_MS, more);
    task->last_slow_ns = now;
    task->slowest_ns = 0;
    task->suppressed_slow = 0;
}
