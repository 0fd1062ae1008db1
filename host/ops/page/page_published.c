#include "ops/page/page_private.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One that no answer has any more stays for so long: a process may have been too busy to answer. */
#define KEPT_TICKS ((uint64_t)(5 * NS_PER_S / PAGE_TICK_NS))

/* ---- symbols ---- */

static void release_symbol(struct page_published_symbol *symbol) {
    for (size_t i = 0; i < symbol->count; i++)
        free(symbol->items[i]);
    *symbol = (struct page_published_symbol){.size = 0};
}

void page_published_release(struct page_published *published) {
    for (size_t i = 0; i < PAGE_STREAMS; i++)
        release_symbol(&published->symbols[i]);
}

static const struct page_published_symbol *find_symbol(const struct page_published *published,
                                                       const char *name, size_t size) {
    for (size_t i = 0; i < PAGE_STREAMS; i++) {
        const struct page_published_symbol *symbol = &published->symbols[i];
        if (symbol->size == size && memcmp(symbol->name, name, size) == 0)
            return symbol;
    }
    return NULL;
}

/* NULL: there are enough. What was read of the symbol before is read again. */
static struct page_published_symbol *take_symbol(struct page_published *published, const char *name,
                                                 size_t size, uint64_t tick) {
    const struct page_published_symbol *found = find_symbol(published, name, size);
    if (found != NULL)
        return &published->symbols[found - published->symbols];
    for (size_t i = 0; i < PAGE_STREAMS; i++) {
        struct page_published_symbol *symbol = &published->symbols[i];
        if (symbol->size > 0)
            continue;
        memcpy(symbol->name, name, size);
        symbol->size = size;
        symbol->whole_tick = tick;
        return symbol;
    }
    return NULL;
}

void page_published_forget(struct page_published *published, uint64_t tick) {
    for (size_t i = 0; i < PAGE_STREAMS; i++)
        if (published->symbols[i].size > 0 && published->symbols[i].seen_tick < tick)
            release_symbol(&published->symbols[i]);
}

/* ---- series ---- */

/* One of the answer: [DEPLOYMENT,SERIES,TIME_FRAME_S,[[TIME_MS,VALUE],...]]. */
struct answered {
    const char *deployment, *series;
    uint32_t time_frame_s;
    const cJSON *points;
};

static bool read_series(const cJSON *item, struct answered *answered) {
    const cJSON *time_frame = cJSON_GetArrayItem(item, 2);
    *answered = (struct answered){
        .deployment = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0)),
        .series = cJSON_GetStringValue(cJSON_GetArrayItem(item, 1)),
        .points = cJSON_GetArrayItem(item, 3),
    };
    if (answered->deployment == NULL || answered->series == NULL || !cJSON_IsNumber(time_frame) ||
        strlen(answered->deployment) >= PAGE_PUBLISHED_NAME ||
        strlen(answered->series) >= PAGE_PUBLISHED_NAME)
        return false;
    answered->time_frame_s = (uint32_t)time_frame->valuedouble;
    return true;
}

static bool is_of(const struct page_published_series *one, const struct answered *answered) {
    return one->time_frame_s == answered->time_frame_s &&
           strcmp(one->series, answered->series) == 0 &&
           strcmp(one->deployment, answered->deployment) == 0;
}

/* NULL: there are enough, or no memory. */
static struct page_published_series *take_series(struct page_published_symbol *symbol,
                                                 const struct answered *answered) {
    for (size_t i = 0; i < symbol->count; i++)
        if (is_of(symbol->items[i], answered))
            return symbol->items[i];
    struct page_published_series *one =
        symbol->count < PAGE_PUBLISHED_SERIES ? calloc(1, sizeof *one) : NULL;
    if (one == NULL)
        return NULL;
    memcpy(one->deployment, answered->deployment, strlen(answered->deployment));
    memcpy(one->series, answered->series, strlen(answered->series));
    one->time_frame_s = answered->time_frame_s;
    symbol->items[symbol->count++] = one;
    return one;
}

static void drop_silent(struct page_published_symbol *symbol, uint64_t tick) {
    size_t kept = 0;
    for (size_t i = 0; i < symbol->count; i++) {
        if (symbol->items[i]->seen_tick + KEPT_TICKS >= tick) {
            symbol->items[kept++] = symbol->items[i];
            continue;
        }
        free(symbol->items[i]);
        symbol->whole_tick = tick;
    }
    symbol->count = kept;
}

/* ---- points ---- */

/* Of the lanes and processes that one is published on. `tick` is their order until they are taken.
 */
struct points {
    struct page_published_point *items;
    size_t count, room;
};

static void add_points(struct points *points, const cJSON *list) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        const cJSON *time = cJSON_GetArrayItem(item, 0), *value = cJSON_GetArrayItem(item, 1);
        if (!cJSON_IsNumber(time))
            continue;
        if (!ARRAY_GROW(points->items, points->count, points->room))
            return; /* another look may find memory */
        points->items[points->count] = (struct page_published_point){
            .time_ms = (int64_t)time->valuedouble,
            .value = cJSON_IsNumber(value) ? value->valuedouble : (double)NAN,
            .tick = points->count,
        };
        points->count++;
    }
}

static void collect(struct points *points, const cJSON *answers,
                    const struct page_published_series *one) {
    const cJSON *answer, *item;
    struct answered answered;
    cJSON_ArrayForEach(answer, answers) cJSON_ArrayForEach(
        item, cJSON_GetObjectItemCaseSensitive(
                  answer, "published")) if (read_series(item, &answered) && is_of(one, &answered))
        add_points(points, answered.points);
}

static int compare(const void *left, const void *right) {
    const struct page_published_point *a = left, *b = right;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return a->tick < b->tick ? -1 : a->tick > b->tick;
}

/* By time, each time once, with what was published for it last; the newest of them. */
static void settle(struct points *points) {
    size_t kept = 0;
    if (points->count > 1)
        qsort(points->items, points->count, sizeof *points->items, compare);
    for (size_t i = 0; i < points->count; i++) {
        if (kept > 0 && points->items[kept - 1].time_ms == points->items[i].time_ms)
            kept--;
        points->items[kept++] = points->items[i];
    }
    const size_t skipped = kept > PAGE_PUBLISHED_POINTS ? kept - PAGE_PUBLISHED_POINTS : 0;
    points->count = kept - skipped;
    if (skipped > 0)
        memmove(points->items, points->items + skipped, points->count * sizeof *points->items);
}

static bool is_same(double a, double b) {
    return (isnan(a) && isnan(b)) || (a <= b && a >= b);
}

/* What is as it was keeps its tick. False: points are gone that are not older than all others. */
static bool take_points(struct page_published_series *one, struct points *points, uint64_t tick) {
    size_t at = 0;
    bool is_continued = true;
    while (at < one->count && points->count > 0 &&
           one->points[at].time_ms < points->items[0].time_ms)
        at++;
    for (size_t i = 0; i < points->count; i++) {
        struct page_published_point *point = &points->items[i];
        for (; at < one->count && one->points[at].time_ms < point->time_ms; at++)
            is_continued = false;
        const struct page_published_point *before =
            at < one->count && one->points[at].time_ms == point->time_ms ? &one->points[at++]
                                                                         : NULL;
        point->tick = before != NULL && is_same(before->value, point->value) ? before->tick : tick;
    }
    is_continued = is_continued && at == one->count;
    if (points->count > 0)
        memcpy(one->points, points->items, points->count * sizeof *points->items);
    one->count = points->count;
    return is_continued;
}

/* ---- entering ---- */

static void enter(struct page_published_symbol *symbol, const cJSON *answers, const cJSON *item,
                  uint64_t tick) {
    struct answered answered;
    struct points points = {.count = 0};
    if (!read_series(item, &answered))
        return;
    struct page_published_series *one = take_series(symbol, &answered);
    if (one == NULL) {
        symbol->more++;
        return;
    }
    if (one->seen_tick == tick)
        return;
    one->seen_tick = tick;
    collect(&points, answers, one);
    settle(&points);
    if (!take_points(one, &points, tick))
        symbol->whole_tick = tick;
    free(points.items);
}

void page_published_enter(struct page_published *published, const char *name, size_t size,
                          const cJSON *answers, uint64_t tick) {
    struct page_published_symbol *symbol = take_symbol(published, name, size, tick);
    const cJSON *answer, *item;
    if (symbol == NULL)
        return;
    const size_t more = symbol->more;
    symbol->seen_tick = tick;
    symbol->more = 0;
    cJSON_ArrayForEach(answer, answers) {
        const cJSON *left_out = cJSON_GetObjectItemCaseSensitive(answer, "more");
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "published"))
            enter(symbol, answers, item, tick);
        if (cJSON_IsNumber(left_out) && left_out->valuedouble > 0)
            symbol->more += (size_t)left_out->valuedouble;
    }
    if (symbol->more != more)
        symbol->more_tick = tick;
    drop_silent(symbol, tick);
}

/* ---- writing ---- */

/* The newest has it oftenest. */
static bool has_news(const struct page_published_series *one, uint64_t tick) {
    for (size_t i = one->count; i > 0; i--)
        if (one->points[i - 1].tick > tick)
            return true;
    return false;
}

static bool has_any_news(const struct page_published_symbol *symbol, uint64_t tick) {
    if (symbol->whole_tick > tick || symbol->more_tick > tick)
        return true;
    for (size_t i = 0; i < symbol->count; i++)
        if (has_news(symbol->items[i], tick))
            return true;
    return false;
}

static void write_series(const struct page_published_series *one, uint64_t tick,
                         struct json_writer *json) {
    json_begin_array(json, NULL);
    json_text(json, NULL, one->deployment);
    json_text(json, NULL, one->series);
    json_unsigned(json, NULL, one->time_frame_s);
    json_begin_array(json, NULL);
    for (size_t i = 0; i < one->count; i++) {
        if (one->points[i].tick <= tick)
            continue;
        json_begin_array(json, NULL);
        json_integer(json, NULL, one->points[i].time_ms);
        json_number(json, NULL, one->points[i].value);
        json_end_array(json);
    }
    json_end_array(json);
    json_end_array(json);
}

void page_published_write(const struct page_published *published, const char *name, size_t size,
                          uint64_t tick, struct json_writer *json) {
    const struct page_published_symbol *symbol = find_symbol(published, name, size);
    if (symbol == NULL || !has_any_news(symbol, tick))
        return;
    const bool is_whole = symbol->whole_tick > tick;
    const uint64_t from = is_whole ? 0 : tick;
    json_begin_object(json, "published");
    json_bool(json, "whole", is_whole);
    json_unsigned(json, "more", symbol->more);
    json_begin_array(json, "series");
    for (size_t i = 0; i < symbol->count; i++)
        if (has_news(symbol->items[i], from))
            write_series(symbol->items[i], from, json);
    json_end_array(json);
    json_end_object(json);
}
