/* The figures by deployment. */
#include "ops/metrics/metrics.h"

#include "base/array.h"

#include "engine/view.h"
#include "ops/metrics/metrics_text.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

struct strategies {
    struct view_strategy *items;
    size_t count, capacity;
};

static void collect(void *context, const struct view_strategy *strategy) {
    struct strategies *all = context;
    if (ARRAY_GROW(all->items, all->count, all->capacity))
        all->items[all->count++] = *strategy;
}

struct figure {
    const char *name, *help;
    size_t offset; /* of the uint64_t in struct view_strategy */
};

static void write_counters(struct text *text, const struct strategies *all) {
#define FIGURE(member) offsetof(struct view_strategy, member)
    static const struct figure figures[] = {
        {"take5_strategy_messages_total", "Messages delivered to the strategy.", FIGURE(messages)},
        {"take5_strategy_signals_total", "Signals accepted from it.", FIGURE(signals)},
        {"take5_strategy_refused_signals_total", "Signals rejected.", FIGURE(refused_signals)},
        {"take5_strategy_errors_total", "Callbacks that failed.", FIGURE(errors)},
        {"take5_strategy_rejects_total", "Messages that it rejected.", FIGURE(rejects)},
        {"take5_strategy_timers_total", "Timers fired.", FIGURE(timers_fired)},
        {"take5_strategy_slow_callbacks_total", "Callbacks above slow_callback_ms.", FIGURE(slow)},
        {"take5_strategy_passed_total", "Messages skipped while it was suspended.", FIGURE(passed)},
        {"take5_strategy_suspensions_total", "Times that an instance was suspended.",
         FIGURE(suspensions)},
    };
#undef FIGURE
    for (size_t f = 0; f < sizeof figures / sizeof *figures; f++) {
        metrics_family(text, figures[f].name, "counter", figures[f].help);
        for (size_t i = 0; i < all->count; i++) {
            const char *item = (const char *)&all->items[i];
            metrics_count(text, figures[f].name, *(const uint64_t *)(item + figures[f].offset),
                          "strategy", all->items[i].name, NULL);
        }
    }
}

static void write_catch_ups(struct text *text, const struct strategies *all) {
    static const char name[] = "take5_catch_up_messages_total";
    metrics_family(text, name, "counter",
                   "Messages delivered to the strategy while it caught up, beside those of the "
                   "stream: late, which it had missed; history, without signals, of a recovery or "
                   "warm-up.");
    for (size_t i = 0; i < all->count; i++) {
        metrics_count(text, name, all->items[i].late, "strategy", all->items[i].name, "kind",
                      "late", NULL);
        metrics_count(text, name, all->items[i].history, "strategy", all->items[i].name, "kind",
                      "history", NULL);
    }
}

/* One of them is 1. */
static void write_states(struct text *text, const struct strategies *all) {
    static const char name[] = "take5_strategy_state";
    metrics_family(text, name, "gauge",
                   "1 for the state that the strategy is in, the worst of its instances; 0 for all "
                   "others.");
    for (size_t i = 0; i < all->count; i++) {
        for (int state = VIEW_RUNNING; state < VIEW_STATES; state++)
            metrics_count(text, name, all->items[i].state == (enum view_state)state, "strategy",
                          all->items[i].name, "state", view_state_name((enum view_state)state),
                          NULL);
    }
    metrics_family(text, "take5_strategy_file_differs", "gauge",
                   "1 while the file on disk was rejected, and another version runs.");
    for (size_t i = 0; i < all->count; i++)
        metrics_count(text, "take5_strategy_file_differs", all->items[i].differs[0] != '\0',
                      "strategy", all->items[i].name, NULL);
}

static void write_gauges(struct text *text, const struct strategies *all) {
    metrics_family(text, "take5_strategy_info", "gauge",
                   "1, with the version that the deployment runs.");
    for (size_t i = 0; i < all->count; i++)
        metrics_gauge(text, "take5_strategy_info", 1, "strategy", all->items[i].name, "plugin",
                      all->items[i].strategy, "version", all->items[i].version, NULL);
    metrics_family(text, "take5_strategy_instances", "gauge", "Instances, by state.");
    for (size_t i = 0; i < all->count; i++) {
        const struct view_strategy *item = &all->items[i];
        const size_t idle = item->suspended + item->parked;
        const size_t running = item->instances > idle ? item->instances - idle : 0;
        metrics_gauge(text, "take5_strategy_instances", (double)running, "strategy", item->name,
                      "state", "running", NULL);
        metrics_gauge(text, "take5_strategy_instances",
                      (double)(item->suspended - item->catching_up), "strategy", item->name,
                      "state", "suspended", NULL);
        metrics_gauge(text, "take5_strategy_instances", (double)item->catching_up, "strategy",
                      item->name, "state", "catching_up", NULL);
        metrics_gauge(text, "take5_strategy_instances", (double)item->parked, "strategy",
                      item->name, "state", "parked", NULL);
        metrics_gauge(text, "take5_strategy_instances", (double)item->missing, "strategy",
                      item->name, "state", "missing", NULL);
    }
    metrics_family(
        text, "take5_strategy_behind_messages", "gauge",
        "Offsets between the stream and its instances that are suspended or catching up, at most "
        "one second ago.");
    for (size_t i = 0; i < all->count; i++)
        metrics_gauge(text, "take5_strategy_behind_messages", (double)all->items[i].behind,
                      "strategy", all->items[i].name, NULL);
    metrics_family(
        text, "take5_strategy_crashes", "gauge",
        "Earlier processes that ended while it was the current call, within quarantine_minutes.");
    for (size_t i = 0; i < all->count; i++)
        metrics_gauge(text, "take5_strategy_crashes", (double)all->items[i].crashes, "strategy",
                      all->items[i].name, NULL);
    metrics_family(text, "take5_strategy_busy_seconds_total", "counter", "Time in its callbacks.");
    for (size_t i = 0; i < all->count; i++)
        metrics_gauge(text, "take5_strategy_busy_seconds_total",
                      (double)all->items[i].busy_ns / 1e9, "strategy", all->items[i].name, NULL);
}

static void write_histograms(struct text *text, const struct strategies *all) {
    double bounds[INSTANCE_TOOK_BUCKETS];
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        bounds[i] =
            i + 1 < INSTANCE_TOOK_BUCKETS ? (double)INSTANCE_TOOK_NS(i) / 1e9 : (double)INFINITY;
    metrics_family(text, "take5_strategy_callback_seconds", "histogram",
                   "Duration of its callbacks.");
    for (size_t i = 0; i < all->count; i++)
        metrics_histogram(text, "take5_strategy_callback_seconds", "strategy", all->items[i].name,
                          bounds, all->items[i].took, INSTANCE_TOOK_BUCKETS,
                          (double)all->items[i].busy_ns / 1e9);
}

static void write_shadow_counts(struct text *text, const struct view_strategy *strategy) {
    const struct view_shadow *shadow = &strategy->shadow;
    const struct {
        const char *result;
        uint64_t count;
    } results[] = {{"same", shadow->same},
                   {"changed", shadow->changed},
                   {"only_original", shadow->only_original},
                   {"only_shadow", shadow->only_shadow},
                   {"uncompared", shadow->uncompared}};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        metrics_count(text, "take5_shadow_signals_total", results[i].count, "strategy",
                      strategy->name, "of", shadow->of, "result", results[i].result, NULL);
}

/* Nothing without a shadow. */
static void write_shadows(struct text *text, const struct strategies *all) {
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        count += all->items[i].shadow.of[0] != '\0';
    if (count == 0)
        return;
    metrics_family(text, "take5_shadow_signals_total", "counter",
                   "Signals of a shadow and its original, by what their comparison gave.");
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].shadow.of[0] != '\0')
            write_shadow_counts(text, &all->items[i]);
}

void metrics_write_strategies(struct text *text, struct engine *engine,
                              struct metrics_memory *memory) {
    struct strategies all = {0};
    view_strategies(engine, collect, &all);
    for (size_t i = 0; i < all.count; i++)
        metrics_memory_apply(memory, &all.items[i]);
    write_counters(text, &all);
    write_catch_ups(text, &all);
    write_states(text, &all);
    write_gauges(text, &all);
    write_histograms(text, &all);
    write_shadows(text, &all);
    free(all.items);
}
