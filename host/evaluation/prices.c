#include "evaluation/prices.h"

#include "base/array.h"
#include "message/symbols.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct first_place {
    uint64_t place;
    uint32_t symbol;
};

struct prices {
    struct symbols *symbols;
    struct price_series **heads; /* by symbol id */
    size_t head_count;
    struct first_place *order; /* sealed: of those that have a series */
    size_t order_count;
    struct price_series **series;
    size_t series_count, series_capacity;
    size_t points;
    int64_t first_ns, last_ns;
};

struct prices *prices_new(void) {
    struct prices *prices = calloc(1, sizeof *prices);
    if (prices != NULL && (prices->symbols = symbols_new(SYMBOL_NONE - 1)) == NULL) {
        free(prices);
        return NULL;
    }
    return prices;
}

void prices_free(struct prices *prices) {
    if (prices == NULL)
        return;
    for (size_t i = 0; i < prices->series_count; i++) {
        free(prices->series[i]->points);
        free(prices->series[i]);
    }
    free(prices->series);
    free(prices->order);
    free(prices->heads);
    symbols_free(prices->symbols);
    free(prices);
}

static bool make_head(struct prices *prices, uint32_t symbol) {
    if (symbol < prices->head_count)
        return true;
    const size_t count = 2 * (size_t)symbol + 16;
    if (!ARRAY_RESIZE(prices->heads, count))
        return false;
    memset(prices->heads + prices->head_count, 0,
           (count - prices->head_count) * sizeof(struct price_series *));
    prices->head_count = count;
    return true;
}

/* Found, or made. */
static struct price_series *series_of(struct prices *prices, uint32_t symbol,
                                      uint32_t time_frame_s) {
    if (symbol == SYMBOL_NONE || !make_head(prices, symbol))
        return NULL;
    struct price_series **at = &prices->heads[symbol];
    while (*at != NULL && (*at)->time_frame_s < time_frame_s)
        at = &(*at)->next;
    if (*at != NULL && (*at)->time_frame_s == time_frame_s)
        return *at;
    struct price_series *series =
        ARRAY_GROW(prices->series, prices->series_count, prices->series_capacity)
            ? calloc(1, sizeof *series)
            : NULL;
    if (series == NULL)
        return NULL;
    *series = (struct price_series){.time_frame_s = time_frame_s, .next = *at};
    *at = series;
    prices->series[prices->series_count++] = series;
    return series;
}

bool prices_add(struct prices *prices, const char *symbol, size_t symbol_size,
                uint32_t time_frame_s, const struct price_point *point) {
    if (!isfinite(point->price) || point->price <= 0)
        return true;
    struct price_series *series =
        series_of(prices, symbols_intern(prices->symbols, symbol, symbol_size, NULL), time_frame_s);
    if (series == NULL || !ARRAY_GROW(series->points, series->count, series->capacity))
        return false;
    series->points[series->count++] = *point;
    if (prices->points == 0 || point->time_ns < prices->first_ns)
        prices->first_ns = point->time_ns;
    if (prices->points == 0 || point->time_ns > prices->last_ns)
        prices->last_ns = point->time_ns;
    prices->points++;
    return true;
}

static bool add_series_span(struct prices *prices, const char *symbol, size_t symbol_size,
                            const struct price_series *series, int64_t from_ns, int64_t to_ns) {
    bool did = true;
    for (size_t i = 0; did && i < series->count; i++) {
        const struct price_point *point = &series->points[i];
        if (point->time_ns >= from_ns && point->time_ns < to_ns)
            did = prices_add(prices, symbol, symbol_size, series->time_frame_s, point);
    }
    return did;
}

bool prices_add_span(struct prices *prices, const struct prices *from, int64_t from_ns,
                     int64_t to_ns) {
    bool did = true;
    for (uint32_t id = 0; did && id < from->head_count; id++) {
        size_t symbol_size;
        const char *symbol = symbols_text(from->symbols, id, &symbol_size);
        for (const struct price_series *series = from->heads[id]; did && series != NULL;
             series = series->next)
            did = add_series_span(prices, symbol, symbol_size, series, from_ns, to_ns);
    }
    return did;
}

static bool is_before(const struct price_point *point, const struct price_point *other) {
    return point->time_ns != other->time_ns ? point->time_ns < other->time_ns
                                            : point->place < other->place;
}

/* Almost everything comes in order, and what does not is late by little: insertion is linear then.
 */
static void sort_by_time(struct price_point *points, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const struct price_point point = points[i];
        size_t at = i;
        for (; at > 0 && is_before(&point, &points[at - 1]); at--)
            points[at] = points[at - 1];
        points[at] = point;
    }
}

/* Merges two halves that are sorted. */
static void merge(struct price_point *points, size_t half, size_t count, struct price_point *room) {
    memcpy(room, points, half * sizeof *points);
    size_t left = 0, right = half, to = 0;
    while (left < half)
        points[to++] = right < count && is_before(&points[right], &room[left]) ? points[right++]
                                                                               : room[left++];
}

static void sort_points(struct price_point *points, size_t count, struct price_point *room) {
    bool is_sorted = true;
    for (size_t i = 1; is_sorted && i < count; i++)
        is_sorted = !is_before(&points[i], &points[i - 1]);
    if (is_sorted)
        return;
    if (count < 64) {
        sort_by_time(points, count);
        return;
    }
    const size_t half = count / 2;
    sort_points(points, half, room);
    sort_points(points + half, count - half, room);
    merge(points, half, count, room);
}

static int compare_places(const void *a, const void *b) {
    const struct first_place *left = a, *right = b;
    return left->place != right->place
               ? (left->place > right->place) - (left->place < right->place)
               : (left->symbol > right->symbol) - (left->symbol < right->symbol);
}

static uint64_t first_place(const struct price_series *series) {
    uint64_t first = UINT64_MAX;
    for (; series != NULL; series = series->next)
        for (size_t i = 0; i < series->count; i++)
            first = series->points[i].place < first ? series->points[i].place : first;
    return first;
}

/* Numbers the series in the order in which they are visited. */
static bool make_order(struct prices *prices) {
    size_t id = 0;
    prices->order = calloc(prices->head_count + 1, sizeof *prices->order);
    if (prices->order == NULL)
        return false;
    for (uint32_t symbol = 0; symbol < prices->head_count; symbol++)
        if (prices->heads[symbol] != NULL)
            prices->order[prices->order_count++] =
                (struct first_place){first_place(prices->heads[symbol]), symbol};
    qsort(prices->order, prices->order_count, sizeof *prices->order, compare_places);
    for (size_t i = 0; i < prices->order_count; i++) {
        struct price_series *series = prices->heads[prices->order[i].symbol];
        for (; series != NULL; series = series->next)
            series->id = id++;
    }
    return true;
}

bool prices_seal(struct prices *prices) {
    for (size_t i = 0; i < prices->series_count; i++) {
        struct price_series *series = prices->series[i];
        struct price_point *room = malloc(series->count * sizeof *room);
        if (room != NULL)
            sort_points(series->points, series->count, room);
        else /* right as well, and perhaps slow */
            sort_by_time(series->points, series->count);
        free(room);
    }
    return make_order(prices);
}

const struct price_series *prices_find(const struct prices *prices, const char *symbol,
                                       size_t symbol_size, uint32_t time_frame_s) {
    const uint32_t id = symbols_find(prices->symbols, symbol, symbol_size);
    if (id == SYMBOL_NONE || id >= prices->head_count)
        return NULL;
    const struct price_series *series = prices->heads[id];
    if (time_frame_s == 0)
        return series;
    while (series != NULL && series->time_frame_s != time_frame_s)
        series = series->next;
    return series;
}

/* How many points lie before that time, or with `is_at` at it as well. */
static size_t count_before(const struct price_series *series, int64_t time_ns, bool is_at) {
    size_t from = 0, to = series->count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const int64_t there = series->points[middle].time_ns;
        if (there < time_ns || (is_at && there == time_ns))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const struct price_point *price_series_at(const struct price_series *series, int64_t time_ns) {
    const size_t count = count_before(series, time_ns, true);
    return count > 0 ? &series->points[count - 1] : NULL;
}

const struct price_point *price_series_from(const struct price_series *series, int64_t time_ns) {
    const size_t count = count_before(series, time_ns, false);
    return count < series->count ? &series->points[count] : NULL;
}

void prices_visit(const struct prices *prices, prices_visit_call *visit, void *context) {
    for (size_t i = 0; i < prices->order_count; i++) {
        const uint32_t id = prices->order[i].symbol;
        size_t symbol_size;
        const char *symbol = symbols_text(prices->symbols, id, &symbol_size);
        for (const struct price_series *series = prices->heads[id]; series != NULL;
             series = series->next)
            visit(context, symbol, symbol_size, series);
    }
}

size_t prices_count(const struct prices *prices) {
    return prices->points;
}

void prices_span(const struct prices *prices, int64_t *first_ns, int64_t *last_ns) {
    *first_ns = prices->first_ns;
    *last_ns = prices->last_ns;
}
