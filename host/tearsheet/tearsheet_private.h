/*
 * tearsheet/tearsheet_private.h - what a report gathers.
 *
 *   tearsheet.c       gathering
 *   cards.c           which symbols and time frames are shown
 *   tearsheet_put.c   the data of the page
 *   tearsheet_page.c  the page around it
 */
#ifndef TAKE5_TEARSHEET_TEARSHEET_PRIVATE_H
#define TAKE5_TEARSHEET_TEARSHEET_PRIVATE_H

#include "message/symbols.h"
#include "tearsheet/tearsheet.h"
#include "tearsheet/thin.h"

/* A signal on a chart. */
struct mark {
    int64_t time_ns;
    double price; /* NaN: none */
    double value, confidence;
    uint32_t name;            /* of `names` */
    int8_t by_value, by_name; /* as evaluation_named_side() */
};

/* The signals of a symbol and time frame. */
struct marks {
    struct mark *items;
    size_t count, capacity;
    uint64_t step;  /* one of so many is kept */
    uint64_t total; /* that came */
};

struct published_curve {
    char *deployment, *series;
    size_t symbol_size; /* in its key, behind the time frame */
    struct thin curve;
};

struct equity {
    char *deployment;
    struct thin curve;
};

struct tearsheet_name {
    char *deployment, *name;
};

struct tearsheet {
    struct tearsheet_options options;
    /* Who adds signals. */
    struct symbols *mark_keys; /* symbol and time frame -> `marks` */
    struct marks *marks;
    size_t mark_count, mark_capacity;
    struct symbols *name_keys; /* deployment and name -> `names` */
    struct tearsheet_name *names;
    size_t name_count, name_capacity;
    bool has_lost_signals;
    /* Who adds points. */
    struct symbols *curve_keys; /* symbol, time frame, deployment, series -> `curves` */
    struct published_curve *curves;
    size_t curve_count, curve_capacity;
    uint64_t curves_left; /* points of series beyond TEARSHEET_GATHERED */
    bool has_lost_points;
    /* Who adds equity. */
    struct equity *equity;
    size_t equity_count, equity_capacity;
    bool has_lost_equity;
};

/* The key of a symbol and time frame is both, one behind the other. */
#define TEARSHEET_KEY_SIZE 1024
struct tearsheet_key {
    char bytes[TEARSHEET_KEY_SIZE];
    size_t size;
};
/* False: it is too long for a page. */
bool tearsheet_key_of(struct tearsheet_key *key, t5_str symbol, uint32_t time_frame_s);
/* What a key that begins so is of. */
t5_str tearsheet_key_symbol(const char *bytes, size_t symbol_size);
uint32_t tearsheet_key_frame(const char *bytes);

/* ---- cards.c ---- */

struct card {
    t5_str symbol; /* borrowed */
    uint32_t time_frame_s;
    const struct price_series *prices; /* NULL: none */
    const struct marks *marks[2];      /* of its time frame, and of none; NULL: none */
    const struct published_curve **published;
    size_t published_count, published_capacity;
    uint64_t signals;
    size_t asked; /* its place among the symbols that were asked for */
};

struct cards {
    struct symbols *keys;
    struct card *items;
    size_t count, capacity;
    bool is_oom;
};

/* All of them, those to be shown first. False when memory runs out; to be released in any case. */
bool cards_init(struct cards *cards, const struct tearsheet *tearsheet,
                const struct evaluation *evaluation);
void cards_release(struct cards *cards);

#endif
