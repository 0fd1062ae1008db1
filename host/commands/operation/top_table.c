#include "commands/operation/top_table.h"

#include "engine/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_times(struct top_row *row, const cJSON *now, const cJSON *before) {
    const cJSON *counts = status_member(now, "took");
    const cJSON *earlier = status_member(before, "took");
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
    const bool is_suspended = strcmp(status_text(now, "state"), "suspended") == 0;
    snprintf(row->name, sizeof row->name, "%s", status_text(now, "name"));
    snprintf(row->state, sizeof row->state, "%s", status_text(now, is_suspended ? "why" : "state"));
    take_times(row, now, before);
    row->errors = status_number(now, "errors");
    row->messages_s = status_rate(now, before, "messages", seconds);
    row->signals_s = status_rate(now, before, "signals", seconds);
    row->time_share = status_rate(now, before, "busy_ms", seconds) / 1e3 / (lanes > 0 ? lanes : 1);
}

bool top_table_init(struct top_table *table, const cJSON *status, const cJSON *before,
                    double seconds) {
    const cJSON *strategies = status_member(status, "strategies"), *item;
    const size_t count = (size_t)cJSON_GetArraySize(strategies);
    *table = (struct top_table){.rows = calloc(count + 1, sizeof *table->rows)};
    if (table->rows == NULL)
        return false;
    cJSON_ArrayForEach(item, strategies) {
        const cJSON *earlier = status_strategy_before(status, item, before);
        fill(&table->rows[table->count++], item, earlier, seconds, status_lanes(status, item));
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

/* What is no text. */
static const size_t numbers[] = {
    [TOP_BY_RATE] = offsetof(struct top_row, messages_s),
    [TOP_BY_TIME] = offsetof(struct top_row, time_share),
    [TOP_BY_P50] = offsetof(struct top_row, p50_ns),
    [TOP_BY_P99] = offsetof(struct top_row, p99_ns),
    [TOP_BY_SIGNALS] = offsetof(struct top_row, signals_s),
    [TOP_BY_ERRORS] = offsetof(struct top_row, errors),
    [TOP_BY_STATE] = 0,
};

static int by_number(const void *left, const void *right, size_t offset) {
    const double a = *(const double *)((const char *)left + offset);
    const double b = *(const double *)((const char *)right + offset);
    return (a < b) - (a > b);
}

static int compare(const void *left, const void *right, void *context) {
    const struct top_row *a = left, *b = right;
    const struct ordering *ordering = context;
    const size_t offset = numbers[ordering->order];
    const int by = ordering->order == TOP_BY_NAME    ? strcmp(a->name, b->name)
                   : ordering->order == TOP_BY_STATE ? strcmp(a->state, b->state)
                                                     : by_number(a, b, offset);
    if (by == 0)
        return strcmp(a->name, b->name);
    return ordering->is_reversed ? -by : by;
}

void top_table_sort(struct top_table *table, enum top_order order, bool is_reversed) {
    struct ordering ordering = {order, is_reversed};
    qsort_r(table->rows, table->count, sizeof *table->rows, compare, &ordering);
}
