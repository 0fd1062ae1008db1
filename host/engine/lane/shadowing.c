#include "engine/lane/shadowing.h"

#include "base/clock.h"
#include "base/sync/counter.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>

/* A shadow that takes at most this many times what its original does is not the slow part. */
#define AS_SLOW    2
/* It is too slow after this many checks in a row that say so. */
#define SLOW_LOOKS 2

static bool is_live(const struct task *task) {
    return atomic_load_explicit(&task->suspension, memory_order_relaxed) == SUSPENDED_NOT;
}

/* Whether both get the current message. A redriven dead letter goes to only one of them. */
static bool is_comparing(const struct lane *lane, const struct shadow *shadow) {
    return !lane->scope.is_apart && shadow->original != NULL && is_live(shadow->task) &&
           is_live(shadow->original);
}

void shadowing_emit(struct lane *lane, struct task *task, const struct emitted_signal *emitted) {
    struct shadow *shadow = task->shadow;
    struct delivery *delivery =
        is_comparing(lane, shadow)
            ? publisher_signal(lane->options.publisher, task, emitted, NULL, 0, lane->blocks)
            : NULL;
    if (delivery == NULL) {
        counter_add(&shadow->counts.uncompared, 1);
        return;
    }
    shadow_gather(shadow, SHADOW_ITSELF, delivery);
    task->partition->is_comparing = lane->is_comparing = true;
    delivery_release(delivery);
}

void shadowing_note(struct lane *lane, const struct task *task, struct delivery *delivery) {
    for (struct shadow *shadow = task->shadows; shadow != NULL; shadow = shadow->next) {
        if (!is_comparing(lane, shadow))
            continue;
        shadow_gather(shadow, SHADOW_ORIGINAL, delivery);
        task->partition->is_comparing = lane->is_comparing = true;
    }
}

void shadowing_compare_all(struct lane *lane) {
    if (!lane->is_comparing)
        return;
    lane->is_comparing = false;
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        if (partition != NULL && partition->is_comparing)
            partition_compare(partition);
    }
}

/* ---- too slow ones ---- */

static uint64_t busy_ticks(const struct task *task) {
    return counter_read(&instance_counts(task->instance)->busy_ticks);
}

/* What one deployment's shadows, and their originals, took on this lane since the last check. */
struct taken {
    uint64_t ticks, original_ticks;
    int64_t since_ns;
    int64_t delay_ns; /* the part in which the lane had no processor: in whose callbacks is not
                       * known */
    struct shadow *first;
};

static void add_taken(struct taken *taken, struct task *task) {
    struct shadow *shadow = task->shadow;
    const uint64_t ticks = busy_ticks(task);
    const uint64_t original = shadow->original != NULL ? busy_ticks(shadow->original) : 0;
    /* A shadow that is catching up uses what the lane has left. An instance that was replaced
     * counts from the beginning. */
    if (is_live(task)) {
        taken->ticks += ticks > shadow->busy_ticks ? ticks - shadow->busy_ticks : 0;
        taken->original_ticks +=
            original > shadow->original_busy_ticks ? original - shadow->original_busy_ticks : 0;
    }
    shadow->busy_ticks = ticks;
    shadow->original_busy_ticks = original;
    if (taken->first == NULL)
        taken->first = shadow;
}

static void stop(struct lane *lane, struct task *task) {
    if (is_live(task) || atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP)
        task_suspend(task, SUSPENDED_SLOW, INT64_MAX, lane->options.log);
}

static double percent(int64_t ns, const struct taken *taken) {
    return 100 * (double)ns / (double)taken->since_ns;
}

/* All time without a processor is counted in its favour. */
static int64_t shadow_ns(const struct taken *taken) {
    return clock_ticks_ns(taken->ticks) - taken->delay_ns;
}

static void log_too_slow(struct lane *lane, const struct deployment *deployment,
                         const struct taken *taken) {
    log_change_event(
        lane->options.log, LOG_LEVEL_WARNING, "strategy", "shadow.too_slow",
        "%s: stopped: it took %.0f %% of lane %" PRIu32 "'s time in the last second, %s took %.0f "
        "%%; at most %" PRId64 " %% are allowed ([strategy:%s] shadow_share); `take5 ctl resume "
        "%s` starts it again",
        deployment->name, percent(shadow_ns(taken), taken), lane->options.index,
        deployment->shadow_of, percent(clock_ticks_ns(taken->original_ticks), taken),
        deployment->shadow_share, deployment->name, deployment->name);
}

static bool is_too_slow(const struct deployment *deployment, const struct taken *taken) {
    const int64_t took_ns = shadow_ns(taken);
    return deployment->shadow_share > 0 &&
           took_ns / deployment->shadow_share > taken->since_ns / 100 &&
           took_ns > AS_SLOW * clock_ticks_ns(taken->original_ticks);
}

/* The deployment's shadows in a partition of the lane; NULL: none. */
static struct task *find_shadow(const struct partition *partition,
                                const struct deployment *deployment) {
    for (size_t i = 0; partition != NULL && i < partition->task_count; i++)
        if (partition->tasks[i]->shadow != NULL && partition->tasks[i]->deployment == deployment)
            return partition->tasks[i];
    return NULL;
}

static struct partition *nth_partition(const struct lane *lane, size_t index) {
    return index < lane->partition_capacity ? lane->partitions[index] : lane->global;
}

static void stop_all(struct lane *lane, const struct deployment *deployment) {
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct task *task = find_shadow(nth_partition(lane, i), deployment);
        if (task != NULL)
            stop(lane, task);
    }
}

static void look_at(struct lane *lane, struct deployment *deployment, int64_t since_ns,
                    int64_t delay_ns) {
    struct taken taken = {.since_ns = since_ns, .delay_ns = delay_ns};
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct task *task = find_shadow(nth_partition(lane, i), deployment);
        if (task != NULL)
            add_taken(&taken, task);
    }
    if (taken.first == NULL)
        return;
    taken.first->slow_looks = is_too_slow(deployment, &taken) ? taken.first->slow_looks + 1 : 0;
    if (taken.first->slow_looks >= SLOW_LOOKS && !atomic_load(&deployment->is_stopped)) {
        log_too_slow(lane, deployment, &taken);
        atomic_store(&deployment->is_stopped, true); /* for the other lanes too */
    }
    if (atomic_load(&deployment->is_stopped))
        stop_all(lane, deployment);
}

/* All partitions have the same deployments. NULL: the lane has none. */
static const struct deployment_set *deployments_of(const struct lane *lane) {
    for (size_t i = 0; i <= lane->partition_capacity; i++)
        if (nth_partition(lane, i) != NULL)
            return nth_partition(lane, i)->deployment_set;
    return NULL;
}

void shadowing_find(struct lane *lane) {
    const struct deployment_set *all = deployments_of(lane);
    lane->has_shadows = false;
    for (size_t i = 0; all != NULL && i < all->count; i++)
        lane->has_shadows |= all->deployments[i]->shadow_of != NULL;
}

void shadowing_look(struct lane *lane, uint64_t ticks) {
    const struct deployment_set *all = deployments_of(lane);
    const int64_t since_ns = clock_ticks_ns(ticks - lane->looked_ticks);
    const int64_t delay_ns = clock_thread_delay_ns(), before_ns = lane->looked_delay_ns;
    lane->looked_ticks = ticks;
    lane->looked_delay_ns = delay_ns;
    for (size_t i = 0; all != NULL && i < all->count; i++)
        if (all->deployments[i]->shadow_of != NULL)
            look_at(lane, all->deployments[i], since_ns, delay_ns - before_ns);
}
