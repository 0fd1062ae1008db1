/*
 * synth/market_text.h - what the market knows of one bar, as the JSON of each topic.
 */
#ifndef TAKE5_SYNTH_MARKET_TEXT_H
#define TAKE5_SYNTH_MARKET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Closes that a message lists. */
#define MARKET_RECENT 3

enum market_role { MARKET_BAR_TRENDS, MARKET_HISTORIC_STATS, MARKET_ASSET_TRENDS };

struct market_bar {
    double open, high, low, close;
    double wap; /* volume-weighted average price */
    int64_t volume;
    int64_t trades;
};

/* Over the last closes of a frame. */
struct market_fit {
    uint32_t count;
    double mean, std, min, max, change; /* std: of the sample (n - 1); 0 below 2 closes */
    double z_score;                     /* 0 when std is */
    double slope, intercept;            /* from 2 closes on */
    double slope_std_err, r_squared;    /* from 3 closes on */
    double recent[MARKET_RECENT];       /* the newest first; as many as there are */
};

struct market_facts {
    const char *symbol; /* needs no escapes */
    size_t symbol_size;
    int64_t event_time_ms;
    int64_t bar_start_ms;
    uint32_t time_frame_s;
    struct market_bar bar;
    struct market_fit fit;
};

/* In which form a message is written: envelope and member names. */
struct market_variant {
    bool has_production;
    bool has_documented;
    bool is_old_producer; /* smaSlope for wSma_slope */
    bool is_nested;       /* trendVector.trendData for trendData */
};

/* Writes at most MARKET_MESSAGE_SIZE bytes; gives how many. */
size_t market_text_write(char *to, enum market_role role, const struct market_facts *facts,
                         const struct market_variant *variant);

#endif
