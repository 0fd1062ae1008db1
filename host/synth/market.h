/*
 * synth/market.h - a synthetic market: the three topics as the upstream services would fill them.
 *
 * A pure function of its options: the same options give the same messages, byte for byte. Good
 * messages do not depend on the shares of bad and late ones.
 *
 * Prices are random walks with a common market factor, a drift and a volatility that change now and
 * then, all seeded. Each step of the market's own time (`step_ms`) makes one base bar a symbol; the
 * bars of the time frames add up from those (open is the close before, low <= open, close <= high).
 * When a bar of a frame ends, all three topics say something of it, in the order of their roles:
 * statistics and the least-squares fit are those of the frame's last MARKET_WINDOW closes.
 * asset_trends also lists the newest closes in an array.
 * The fit's time axis is seconds relative to the last close: the intercept is the fitted price now.
 */
#ifndef TAKE5_SYNTH_MARKET_H
#define TAKE5_SYNTH_MARKET_H

#include "base/error.h"
#include "synth/market_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum market_envelope {
    MARKET_PRODUCTION = 1, /* publishTime, barData, ... */
    MARKET_DOCUMENTED,     /* timestamp, price, trend_data, ... */
    MARKET_MIXED           /* 7 in 10 production, 2 documented, 1 with both envelopes at once */
};

struct market_options {
    uint64_t seed;
    const char *const *symbols;    /* `symbol_count` texts; NULL: made-up names, well-known first */
    size_t symbol_count;           /* 1 to 1 000 000 */
    const uint32_t *time_frames_s; /* multiples of the step; NULL: 60 180 300 420 720 1560 */
    size_t time_frame_count;
    enum market_envelope envelope;
    double bad_share;  /* 0 to 1: of all messages, how many cannot be used; they come on top */
    double late_share; /* 0 to 1: of the good ones, how many are held back for 2 to 10 minutes */
    int64_t start_ms;  /* epoch; the market's time begins at the step at or before it */
    int64_t step_ms;   /* of the market's time a base bar; 60 000 when 0 */
};

struct market;

/* NULL with an error: an option out of its bounds, or no memory. Copies what it keeps. */
struct market *market_new(const struct market_options *options, struct error *error);
void market_free(struct market *market);

/* The next message. It always has one; `message` is valid until the next call. */
void market_next(struct market *market, struct market_message *message);

/* "bar_trends", "historic_stats", "asset_trends". */
const char *market_role_name(uint32_t role);
/* NUL-terminated; valid as long as the market. */
const char *market_symbol(const struct market *market, uint32_t index);

#endif
