/* The view's single figures: lanes, lags, sinks, source. */
#include "base/clock.h"
#include "base/sync/counter.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/lane/lane.h"
#include "engine/view.h"
#include "sink/transaction/transactor.h"

#include <stdlib.h>
#include <string.h>

size_t view_lane_count(const struct engine *engine) {
    return engine->lane_count;
}

void view_lane(struct engine *engine, size_t index, struct view_lane *view) {
    const struct lane *lane = engine->lanes[index];
    *view = (struct view_lane){
        .messages = counter_read(&lane->counts.messages),
        .bytes = counter_read(&lane->counts.bytes),
        .unconfirmed = counter_read(&lane->counts.unconfirmed),
        .unconfirmed_bytes = counter_read(&lane->counts.unconfirmed_bytes),
        .throttled = counter_read(&lane->counts.throttled),
        .pause_ns = atomic_load_explicit(&lane->pause_ns, memory_order_relaxed),
        .longest_pause_ns = atomic_load_explicit(&lane->longest_pause_ns, memory_order_relaxed),
        .heartbeat_age_ns =
            clock_monotonic_ns() - atomic_load_explicit(&lane->heartbeat_ns, memory_order_relaxed),
    };
    for (size_t reason = 0; reason < DECODE_REASONS; reason++)
        view->bad += counter_read(&lane->counts.bad[reason]);
    lock_acquire(&engine->status_lock, status_lock);
    for (size_t i = 0; i < engine->partition_count; i++)
        view->partitions += engine->partitions[i]->number != PARTITION_GLOBAL &&
                            atomic_load(&engine->partitions[i]->lane) == lane;
    lock_release(&engine->status_lock, status_lock);
}

void view_latency(struct engine *engine, struct view_latency *latency) {
    memset(latency, 0, sizeof *latency);
    for (size_t i = 0; i < engine->lane_count; i++) {
        const struct lane_counts *counts = &engine->lanes[i]->counts;
        for (size_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
            latency->event[bucket] += counter_read(&counts->event_latency[bucket]);
            latency->kafka[bucket] += counter_read(&counts->kafka_latency[bucket]);
        }
        latency->event_sum_us += counter_read(&counts->event_latency_sum_us);
        latency->kafka_sum_us += counter_read(&counts->kafka_latency_sum_us);
    }
}

/* ---- partitions ---- */

void view_each_partition(struct engine *engine,
                         void (*visit)(void *context, const struct view_partition *partition),
                         void *context) {
    lock_acquire(&engine->status_lock, status_lock);
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct partition *partition = engine->partitions[i];
        for (size_t topic = 0; topic < partition->topic_count; topic++) {
            const struct offset_tracker *tracker = &partition->topics[topic];
            const struct view_partition view = {
                .topic = topics_name(engine->topics, (uint32_t)topic),
                .partition = partition->number,
                .lane = partition->home->options.index,
                .messages = counter_read(&tracker->messages),
            };
            if (offset_tracker_is_owned(tracker))
                visit(context, &view);
        }
    }
    lock_release(&engine->status_lock, status_lock);
}

void view_each_topic(struct engine *engine,
                     void (*visit)(void *context, const char *topic, size_t held), void *context) {
    for (size_t topic = 0; topic < engine->topics->count; topic++) {
        size_t held = 0;
        lock_acquire(&engine->status_lock, status_lock);
        for (size_t i = 0; i < engine->partition_count; i++) {
            const struct partition *partition = engine->partitions[i];
            held += topic < partition->topic_count &&
                    offset_tracker_is_owned(&partition->topics[topic]);
        }
        lock_release(&engine->status_lock, status_lock);
        visit(context, topics_name(engine->topics, (uint32_t)topic), held);
    }
}

/* ---- published series ---- */

void view_published(struct engine *engine, const t5_str *symbol,
                    void (*visit)(void *context, const struct published_series *series),
                    void *context) {
    if (engine->options.published != NULL)
        published_visit(engine->options.published, symbol, visit, context);
}

/* ---- checkpoints ---- */

/* Whether the host works on the partition number. */
static bool is_at_work(struct engine *engine, int32_t number) {
    bool is_at_work = false;
    lock_acquire(&engine->status_lock, status_lock);
    for (size_t i = 0; i < engine->partition_count; i++)
        is_at_work |= engine->partitions[i]->number == number &&
                      atomic_load(&engine->partitions[i]->lane) != NULL;
    lock_release(&engine->status_lock, status_lock);
    return is_at_work;
}

void view_each_checkpoint(struct engine *engine,
                          void (*visit)(void *context, const struct view_checkpoint *checkpoint),
                          void *context) {
    struct checkpoint_store *store = engine->store;
    const size_t most = store != NULL ? checkpoint_store_status(store, NULL, 0, NULL) : 0;
    struct checkpoint_store_status *all = calloc(most + 1, sizeof *all);
    const size_t there =
        all != NULL && store != NULL ? checkpoint_store_status(store, all, most, NULL) : 0;
    const int64_t now_ns = clock_wall_ns();
    for (size_t i = 0; i < there && i < most; i++) {
        if (all[i].number == 0 || !is_at_work(engine, all[i].partition))
            continue;
        const int64_t age_ns = clock_span_ns(clock_ms_ns(all[i].taken_ms), now_ns);
        const struct view_checkpoint view = {
            .partition = all[i].partition,
            .number = all[i].number,
            .age_ns = age_ns > 0 ? age_ns : 0, /* the wall clock may be set back */
            .size = all[i].size,
            .write_ns = all[i].write_ns,
        };
        visit(context, &view);
    }
    free(all);
}

static void add_checkpoint(void *context, const struct view_checkpoint *checkpoint) {
    struct view_checkpoints *view = context;
    view->partitions++;
    view->size += checkpoint->size;
    if (view->newest_ns < 0 || checkpoint->age_ns < view->newest_ns)
        view->newest_ns = checkpoint->age_ns;
    if (checkpoint->age_ns > view->oldest_ns)
        view->oldest_ns = checkpoint->age_ns;
    if (checkpoint->write_ns > view->write_ns)
        view->write_ns = checkpoint->write_ns;
}

static void add_lane(struct view_checkpoints *view, const struct lane *lane) {
    const int64_t pause_ns = atomic_load_explicit(&lane->pause_ns, memory_order_relaxed);
    const int64_t longest_ns = atomic_load_explicit(&lane->longest_pause_ns, memory_order_relaxed);
    if (pause_ns > view->pause_ns)
        view->pause_ns = pause_ns;
    if (longest_ns > view->longest_pause_ns)
        view->longest_pause_ns = longest_ns;
    view->recoveries += counter_read(&lane->counts.recoveries);
    view->catch_ups += counter_read(&lane->counts.catch_ups);
    view->late += counter_read(&lane->counts.late);
}

void view_checkpoints(struct engine *engine, struct view_checkpoints *view) {
    *view = (struct view_checkpoints){
        .is_kept = engine->store != NULL, .newest_ns = -1, .oldest_ns = -1};
    for (size_t i = 0; i < engine->lane_count; i++)
        add_lane(view, engine->lanes[i]);
    if (engine->store == NULL)
        return;
    struct checkpoint_store_totals totals;
    (void)checkpoint_store_status(engine->store, NULL, 0, &totals);
    view->is_ok = totals.is_ok;
    view->written = totals.written;
    view->failed = totals.failed;
    view->bytes = totals.bytes;
    view->journal_bytes = totals.journal_bytes;
    memcpy(view->detail, totals.detail, sizeof view->detail);
    view_each_checkpoint(engine, add_checkpoint, view);
}

size_t view_lags(struct engine *engine, struct view_lag *views, size_t most) {
    struct source *source = engine->options.source;
    struct source_lag *lags = calloc(most + 1, sizeof *lags);
    if (lags == NULL)
        return 0;
    const size_t count = source->ops->lag(source, lags, most);
    for (size_t i = 0; i < count && i < most; i++)
        views[i] = (struct view_lag){
            .topic = topics_name(engine->topics, lags[i].topic),
            .partition = lags[i].partition,
            .lag = lags[i].lag,
            .committed = lags[i].committed,
            .end = lags[i].end,
            .held_ms = lags[i].held_ms,
        };
    free(lags);
    return count;
}

size_t view_held(struct engine *engine, int64_t *since_ms) {
    const size_t most = view_lags(engine, NULL, 0);
    struct view_lag *lags = calloc(most + 1, sizeof *lags);
    const size_t count = lags != NULL ? view_lags(engine, lags, most) : 0;
    size_t held = 0;
    *since_ms = 0;
    for (size_t i = 0; i < count && i < most; i++) {
        if (lags[i].held_ms == 0)
            continue;
        held++;
        if (*since_ms == 0 || lags[i].held_ms < *since_ms)
            *since_ms = lags[i].held_ms;
    }
    free(lags);
    return held;
}

void view_transactions(struct engine *engine, struct view_transactions *view) {
    const struct publisher *publisher = engine->options.publisher;
    uint64_t sum_us = 0, count = 0;
    *view = (struct view_transactions){.is_exactly_once = publisher->transactors != NULL};
    for (size_t i = 0; i < publisher->transactor_count; i++) {
        struct transactor_status status;
        transactor_get_status(publisher->transactors[i], &status);
        view->committed += status.committed;
        view->aborted += status.aborted;
        view->unknown += status.unknown;
        view->fenced += status.fenced;
        view->dropped += status.dropped;
        view->undecided += status.undecided;
        if (status.wait_ns > view->wait_ns)
            view->wait_ns = status.wait_ns;
        sum_us += status.wait_sum_us;
        count += status.wait_count;
    }
    view->mean_wait_ns = count > 0 ? (int64_t)(sum_us / count) * NS_PER_US : 0;
}

/* The transactors as the sink that they stand for. */
static void sum_transactors(const struct publisher *publisher, struct sink_status *sum) {
    *sum = (struct sink_status){.name = "kafka", .is_ok = true, .is_exactly_once = true};
    for (size_t i = 0; i < publisher->transactor_count; i++) {
        struct transactor_status status;
        transactor_get_status(publisher->transactors[i], &status);
        sum->queued += status.queued;
        sum->confirmed += status.confirmed;
        sum->shortened += status.shortened;
        sum->errors += status.aborted;
        if (sum->is_ok && !status.is_ok)
            memcpy(sum->detail, status.detail, sizeof sum->detail);
        sum->is_ok = sum->is_ok && status.is_ok;
    }
}

const char *view_use_name(enum view_use use) {
    static const char *const names[] = {"", "signals", "dead_letters", "alerts"};
    return names[use];
}

static void show_sink(struct sink *sink, enum view_use use, view_sink_visit *visit, void *context) {
    struct sink_status status = {0};
    if (sink == NULL)
        return;
    sink->ops->status(sink, &status);
    visit(context, use, &status);
}

void view_sinks(struct engine *engine, view_sink_visit *visit, void *context) {
    const struct publisher *publisher = engine->options.publisher;
    for (size_t i = 0; i < publisher->signal_sink_count; i++)
        show_sink(publisher->signal_sinks[i], VIEW_FOR_SIGNALS, visit, context);
    show_sink(publisher->dead_letter_sink, VIEW_FOR_DEAD_LETTERS, visit, context);
    show_sink(publisher->refusal_sink, VIEW_FOR_DEAD_LETTERS, visit, context);
    for (size_t i = 0; i < publisher->alert_sink_count; i++)
        show_sink(publisher->alert_sinks[i], VIEW_FOR_ALERTS, visit, context);
    if (publisher->transactors != NULL) {
        struct sink_status status;
        sum_transactors(publisher, &status);
        visit(context, VIEW_FOR_SIGNALS, &status);
    }
}

void view_source(struct engine *engine, struct source_status *status) {
    engine->options.source->ops->status(engine->options.source, status);
}

const char *view_service(const struct engine *engine) {
    return engine->options.config->service;
}

void view_outcomes(struct engine *engine, uint64_t counts[OUTCOMES]) {
    for (size_t i = 0; i < OUTCOMES; i++)
        counts[i] = counter_read(&engine->reload_counts[i]);
}

bool view_is_last_reload_good(struct engine *engine) {
    static const char bad[] = "{\"ok\":false";
    lock_acquire(&engine->status_lock, status_lock);
    const struct text *report = &engine->last_reload;
    const bool is_bad =
        report->size >= sizeof bad - 1 && memcmp(report->data, bad, sizeof bad - 1) == 0;
    lock_release(&engine->status_lock, status_lock);
    return !is_bad;
}

int64_t view_last_pause_ns(struct engine *engine) {
    return atomic_load_explicit(&engine->last_pause_ns, memory_order_relaxed);
}

const char *view_state_name(enum view_state state) {
    static const char *const names[VIEW_STATES] = {
        [VIEW_RUNNING] = "running",
        [VIEW_CATCHING_UP] = "catching_up",
        [VIEW_WAITING] = "waiting_for_partitions",
        [VIEW_PARTIAL] = "partial",
        [VIEW_STOPPED_SHADOW] = "stopped_shadow",
        [VIEW_SUSPENDED_REJECTS] = "suspended_by_rejects",
        [VIEW_SUSPENDED_ERRORS] = "suspended_by_errors",
        [VIEW_SUSPENDED_OPERATOR] = "suspended_by_operator",
        [VIEW_REFUSED] = "refused",
        [VIEW_QUARANTINED] = "quarantined",
    };
    return names[state];
}

int64_t view_took_ns(const uint64_t took[INSTANCE_TOOK_BUCKETS], double share) {
    uint64_t all = 0, sum = 0;
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        all += took[i];
    if (all == 0)
        return 0;
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++) {
        sum += took[i];
        if ((double)sum >= share * (double)all)
            return INSTANCE_TOOK_NS(i);
    }
    return INSTANCE_TOOK_NS(INSTANCE_TOOK_BUCKETS - 1);
}
