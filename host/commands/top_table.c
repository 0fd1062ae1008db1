#include "commands/top_table.h"

#include "engine/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cJSON *find(const cJSON *status, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, status_member(status, "strategies")) {
        if (strcmp(status_text(item, "name"), name) == 0)
            return item;
    }
    return NULL;
}

/* What a figure that only grows grew by. Instances that went take theirs with them: none then. */
static double grown(const cJSON *now, const cJSON *before, const char *name) {
    const double more = status_number(now, name) - (before ? status_number(before, name) : 0);
    return before != NULL && more > 0 ? more : 0;
}

static void take_times(struct top_row *row, const cJSON *now, const cJSON *before) {
    const cJSON *counts = status_member(now, "took");
    const cJSON *earlier = before != NULL ? status_member(before, "took") : NULL;
    uint64_t took[INSTANCE_TOOK_BUCKETS] = {0};
    for (int i = 0; i < INSTANCE_TOOK_BUCKETS; i++) {
        const cJSON *count = cJSON_GetArrayItem(counts, i);
        const cJSON *then = cJSON_GetArrayItem(earlier, i);
        const double more = (cJSON_IsNumber(count) ? count->valuedouble : 0) -
                            (cJSON_IsNumber(then) ? then->valuedouble : 0);
        took[i] = more > 0 ? (uint64_t)more : 0;
    }
    row->p50_ns = (double)view_took_ns(took, 0.5);
    row->p99_ns = (double)view_took_ns(took, 0.99);
}

static void fill(struct top_row *row, const cJSON *now, const cJSON *before, double seconds,
                 int lanes) {
    const bool is_running = strcmp(status_text(now, "state"), "running") == 0;
    snprintf(row->name, sizeof row->name, "%s", status_text(now, "name"));
    snprintf(row->state, sizeof row->state, "%s", is_running ? "running" : status_text(now, "why"));
    take_times(row, now, before);
    row->errors = status_number(now, "errors");
    if (before == NULL || seconds <= 0)
        return;
    row->messages_s = grown(now, before, "messages") / seconds;
    row->signals_s = grown(now, before, "signals") / seconds;
    row->time_share = grown(now, before, "busy_ms") / 1e3 / seconds / (lanes > 0 ? lanes : 1);
}

bool top_table_init(struct top_table *table, const cJSON *status, const cJSON *before,
                    double seconds) {
    const cJSON *strategies = status_member(status, "strategies"), *item;
    const int lanes = cJSON_GetArraySize(status_member(status, "lanes"));
    const size_t count = (size_t)cJSON_GetArraySize(strategies);
    *table = (struct top_table){.rows = calloc(count + 1, sizeof *table->rows)};
    if (table->rows == NULL)
        return false;
    cJSON_ArrayForEach(item, strategies) {
        const cJSON *earlier = before != NULL ? find(before, status_text(item, "name")) : NULL;
        fill(&table->rows[table->count++], item, earlier, seconds, lanes);
    }
    return true;
}

void top_table_release(struct top_table *table) {
    free(table->rows);
    *table = (struct top_table){0};
}

/* ---- order ---- */

struct ordering {
    enum top_order order;
    bool is_reversed;
};

static int by_number(double a, double b) {
    return (a < b) - (a > b);
}

static int compare(const void *left, const void *right, void *context) {
    const struct top_row *a = left, *b = right;
    const struct ordering *ordering = context;
    int by = 0;
    switch (ordering->order) {
    case TOP_BY_NAME:
        by = strcmp(a->name, b->name);
        break;
    case TOP_BY_RATE:
        by = by_number(a->messages_s, b->messages_s);
        break;
    case TOP_BY_TIME:
        by = by_number(a->time_share, b->time_share);
        break;
    case TOP_BY_P50:
        by = by_number(a->p50_ns, b->p50_ns);
        break;
    case TOP_BY_P99:
        by = by_number(a->p99_ns, b->p99_ns);
        break;
    case TOP_BY_SIGNALS:
        by = by_number(a->signals_s, b->signals_s);
        break;
    case TOP_BY_ERRORS:
        by = by_number(a->errors, b->errors);
        break;
    case TOP_BY_STATE:
        by = strcmp(a->state, b->state);
        break;
    }
    if (by == 0)
        return strcmp(a->name, b->name);
    return ordering->is_reversed ? -by : by;
}

void top_table_sort(struct top_table *table, enum top_order order, bool is_reversed) {
    struct ordering ordering = {order, is_reversed};
    qsort_r(table->rows, table->count, sizeof *table->rows, compare, &ordering);
}
