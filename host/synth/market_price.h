/*
 * synth/market_price.h - how the synthetic market's prices move, and its bars.
 *
 * A price path is one symbol's price. A series is one time frame of it: the bar under way and the
 * closes of the last MARKET_WINDOW bars.
 */
#ifndef TAKE5_SYNTH_MARKET_PRICE_H
#define TAKE5_SYNTH_MARKET_PRICE_H

#include "synth/market_message.h"
#include "synth/market_random.h"
#include "synth/market_text.h"

/* What moves all prices at once. */
struct market_factor {
    double minutes;      /* a step */
    double root_minutes; /* its square root: how deviations grow */
    double move;         /* the market's own move in this step */
    double drift;        /* a minute, while it lasts */
    int32_t drift_steps; /* how long it does */
};

struct market_path {
    double price;
    double base;       /* the price that it is drawn to in the long run */
    double beta;       /* share in the market's own move */
    double drift;      /* a minute, while the regime lasts */
    double volatility; /* a minute, while the regime lasts */
    int32_t regime_steps;
    uint32_t text_size;
    char text[MARKET_MAX_SYMBOL + 1];
};

struct market_series {
    struct market_bar bar;        /* under way */
    double value;                 /* price times volume, for its wap */
    double closes[MARKET_WINDOW]; /* a ring */
    uint32_t count, newest;
};

void market_factor_init(struct market_factor *factor, int64_t step_ms);
void market_factor_step(struct market_factor *factor, struct market_random *random);

/* `symbol` NULL: the made-up name of that index. */
void market_path_init(struct market_path *path, const char *symbol, uint32_t index,
                      struct market_random *random);
/* One base bar, from the price as it stands to the next. */
struct market_bar market_path_step(struct market_path *path, const struct market_factor *factor,
                                   struct market_random *random);

void market_series_begin_bar(struct market_series *series, double price);
void market_series_add(struct market_series *series, const struct market_bar *base);
/* The bar is over: its close enters the window. */
void market_series_end_bar(struct market_series *series);
/* Mean, deviation and ordinary least squares of the window's closes over time. */
void market_series_fit(const struct market_series *series, double frame_s, struct market_fit *fit);

#endif
