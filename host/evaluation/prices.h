/*
 * evaluation/prices.h - the prices of a recording: a series of points by event time for each symbol
 * and time frame. Filled first, in any order, then sealed and read. One thread at a time.
 */
#ifndef TAKE5_EVALUATION_PRICES_H
#define TAKE5_EVALUATION_PRICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct price_point {
    int64_t time_ns;
    double price;
    uint64_t place; /* of its message in the recording */
};

struct price_series {
    size_t id; /* sealed: of the series, from 0 on, in the order in which they are visited */
    uint32_t time_frame_s;
    struct price_point *points; /* sealed: by time, and of equal times by place */
    size_t count, capacity;
    struct price_series *next; /* of the same symbol, by time frame */
};

struct prices;

/* NULL when memory runs out. */
struct prices *prices_new(void);
/* NULL is allowed. */
void prices_free(struct prices *prices);

/* Prices that are not above 0 and finite are left out. False when memory runs out. */
bool prices_add(struct prices *prices, const char *symbol, size_t symbol_size,
                uint32_t time_frame_s, const struct price_point *point);
/* Adds those of another one, not sealed, that lie in the span; `to_ns` is not in it. */
bool prices_add_span(struct prices *prices, const struct prices *from, int64_t from_ns,
                     int64_t to_ns);
/* From here on nothing depends on the order in which they were added. False when memory runs out.
 */
bool prices_seal(struct prices *prices);

/* That of symbol and time frame; with time frame 0, if there is none of it, the symbol's lowest.
 * NULL: there is none. */
const struct price_series *prices_find(const struct prices *prices, const char *symbol,
                                       size_t symbol_size, uint32_t time_frame_s);
/* The last point at or before that time; NULL: there is none. */
const struct price_point *price_series_at(const struct price_series *series, int64_t time_ns);
/* The first point at or after that time; NULL: there is none. */
const struct price_point *price_series_from(const struct price_series *series, int64_t time_ns);

/* Sealed: calls `visit` for each series, symbol by symbol in order of their first places, and of a
 * symbol in rising order of the time frames. */
typedef void prices_visit_call(void *context, const char *symbol, size_t symbol_size,
                               const struct price_series *series);
void prices_visit(const struct prices *prices, prices_visit_call *visit, void *context);

/* Over all series: how many points, and the first and last time (0 when there is none). */
size_t prices_count(const struct prices *prices);
void prices_span(const struct prices *prices, int64_t *first_ns, int64_t *last_ns);

#endif
