/* The view's single figures: lanes, lags, sinks, source. */
#include "base/clock.h"
#include "engine/internal.h"
#include "engine/view.h"

#include <stdlib.h>

static uint64_t load(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

size_t view_lane_count(const struct engine *engine) {
    return engine->lane_count;
}

void view_lane(struct engine *engine, size_t index, struct view_lane *view) {
    const struct lane *lane = engine->lanes[index];
    *view = (struct view_lane){
        .messages = load(&lane->counts.messages),
        .bytes = load(&lane->counts.bytes),
        .unconfirmed = load(&lane->counts.unconfirmed),
        .throttled = load(&lane->counts.throttled),
        .beat_age_ns =
            clock_monotonic_ns() - atomic_load_explicit(&lane->beat_ns, memory_order_relaxed),
    };
    for (size_t reason = 0; reason < DECODE_REASONS; reason++)
        view->bad += load(&lane->counts.bad[reason]);
    pthread_mutex_lock(&engine->status_lock);
    for (size_t i = 0; i < engine->partition_count; i++)
        view->partitions += engine->partitions[i]->number != PARTITION_GLOBAL &&
                            atomic_load(&engine->partitions[i]->lane) == lane;
    pthread_mutex_unlock(&engine->status_lock);
}

size_t view_lags(struct engine *engine, struct view_lag *views, size_t most) {
    struct source *source = engine->options.source;
    struct source_lag *lags = calloc(most + 1, sizeof *lags);
    if (lags == NULL)
        return 0;
    const size_t count = source->ops->lag(source, lags, most);
    for (size_t i = 0; i < count && i < most; i++)
        views[i] = (struct view_lag){
            .topic = engine->options.config->topics[lags[i].topic].name,
            .partition = lags[i].partition,
            .lag = lags[i].lag,
            .committed = lags[i].committed,
            .end = lags[i].end,
        };
    free(lags);
    return count;
}

void view_sinks(struct engine *engine,
                void (*visit)(void *context, bool is_for_letters, const struct sink_status *status),
                void *context) {
    const struct outbox *outbox = engine->options.outbox;
    for (size_t i = 0; i <= outbox->signal_sink_count; i++) {
        const bool is_for_letters = i == outbox->signal_sink_count;
        struct sink *sink = is_for_letters ? outbox->letter_sink : outbox->signal_sinks[i];
        struct sink_status status = {0};
        if (sink == NULL)
            continue;
        sink->ops->status(sink, &status);
        visit(context, is_for_letters, &status);
    }
}

void view_source(struct engine *engine, struct source_status *status) {
    engine->options.source->ops->status(engine->options.source, status);
}

const char *view_service(const struct engine *engine) {
    return engine->options.config->service;
}

int64_t view_started_wall_ns(const struct engine *engine) {
    return engine->started_wall_ns;
}

void view_outcomes(struct engine *engine, uint64_t counts[OUTCOMES]) {
    for (size_t i = 0; i < OUTCOMES; i++)
        counts[i] = load(&engine->reload_counts[i]);
}

int64_t view_last_pause_ns(struct engine *engine) {
    return atomic_load_explicit(&engine->last_pause_ns, memory_order_relaxed);
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
