/*
 * tearsheet/tearsheet.h - what a page that reports on a replay shows of it: prices with the signals
 * on them, the series that were published, equity. Its size is bounded, whatever was replayed: of
 * many symbols those with the most signals are shown, curves are thinned (tearsheet/thin.h), and of
 * many signals of one symbol each second, fourth, ... is drawn. Each of that is said with how many
 * there were.
 *
 * Signals, points and equity may be added by three threads, one for each; the rest is for one
 * thread, when they are done.
 */
#ifndef TAKE5_TEARSHEET_TEARSHEET_H
#define TAKE5_TEARSHEET_TEARSHEET_H

#include "base/format/json_writer.h"
#include "evaluation/evaluation.h"
#include "sink/signal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEARSHEET_CURVE_RUNS  600  /* of prices and equity: twice as many points */
#define TEARSHEET_SERIES_RUNS 250  /* of a published series */
#define TEARSHEET_MARKS       400  /* signals drawn for a symbol and time frame */
#define TEARSHEET_PUBLISHED   8    /* published series drawn for a symbol and time frame */
#define TEARSHEET_GATHERED    4096 /* published series that are looked at, by all symbols */
#define TEARSHEET_MOST_CARDS  200

struct tearsheet_options {
    size_t cards;               /* at most so many symbols and time frames are shown */
    const char *const *symbols; /* these alone, in this order; borrowed */
    size_t symbol_count;        /* 0: those with the most signals */
};

/* What became of it, when it was put. */
struct tearsheet_shown {
    size_t cards, all_cards; /* symbols and time frames: shown, and that there were */
    size_t published_left;   /* published series that are not drawn */
    bool is_thinned;         /* not each price, point and signal of what is shown is there */
};

struct tearsheet;

/* NULL when memory runs out. */
struct tearsheet *tearsheet_new(const struct tearsheet_options *options);
/* NULL is allowed. */
void tearsheet_free(struct tearsheet *tearsheet);

/* False: no memory; tearsheet_put() then fails too. */
bool tearsheet_add_signal(struct tearsheet *tearsheet, const struct signal *signal);
bool tearsheet_add_point(struct tearsheet *tearsheet, const struct signal *point);
/* As an evaluation reports it (evaluation_follow_equity()). */
void tearsheet_add_equity(void *tearsheet, const char *deployment, int64_t time_ns, double equity);

/*
 * As members of an object that has begun: `evaluation`, as evaluation_put(); `equity`, `names` and
 * `cards`; `shown`. `evaluation` is finished. False when memory runs out, be it earlier.
 */
bool tearsheet_put(struct tearsheet *tearsheet, const struct evaluation *evaluation,
                   struct json_writer *json, struct tearsheet_shown *shown);

/* The page: one HTML document with `data`, a JSON object of what tearsheet_put() and others wrote,
 * and nothing that lies elsewhere. False when memory runs out. */
bool tearsheet_write_page(struct text *page, const struct text *data);

#endif
