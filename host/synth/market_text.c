#include "synth/market_text.h"

#include "base/calendar.h"
#include "synth/market_number.h"

#include <math.h>
#include <string.h>

#define MS_PER_DAY 86400000LL

#define PUT(to, literal)             put_bytes((to), (literal), sizeof(literal) - 1)
/* ,"NAME": and a number */
#define PUT_NUMBER(to, name, value)  market_number_put(PUT((to), ",\"" name "\":"), (value))
#define PUT_INTEGER(to, name, value) market_number_put_integer(PUT((to), ",\"" name "\":"), (value))

static inline char *put_bytes(char *to, const char *bytes, size_t size) {
    memcpy(to, bytes, size);
    return to + size;
}

/* "2024-06-17T21:15:30" with `between` for the T, and ".500" when there are milliseconds (or when
 * they are always wanted). Civil date from days by 400-year eras that begin in March. */
static char *put_time(char *to, int64_t time_ms, char between, bool has_ms) {
    int64_t days = time_ms / MS_PER_DAY, rest = time_ms % MS_PER_DAY;
    if (rest < 0) {
        days--;
        rest += MS_PER_DAY;
    }
    const struct calendar_date date = calendar_date(days);
    uint32_t seconds = (uint32_t)(rest / 1000), ms = (uint32_t)(rest % 1000);

    to = market_number_put_digits(to, (uint32_t)date.year, 4);
    *to++ = '-';
    to = market_number_put_digits(to, date.month, 2);
    *to++ = '-';
    to = market_number_put_digits(to, date.day, 2);
    *to++ = between;
    to = market_number_put_digits(to, seconds / 3600, 2);
    *to++ = ':';
    to = market_number_put_digits(to, seconds / 60 % 60, 2);
    *to++ = ':';
    to = market_number_put_digits(to, seconds % 60, 2);
    if (has_ms || ms != 0) {
        *to++ = '.';
        to = market_number_put_digits(to, ms, 3);
    }
    return to;
}

/* One of the producers spells the parent with a capital letter. */
static char *put_publish_time(char *to, enum market_role role, const struct market_facts *facts) {
    to = role == MARKET_HISTORIC_STATS ? PUT(to, ",\"PublishTime\":{\"take5Time\":")
                                       : PUT(to, ",\"publishTime\":{\"take5Time\":");
    to = market_number_put_integer(to, facts->event_time_ms);
    to = PUT(to, ",\"take5TimeStr\":\"");
    to = put_time(to, facts->event_time_ms, ' ', true);
    return PUT(to, "\"}");
}

static char *put_bar_data(char *to, enum market_role role, const struct market_facts *facts) {
    const struct market_bar *bar = &facts->bar;
    to = PUT(to, ",\"barData\":{\"barTimeFrame\":");
    to = market_number_put_integer(to, facts->time_frame_s);
    if (role == MARKET_BAR_TRENDS)
        to = PUT_INTEGER(to, "barTime", facts->bar_start_ms);
    to = PUT_NUMBER(to, "open", bar->open);
    to = PUT_NUMBER(to, "high", bar->high);
    to = PUT_NUMBER(to, "low", bar->low);
    to = PUT_NUMBER(to, "close", bar->close);
    to = PUT_INTEGER(to, "volume", bar->volume);
    if (role == MARKET_BAR_TRENDS) {
        to = PUT_NUMBER(to, "wap", bar->wap);
        to = PUT_INTEGER(to, "tradeCount", bar->trades);
    }
    return PUT(to, "}");
}

static char *put_last_sample_stats(char *to, const struct market_facts *facts) {
    const struct market_fit *fit = &facts->fit;
    to = PUT(to, ",\"lastSampleStats\":{\"sampleSize\":");
    to = market_number_put_integer(to, fit->count);
    to = PUT_NUMBER(to, "mean", fit->mean);
    to = PUT_NUMBER(to, "std", fit->std);
    to = PUT_NUMBER(to, "min", fit->min);
    to = PUT_NUMBER(to, "max", fit->max);
    to = PUT_NUMBER(to, "change", fit->change);
    to = PUT_NUMBER(to, "meanChange", fit->count > 1 ? fit->change / (fit->count - 1) : 0);
    to = PUT_NUMBER(to, "distanceToMean", facts->bar.close - fit->mean);
    if (fit->count >= 2)
        to = PUT_NUMBER(to, "slope", fit->slope);
    return PUT(to, "}");
}

static char *put_stats(char *to, const struct market_facts *facts) {
    const struct market_fit *fit = &facts->fit;
    to = PUT(to, ",\"stats\":{\"mean\":");
    to = market_number_put(to, fit->mean);
    to = PUT_NUMBER(to, "std", fit->std);
    to = PUT_NUMBER(to, "variance", fit->std * fit->std);
    to = PUT_NUMBER(to, "min", fit->min);
    to = PUT_NUMBER(to, "max", fit->max);
    to = PUT_NUMBER(to, "range", fit->max - fit->min);
    to = PUT_NUMBER(to, "coefficientOfVariation", fit->std / fit->mean);
    to = PUT_NUMBER(to, "standardError", fit->std / sqrt(fit->count));
    to = PUT_INTEGER(to, "sampleSize", fit->count);
    to = PUT_INTEGER(to, "windowSeconds", (int64_t)fit->count * facts->time_frame_s);
    return PUT_NUMBER(PUT(to, "}"), "z_score", fit->z_score);
}

static char *put_fit(char *to, const struct market_facts *facts, bool is_old_producer) {
    const struct market_fit *fit = &facts->fit;
    to = PUT(to, "\"trendData\":{\"sampleSize\":");
    to = market_number_put_integer(to, fit->count);
    to = PUT_INTEGER(to, "spanSeconds", (int64_t)(fit->count - 1) * facts->time_frame_s);
    if (fit->count >= 2) {
        to = is_old_producer ? PUT_NUMBER(to, "smaSlope", fit->slope)
                             : PUT_NUMBER(to, "wSma_slope", fit->slope);
        to = is_old_producer ? PUT_NUMBER(to, "smaIntercept", fit->intercept)
                             : PUT_NUMBER(to, "wSma_intercept", fit->intercept);
        to = PUT_NUMBER(to, "predictedNext", fit->intercept + fit->slope * facts->time_frame_s);
    }
    if (fit->count >= 3) {
        to = is_old_producer ? PUT_NUMBER(to, "smaSlopeStdErr", fit->slope_std_err)
                             : PUT_NUMBER(to, "wSma_slope_std_err", fit->slope_std_err);
        to = PUT_NUMBER(to, "rSquared", fit->r_squared);
        to = PUT_NUMBER(to, "residual", facts->bar.close - fit->intercept);
    }
    return PUT(to, "}");
}

static const char *direction(const struct market_fit *fit) {
    return fit->slope > 0 ? "UP" : fit->slope < 0 ? "DOWN" : "FLAT";
}

/* The newest first. */
static char *put_recent_closes(char *to, const struct market_fit *fit) {
    to = PUT(to, ",\"recentCloses\":[");
    for (uint32_t i = 0; i < MARKET_RECENT && i < fit->count; i++) {
        if (i > 0)
            *to++ = ',';
        to = market_number_put(to, fit->recent[i]);
    }
    return PUT(to, "]");
}

static char *put_trend_data(char *to, const struct market_facts *facts,
                            const struct market_variant *variant) {
    const char *way = direction(&facts->fit);
    if (variant->is_nested) {
        to = PUT(to, ",\"trendVector\":{");
        to = put_fit(to, facts, variant->is_old_producer);
        to = PUT_NUMBER(to, "length", fabs(facts->fit.change));
        to = PUT(to, "}");
    } else {
        *to++ = ',';
        to = put_fit(to, facts, variant->is_old_producer);
    }
    to = PUT(to, ",\"direction\":\"");
    to = put_bytes(to, way, strlen(way));
    to = PUT(to, "\"");
    return put_recent_closes(to, &facts->fit);
}

static char *put_production(char *to, enum market_role role, const struct market_facts *facts,
                            const struct market_variant *variant) {
    to = put_publish_time(to, role, facts);
    to = put_bar_data(to, role, facts);
    switch (role) {
    case MARKET_BAR_TRENDS:
        return put_last_sample_stats(to, facts);
    case MARKET_HISTORIC_STATS:
        return put_stats(to, facts);
    case MARKET_ASSET_TRENDS:
        return put_trend_data(to, facts, variant);
    }
    return to;
}

static char *put_documented(char *to, enum market_role role, const struct market_facts *facts) {
    const struct market_fit *fit = &facts->fit;
    const char *way = direction(fit);
    to = PUT(to, ",\"timestamp\":\"");
    to = put_time(to, facts->event_time_ms, 'T', false);
    to = PUT(to, "Z\"");
    switch (role) {
    case MARKET_BAR_TRENDS:
        to = PUT_NUMBER(to, "price", facts->bar.close);
        to = PUT_INTEGER(to, "volume", facts->bar.volume);
        to = PUT(to, ",\"trend_data\":{\"direction\":\"");
        to = put_bytes(to, way, strlen(way));
        to = PUT_NUMBER(PUT(to, "\""), "change", fit->change);
        to = PUT_NUMBER(to, "mean", fit->mean);
        return PUT(to, "}");
    case MARKET_HISTORIC_STATS:
        to = PUT(to, ",\"historic_analysis\":{\"samples\":");
        to = market_number_put_integer(to, fit->count);
        to = PUT_NUMBER(to, "min", fit->min);
        to = PUT_NUMBER(to, "max", fit->max);
        to = PUT(to, "},\"statistics\":{\"mean\":");
        to = market_number_put(to, fit->mean);
        to = PUT_NUMBER(to, "std", fit->std);
        to = PUT_NUMBER(to, "z_score", fit->z_score);
        return PUT(to, "}");
    case MARKET_ASSET_TRENDS:
        to = PUT(to, ",\"predictions\":{\"horizon_s\":");
        to = market_number_put_integer(to, facts->time_frame_s);
        to = PUT_NUMBER(to, "price", fit->intercept + fit->slope * facts->time_frame_s);
        to = PUT(to, "},\"trend_vectors\":{\"samples\":");
        to = market_number_put_integer(to, fit->count);
        if (fit->count >= 2) {
            to = PUT_NUMBER(to, "slope", fit->slope);
            to = PUT_NUMBER(to, "intercept", fit->intercept);
        }
        return PUT(to, "}");
    }
    return to;
}

size_t market_text_write(char *to, enum market_role role, const struct market_facts *facts,
                         const struct market_variant *variant) {
    char *at = PUT(to, "{\"symbol\":\"");
    at = put_bytes(at, facts->symbol, facts->symbol_size);
    at = PUT(at, "\"");
    if (variant->has_documented)
        at = put_documented(at, role, facts);
    if (variant->has_production)
        at = put_production(at, role, facts, variant);
    at = PUT(at, "}");
    return (size_t)(at - to);
}
