#include "engine/lane/emit.h"

#include "engine/lane/checkpointing.h"
#include "engine/lane/epochs.h"
#include "engine/lane/shadowing.h"

bool emit_await_memory(struct lane *lane, struct patience *patience, const char *what) {
    if (!lane->is_broken && breakdown_wait(lane->options.breakdown, patience, what))
        return true;
    lane->is_broken = true;
    return false;
}

static bool hold(struct lane *lane, struct in_flight **in_flight) {
    struct patience patience = PATIENCE_INIT;
    while (!ack_scope_hold(&lane->scope, in_flight)) {
        if (!emit_await_memory(lane, &patience, "a message in flight"))
            return false;
    }
    return true;
}

void emit_settle(struct lane *lane) {
    current_call_settle(lane->current_call);
    ack_scope_end(&lane->scope);
}

bool lane_emit(void *context, struct instance *instance, const struct emitted_signal *emitted) {
    struct task *task = context;
    struct lane *lane = task->partition->home;
    (void)instance;
    if (__builtin_expect(task->shadow != NULL, 0)) {
        shadowing_emit(lane, task, emitted);
        return true;
    }
    struct in_flight *in_flight = NULL;
    if (publisher_holds_signals(lane->options.publisher) && !hold(lane, &in_flight))
        return false;
    struct patience patience = PATIENCE_INIT;
    struct delivery *delivery;
    while ((delivery = publisher_signal(lane->options.publisher, task, emitted, in_flight,
                                        lane->scope.sequence, lane->blocks)) == NULL) {
        if (!emit_await_memory(lane, &patience, "a signal"))
            return false;
    }
    ack_scope_note(&lane->scope, delivery->bytes);
    if (task->deployment->wanted_count > 1 || task->partition->number == PARTITION_GLOBAL ||
        task->partition->clock_ns != 0)
        checkpointing_cover(task->partition);
    if (lane->options.observed != NULL)
        feed_lane_signal(lane->options.observed, task->partition->number, emitted->name.data,
                         emitted->name.len, delivery);
    if (__builtin_expect(task->shadows != NULL, 0))
        shadowing_note(lane, task, delivery);
    if (lane->options.transactor != NULL)
        epochs_add(lane, &task->cause, delivery);
    publisher_send(lane->options.publisher, delivery);
    return true;
}

static bool send_point(struct lane *lane, const struct task *task,
                       const struct published_point *point) {
    struct publisher *publisher = lane->options.publisher;
    struct in_flight *in_flight = NULL;
    if (!publisher_takes_point(publisher))
        return true;
    if (publisher->holds_points && !hold(lane, &in_flight))
        return false;
    struct patience patience = PATIENCE_INIT;
    struct delivery *delivery;
    while ((delivery = publisher_point(publisher, task, point, in_flight, lane->scope.sequence,
                                       lane->blocks)) == NULL) {
        if (!emit_await_memory(lane, &patience, "a point of a series"))
            return false;
    }
    if (publisher->holds_points)
        ack_scope_note(&lane->scope, delivery->bytes);
    publisher_send(publisher, delivery);
    return true;
}

bool lane_publish(void *context, struct instance *instance, const struct published_point *point) {
    const struct task *task = context;
    struct lane *lane = task->partition->home;
    (void)instance;
    if (lane->options.published != NULL)
        published_lane_add(lane->options.published,
                           &(struct published_key){task->deployment->name, point->series,
                                                   point->symbol, point->time_frame_s},
                           point->event_time_ns, point->value);
    return lane->options.publisher->point_sink == NULL || task->shadow != NULL ||
           send_point(lane, task, point);
}

/* Control makes instances too, and can give up a reload: then it decides. */
bool lane_await_memory(void *context, struct patience *patience, const char *what) {
    const struct task *task = context;
    struct lane *lane = task->partition->home;
    return pthread_equal(pthread_self(), lane->thread) && emit_await_memory(lane, patience, what);
}

void lane_wake(void *context, struct instance *instance) {
    struct task *task = context;
    struct lane *lane = task->partition->home;
    (void)instance;
    atomic_store(&task->is_woken, true);
    atomic_store(&lane->has_wakes, true);
    lane->options.source->ops->wake(lane->options.source, lane->options.index);
}

void emit_dead_letter(struct lane *lane, const struct record *record, const char *reason,
                      const char *message, const char *deployment) {
    if (lane->options.unusable != NULL)
        lane->options.unusable(lane->options.unusable_context, record, reason, message, deployment);
    struct publisher *publisher = lane->options.publisher;
    struct in_flight *in_flight;
    struct delivery *delivery;
    struct patience patience = PATIENCE_INIT;
    if (!publisher_has_dead_letters(publisher)) {
        atomic_fetch_add_explicit(&publisher->dead_letters, 1, memory_order_relaxed);
        return;
    }
    if (!hold(lane, &in_flight))
        return;
    while ((delivery = publisher_dead_letter(publisher, lane->options.source, record, reason,
                                             message, deployment, in_flight)) == NULL) {
        if (!emit_await_memory(lane, &patience, "a dead letter"))
            return;
    }
    ack_scope_note(&lane->scope, delivery->bytes);
    if (publisher->has_transactional_dead_letters)
        epochs_add(lane,
                   &(struct cause){.topic = record->topic,
                                   .partition = record->partition,
                                   .offset = record->offset},
                   delivery);
    publisher_send(publisher, delivery);
}
