#include "commands/research/sweep/sweep_result.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const sweep_figure_names[] = {"sharpe", "profit", "drawdown", "mean", "hit_rate", NULL};

bool sweep_results_init(struct sweep_results *results, size_t point_count, size_t part_count,
                        struct error *error) {
    *results = (struct sweep_results){.point_count = point_count, .part_count = part_count};
    results->parts = calloc(part_count, sizeof *results->parts);
    results->figures = calloc(point_count * part_count, sizeof *results->figures);
    return (results->parts != NULL && results->figures != NULL) ||
           error_set_memory(error, "the results");
}

void sweep_results_release(struct sweep_results *results) {
    free(results->parts);
    free(results->figures);
    *results = (struct sweep_results){0};
}

/* ---- what evaluate wrote ---- */

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* null, and what is not there: NaN. */
static double number(const cJSON *object, const char *name) {
    const cJSON *item = member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static uint64_t count_of(const cJSON *object, const char *name) {
    const double count = number(object, name);
    return count > 0 ? (uint64_t)count : 0;
}

/* Over all names, each by how many returns it has. */
static void take_returns(struct sweep_figures *figures, const cJSON *deployment) {
    double count = 0, mean = 0, hits = 0;
    const cJSON *name;
    cJSON_ArrayForEach(name, member(deployment, "names")) {
        const cJSON *first = cJSON_GetArrayItem(member(name, "returns"), 0);
        const double own = number(first, "count");
        if (!(own > 0))
            continue;
        count += own;
        mean += own * number(first, "mean");
        hits += own * number(first, "hit_rate");
    }
    figures->mean = count > 0 ? mean / count : (double)NAN;
    figures->hit_rate = count > 0 ? hits / count : (double)NAN;
}

static void take_figures(struct sweep_figures *figures, const cJSON *deployment) {
    const cJSON *positions = member(deployment, "positions");
    figures->signals = count_of(deployment, "signals");
    figures->trades = count_of(positions, "trades");
    figures->sharpe = number(positions, "sharpe");
    figures->profit = number(positions, "profit");
    figures->drawdown = number(positions, "drawdown");
    figures->turnover = number(positions, "turnover");
    take_returns(figures, deployment);
}

/* Gives how many points of those that are due it has. */
static size_t take_deployments(struct sweep_results *results, const cJSON *deployments,
                               const char *prefix, size_t part, size_t first, size_t end) {
    const size_t prefix_size = strlen(prefix);
    const cJSON *deployment;
    size_t taken = 0;
    cJSON_ArrayForEach(deployment, deployments) {
        const cJSON *name = member(deployment, "name");
        if (!cJSON_IsString(name) || strncmp(name->valuestring, prefix, prefix_size) != 0)
            continue;
        char *rest;
        const size_t point = strtoul(name->valuestring + prefix_size, &rest, 10);
        if (*rest != '\0' || point < first || point >= end)
            continue;
        take_figures(&results->figures[point * results->part_count + part], deployment);
        taken++;
    }
    return taken;
}

/* Of a part: whole milliseconds, though cJSON's numbers are doubles. */
static int64_t time_of(const cJSON *object, const char *name) {
    return (int64_t)rint(number(object, name) / 1e6) * 1000000;
}

static bool take_whole(struct sweep_results *results, const cJSON *root, const char *prefix,
                       size_t first, size_t end) {
    results->parts[0].from_ns = time_of(root, "first_price_ns");
    results->parts[0].to_ns = time_of(root, "last_price_ns") + 1000000;
    return take_deployments(results, member(root, "deployments"), prefix, 0, first, end) ==
           end - first;
}

static bool take_parts(struct sweep_results *results, const cJSON *parts, const char *prefix,
                       size_t first, size_t end) {
    bool did = (size_t)cJSON_GetArraySize(parts) == results->part_count;
    for (size_t i = 0; did && i < results->part_count; i++) {
        const cJSON *part = cJSON_GetArrayItem(parts, (int)i);
        results->parts[i].from_ns = time_of(part, "from_ns");
        results->parts[i].to_ns = time_of(part, "to_ns");
        did = take_deployments(results, member(part, "deployments"), prefix, i, first, end) ==
              end - first;
    }
    return did;
}

bool sweep_results_parse(struct sweep_results *results, const char *json, const char *prefix,
                         size_t first, size_t end, struct error *error) {
    cJSON *root = cJSON_Parse(json);
    const cJSON *parts = member(root, "parts");
    const bool did =
        cJSON_IsObject(root) && (parts != NULL ? take_parts(results, parts, prefix, first, end)
                                               : take_whole(results, root, prefix, first, end));
    cJSON_Delete(root);
    return did || error_set(error, ERROR_STATE, "an evaluation did not report all of its points");
}

/* ---- which is better ---- */

double sweep_figure(const struct sweep_figures *figures, enum sweep_figure figure) {
    switch (figure) {
    case SWEEP_SHARPE:
        return figures->sharpe;
    case SWEEP_PROFIT:
        return figures->profit;
    case SWEEP_DRAWDOWN:
        return figures->drawdown;
    case SWEEP_MEAN:
        return figures->mean;
    case SWEEP_HIT_RATE:
        return figures->hit_rate;
    }
    return (double)NAN;
}

bool sweep_is_better(enum sweep_figure figure, double a, double b) {
    if (isnan(a) || isnan(b))
        return !isnan(a) && isnan(b);
    return figure == SWEEP_DRAWDOWN ? a < b : a > b;
}

struct ranked {
    size_t point;
    double value;
    enum sweep_figure figure;
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked *left = a, *right = b;
    if (sweep_is_better(left->figure, left->value, right->value))
        return -1;
    if (sweep_is_better(left->figure, right->value, left->value))
        return 1;
    return (left->point > right->point) - (left->point < right->point);
}

size_t *sweep_order(const struct sweep_results *results, enum sweep_figure figure, size_t part) {
    struct ranked *ranked = calloc(results->point_count + 1, sizeof *ranked);
    size_t *order = calloc(results->point_count + 1, sizeof *order);
    if (ranked != NULL && order != NULL) {
        for (size_t i = 0; i < results->point_count; i++)
            ranked[i] =
                (struct ranked){i, sweep_figure(sweep_figures(results, i, part), figure), figure};
        qsort(ranked, results->point_count, sizeof *ranked, compare_ranked);
        for (size_t i = 0; i < results->point_count; i++)
            order[i] = ranked[i].point;
    } else {
        free(order);
        order = NULL;
    }
    free(ranked);
    return order;
}

enum sweep_figure sweep_figure_default(const struct sweep_results *results) {
    for (size_t i = 0; i < results->point_count; i++) {
        if (!isnan(sweep_figures(results, i, 0)->sharpe))
            return SWEEP_SHARPE;
    }
    return SWEEP_MEAN;
}
