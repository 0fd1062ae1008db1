#include "ops/page/page_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void page_series_release(struct page_series *series) {
    for (size_t i = 0; i < series->count; i++)
        free(series->items[i].points);
}

static bool is_of(const struct page_one_series *one, const char *symbol, size_t size) {
    return one->size == size && memcmp(one->symbol, symbol, size) == 0;
}

/* ---- entering ---- */

/* They come in the same order each time, so that the next one is mostly the one behind. */
static struct page_one_series *find(struct page_series *series, const char *symbol, size_t size,
                                    uint32_t time_frame_s) {
    for (size_t i = 0; i < series->count; i++) {
        const size_t at = (series->hint + i) % series->count;
        struct page_one_series *one = &series->items[at];
        if (one->time_frame_s != time_frame_s || !is_of(one, symbol, size))
            continue;
        series->hint = at + 1;
        return one;
    }
    return NULL;
}

/* A free place, or that of the one that was not seen for longest. NULL: all are at work. */
static struct page_one_series *make_room(struct page_series *series, uint64_t tick) {
    if (series->count < PAGE_SERIES)
        return &series->items[series->count++];
    struct page_one_series *oldest = &series->items[0];
    for (size_t i = 1; i < series->count; i++)
        if (series->items[i].seen_tick < oldest->seen_tick)
            oldest = &series->items[i];
    if (oldest->seen_tick + PAGE_RESUME_TICKS > tick)
        return NULL;
    return oldest;
}

static struct page_one_series *add(struct page_series *series, const char *symbol, size_t size,
                                   uint32_t time_frame_s, uint64_t tick) {
    struct page_one_series *one = make_room(series, tick);
    if (one == NULL)
        return NULL;
    memset(one->symbol, 0, sizeof one->symbol);
    memcpy(one->symbol, symbol, size);
    one->size = size;
    one->time_frame_s = time_frame_s;
    one->count = one->next = 0; /* the memory of its points is used again */
    series->changed_tick = tick;
    return one;
}

static void add_point(struct page_one_series *one, int64_t time_ms, float price, uint64_t tick) {
    const struct page_point *last =
        one->count > 0 ? &one->points[(one->next + PAGE_POINTS - 1) % PAGE_POINTS] : NULL;
    if (last != NULL && last->time_ms >= time_ms)
        return;
    if (one->points == NULL)
        one->points = calloc(PAGE_POINTS, sizeof *one->points);
    if (one->points == NULL)
        return; /* another look may find memory */
    one->points[one->next] = (struct page_point){time_ms, price, (uint32_t)tick};
    one->next = (one->next + 1) % PAGE_POINTS;
    if (one->count < PAGE_POINTS)
        one->count++;
}

static void enter(struct page_series *series, const cJSON *quote, uint64_t tick) {
    const char *symbol = cJSON_GetStringValue(cJSON_GetArrayItem(quote, 0));
    const cJSON *time_frame = cJSON_GetArrayItem(quote, 1), *time = cJSON_GetArrayItem(quote, 2);
    const cJSON *price = cJSON_GetArrayItem(quote, 3);
    const size_t size = symbol != NULL ? strlen(symbol) : 0;
    if (size == 0 || size > PAGE_SYMBOL_MAX || !cJSON_IsNumber(time_frame) || !cJSON_IsNumber(time))
        return;
    const uint32_t time_frame_s = (uint32_t)time_frame->valuedouble;
    struct page_one_series *one = find(series, symbol, size, time_frame_s);
    if (one == NULL)
        one = add(series, symbol, size, time_frame_s, tick);
    if (one == NULL)
        return;
    one->seen_tick = tick;
    if (cJSON_IsNumber(price))
        add_point(one, (int64_t)time->valuedouble, (float)price->valuedouble, tick);
}

void page_series_enter(struct page_series *series, const cJSON *quotes, uint64_t tick) {
    const cJSON *quote;
    cJSON_ArrayForEach(quote, quotes) enter(series, quote, tick);
}

/* ---- writing ---- */

static bool is_first(const struct page_series *series, size_t index) {
    const struct page_one_series *one = &series->items[index];
    for (size_t i = 0; i < index; i++)
        if (is_of(&series->items[i], one->symbol, one->size))
            return false;
    return true;
}

void page_series_list(const struct page_series *series, struct json_writer *json) {
    for (size_t i = 0; i < series->count; i++) {
        const struct page_one_series *one = &series->items[i];
        if (!is_first(series, i))
            continue;
        json_begin_array(json, NULL);
        json_bytes(json, NULL, one->symbol, one->size);
        json_begin_array(json, NULL);
        for (size_t j = i; j < series->count; j++)
            if (is_of(&series->items[j], one->symbol, one->size))
                json_unsigned(json, NULL, series->items[j].time_frame_s);
        json_end_array(json);
        json_end_array(json);
    }
}

/* Its seven digits, and not those that a double has of it beyond. */
static void write_price(struct json_writer *json, float price) {
    text_printf(json_value(json, NULL), "%.7g", (double)price);
}

static void write_points(const struct page_one_series *one, uint64_t tick,
                         struct json_writer *json) {
    for (size_t i = one->count; i > 0; i--) {
        const struct page_point *point = &one->points[(one->next + PAGE_POINTS - i) % PAGE_POINTS];
        if (tick > 0 && (int32_t)(point->tick - (uint32_t)tick) <= 0)
            continue;
        json_begin_array(json, NULL);
        json_unsigned(json, NULL, one->time_frame_s);
        json_integer(json, NULL, point->time_ms);
        write_price(json, point->price);
        json_end_array(json);
    }
}

void page_series_write(const struct page_series *series, const char *symbol, size_t size,
                       uint64_t tick, struct json_writer *json) {
    for (size_t i = 0; i < series->count; i++)
        if (is_of(&series->items[i], symbol, size))
            write_points(&series->items[i], tick, json);
}
