#include "synth/market.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 1718658900000LL /* 2024-06-17T21:15:00Z, a whole minute */

static struct market *make(struct market_options options) {
    struct error error = {0};
    if (options.seed == 0)
        options.seed = 7;
    if (options.symbol_count == 0)
        options.symbol_count = 3;
    if (options.envelope == 0)
        options.envelope = MARKET_PRODUCTION;
    if (options.start_ms == 0)
        options.start_ms = START_MS;
    struct market *market = market_new(&options, &error);
    cr_assert_not_null(market, "%s", error.text);
    return market;
}

static cJSON *parse(const struct market_message *message) {
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(message->payload, message->payload_size, &end, 0);
    cr_assert(json != NULL && end == message->payload + message->payload_size, "not JSON: %.*s",
              (int)message->payload_size, message->payload);
    return json;
}

static double number_at(const cJSON *json, const char *parent, const char *name) {
    const cJSON *object = parent == NULL ? json : cJSON_GetObjectItem(json, parent);
    const cJSON *item = cJSON_GetObjectItem(object, name);
    cr_assert(cJSON_IsNumber(item), "no number %s.%s", parent == NULL ? "" : parent, name);
    return item->valuedouble;
}

static uint64_t digest(struct market *market, size_t count) {
    uint64_t hash = 1469598103934665603ULL;
    for (size_t i = 0; i < count; i++) {
        struct market_message message;
        market_next(market, &message);
        for (size_t j = 0; j < message.payload_size; j++)
            hash = (hash ^ (uint8_t)message.payload[j]) * 1099511628211ULL;
        hash = (hash ^ message.role) * 1099511628211ULL;
    }
    return hash;
}

Test(market, same_options_give_the_same_bytes) {
    struct market_options options = {
        .seed = 42, .envelope = MARKET_MIXED, .bad_share = 0.05, .late_share = 0.05};
    struct market *a = make(options), *b = make(options);
    options.seed = 43;
    struct market *c = make(options);
    uint64_t digest_a = digest(a, 20000);
    cr_assert_eq(digest_a, digest(b, 20000));
    cr_assert_neq(digest_a, digest(c, 20000));
    market_free(a);
    market_free(b);
    market_free(c);
}

Test(market, production_messages_have_the_size_and_the_fields_of_the_feed) {
    struct market *market = make((struct market_options){.symbol_count = 12});
    size_t bytes = 0, count = 20000;
    for (size_t i = 0; i < count; i++) {
        struct market_message message;
        market_next(market, &message);
        cr_assert_leq(message.payload_size, 600);
        bytes += message.payload_size;
        if (i % 50 != 0 || i < count / 2)
            continue;
        cr_assert_geq(message.payload_size, 400);
        cJSON *json = parse(&message);
        const char *parent = message.role == 1 ? "PublishTime" : "publishTime";
        cr_assert_str_eq(cJSON_GetObjectItem(json, "symbol")->valuestring,
                         market_symbol(market, message.symbol));
        cr_assert_eq(message.key_size, strlen(market_symbol(market, message.symbol)));
        cr_assert_eq(memcmp(message.key, market_symbol(market, message.symbol), message.key_size),
                     0);
        cr_assert_eq((int64_t)number_at(json, parent, "take5Time"), message.event_time_ms);
        cr_assert_eq((uint32_t)number_at(json, "barData", "barTimeFrame"), message.time_frame_s);
        const char *content[] = {"lastSampleStats", "stats", NULL};
        if (content[message.role] != NULL)
            cr_assert(cJSON_IsObject(cJSON_GetObjectItem(json, content[message.role])));
        else
            cr_assert(cJSON_HasObjectItem(json, "trendData") ||
                      cJSON_HasObjectItem(json, "trendVector"));
        if (message.role == 1)
            cr_assert(cJSON_HasObjectItem(json, "z_score"));
        if (message.role == 2) {
            const cJSON *closes = cJSON_GetObjectItem(json, "recentCloses");
            cr_assert_eq(cJSON_GetArraySize(closes), 3);
            cr_assert_eq(cJSON_GetArrayItem(closes, 0)->valuedouble,
                         number_at(json, "barData", "close"));
        }
        cJSON_Delete(json);
    }
    cr_assert(bytes / count >= 400 && bytes / count <= 560, "mean size %zu", bytes / count);
    market_free(market);
}

Test(market, take5_time_text_says_the_same_as_the_number) {
    struct market *market = make((struct market_options){.start_ms = 951782400000LL - 60000});
    struct market_message message;
    market_next(market, &message);
    cJSON *json = parse(&message);
    cJSON *time = cJSON_GetObjectItem(json, "publishTime");
    cr_assert_str_eq(cJSON_GetObjectItem(time, "take5TimeStr")->valuestring,
                     "2000-02-29 00:00:00.000");
    cr_assert_eq(message.event_time_ms, 951782400000LL);
    cJSON_Delete(json);
    market_free(market);
}

Test(market, bars_add_up) {
    static const uint32_t frames[] = {60, 180, 300};
    struct market *market = make(
        (struct market_options){.symbol_count = 2, .time_frames_s = frames, .time_frame_count = 3});
    struct {
        double open, high, low, close, volume;
        bool is_there;
    } last[2][3] = {0}, sum[2] = {0};
    size_t sums = 0;
    for (size_t i = 0; i < 30000; i++) {
        struct market_message message;
        market_next(market, &message);
        if (message.role != 0)
            continue;
        cJSON *json = parse(&message);
        double open = number_at(json, "barData", "open"), high = number_at(json, "barData", "high");
        double low = number_at(json, "barData", "low"), close = number_at(json, "barData", "close");
        double volume = number_at(json, "barData", "volume");
        double wap = number_at(json, "barData", "wap");
        cJSON_Delete(json);
        cr_assert(low > 0 && low <= open && low <= close && open <= high && close <= high);
        cr_assert(volume > 0 && volume == floor(volume) && wap >= low && wap <= high);
        uint32_t s = message.symbol, f = message.time_frame_s == 60    ? 0
                                         : message.time_frame_s == 180 ? 1
                                                                       : 2;
        if (last[s][f].is_there)
            cr_assert_eq(open, last[s][f].close);
        last[s][f].is_there = true;
        last[s][f].close = close;
        if (f == 0) {
            if (!sum[s].is_there) {
                sum[s].open = open;
                sum[s].high = high;
                sum[s].low = low;
                sum[s].volume = 0;
                sum[s].is_there = true;
            }
            sum[s].high = fmax(sum[s].high, high);
            sum[s].low = fmin(sum[s].low, low);
            sum[s].volume += volume;
            sum[s].close = close;
        } else if (f == 1) {
            cr_assert(open == sum[s].open && high == sum[s].high && low == sum[s].low &&
                      close == sum[s].close && volume == sum[s].volume);
            sum[s].is_there = false;
            sums++;
        }
    }
    cr_assert_gt(sums, 1000);
    market_free(market);
}

/* The textbook's normal equations in long double, apart from the code under test. */
static void least_squares(const double *y, size_t count, double frame, double *slope,
                          double *intercept, double *std_err) {
    long double n = (long double)count, sx = 0, sy = 0, sxx = 0, sxy = 0, sse = 0;
    for (size_t i = 0; i < count; i++) {
        long double x = -(long double)(count - 1 - i) * frame;
        sx += x;
        sy += y[i];
        sxx += x * x;
        sxy += x * y[i];
    }
    long double b = (n * sxy - sx * sy) / (n * sxx - sx * sx), a = (sy - b * sx) / n;
    for (size_t i = 0; i < count; i++) {
        long double e = y[i] - (a - b * (long double)(count - 1 - i) * frame);
        sse += e * e;
    }
    *slope = (double)b;
    *intercept = (double)a;
    *std_err = (double)sqrtl(sse / (n - 2) / (sxx - sx * sx / n));
}

Test(market, slopes_are_least_squares_fits_of_the_published_closes) {
    struct market *market = make((struct market_options){.symbol_count = 8});
    static double closes[8][1600][MARKET_WINDOW];
    static size_t counts[8][1600];
    size_t checked = 0;
    for (size_t i = 0; i < 30000; i++) {
        struct market_message message;
        market_next(market, &message);
        if (message.role != 2)
            continue;
        cJSON *json = parse(&message);
        double *window = closes[message.symbol][message.time_frame_s];
        size_t *count = &counts[message.symbol][message.time_frame_s];
        if (*count == MARKET_WINDOW)
            memmove(window, window + 1, --*count * sizeof *window);
        window[(*count)++] = number_at(json, "barData", "close");
        bool is_nested = message.symbol % 4 == 3, is_old = message.symbol % 8 == 5;
        const cJSON *parent = is_nested ? cJSON_GetObjectItem(json, "trendVector") : json;
        if (*count >= 3) {
            double slope, intercept, std_err;
            least_squares(window, *count, message.time_frame_s, &slope, &intercept, &std_err);
            double got_slope = number_at(parent, "trendData", is_old ? "smaSlope" : "wSma_slope");
            double got_intercept =
                number_at(parent, "trendData", is_old ? "smaIntercept" : "wSma_intercept");
            double got_std_err =
                number_at(parent, "trendData", is_old ? "smaSlopeStdErr" : "wSma_slope_std_err");
            double scale = window[0] / message.time_frame_s;
            cr_assert_float_eq(got_slope, slope, 1e-10 * scale);
            cr_assert_float_eq(got_intercept, intercept, 1e-10 * window[0]);
            cr_assert_float_eq(got_std_err, std_err, 1e-7 * scale);
            checked++;
        } else {
            cr_assert(!cJSON_HasObjectItem(cJSON_GetObjectItem(parent, "trendData"),
                                           "wSma_slope_std_err"));
        }
        cJSON_Delete(json);
    }
    cr_assert_gt(checked, 5000);
    market_free(market);
}

Test(market, statistics_are_those_of_the_window) {
    static const uint32_t frames[] = {60};
    struct market *market = make(
        (struct market_options){.symbol_count = 1, .time_frames_s = frames, .time_frame_count = 1});
    double window[MARKET_WINDOW];
    size_t count = 0;
    for (size_t i = 0; i < 900; i++) {
        struct market_message message;
        market_next(market, &message);
        if (message.role != 1)
            continue;
        cJSON *json = parse(&message);
        if (count == MARKET_WINDOW)
            memmove(window, window + 1, --count * sizeof *window);
        window[count++] = number_at(json, "barData", "close");
        long double sum = 0, squares = 0;
        for (size_t j = 0; j < count; j++)
            sum += window[j];
        for (size_t j = 0; j < count; j++)
            squares += (window[j] - sum / count) * (window[j] - sum / count);
        double mean = (double)(sum / count);
        double std = count > 1 ? (double)sqrtl(squares / (count - 1)) : 0;
        cr_assert_float_eq(number_at(json, "stats", "mean"), mean, 1e-9 * mean);
        cr_assert_float_eq(number_at(json, "stats", "std"), std, 1e-9 * mean);
        if (std > 0)
            cr_assert_float_eq(number_at(json, NULL, "z_score"), (window[count - 1] - mean) / std,
                               1e-6);
        cJSON_Delete(json);
    }
    market_free(market);
}

Test(market, documented_messages_have_the_documented_envelope_alone) {
    struct market *market = make((struct market_options){.envelope = MARKET_DOCUMENTED});
    static const char *const wanted[3][2] = {{"trend_data", "price"},
                                             {"historic_analysis", "statistics"},
                                             {"predictions", "trend_vectors"}};
    for (size_t i = 0; i < 3000; i++) {
        struct market_message message;
        market_next(market, &message);
        cJSON *json = parse(&message);
        cr_assert(cJSON_IsString(cJSON_GetObjectItem(json, "timestamp")));
        cr_assert(!cJSON_HasObjectItem(json, "barData"));
        for (int j = 0; j < 2; j++)
            cr_assert(cJSON_HasObjectItem(json, wanted[message.role][j]));
        cJSON_Delete(json);
    }
    market_free(market);
}

Test(market, mixed_has_both_envelopes_and_messages_that_bear_both) {
    struct market *market = make((struct market_options){.envelope = MARKET_MIXED});
    size_t production = 0, documented = 0, both = 0;
    for (size_t i = 0; i < 5000; i++) {
        struct market_message message;
        market_next(market, &message);
        cJSON *json = parse(&message);
        bool has_bar = cJSON_HasObjectItem(json, "barData");
        bool has_timestamp = cJSON_HasObjectItem(json, "timestamp");
        production += has_bar && !has_timestamp;
        documented += !has_bar && has_timestamp;
        both += has_bar && has_timestamp;
        cJSON_Delete(json);
    }
    cr_assert_eq(production + documented + both, 5000);
    cr_assert(production > 3200 && documented > 700 && both > 300);
    market_free(market);
}

Test(market, bad_messages_come_on_top_in_their_share) {
    struct market *clean = make((struct market_options){.seed = 5});
    struct market *dirty = make((struct market_options){.seed = 5, .bad_share = 0.2});
    size_t bad = 0, good = 0;
    while (good < 20000) {
        struct market_message message, expected;
        market_next(dirty, &message);
        if (message.is_bad) {
            bad++;
            continue;
        }
        market_next(clean, &expected);
        cr_assert_eq(message.payload_size, expected.payload_size);
        cr_assert_eq(memcmp(message.payload, expected.payload, message.payload_size), 0);
        good++;
    }
    double share = (double)bad / (double)(bad + good);
    cr_assert(share > 0.18 && share < 0.22, "share %g", share);
    market_free(clean);
    market_free(dirty);
}

Test(market, late_messages_bear_an_event_time_some_minutes_back) {
    struct market *market = make((struct market_options){.late_share = 0.1});
    int64_t newest_ms = 0;
    size_t late = 0;
    for (size_t i = 0; i < 20000; i++) {
        struct market_message message;
        market_next(market, &message);
        cJSON *json = parse(&message);
        cJSON_Delete(json);
        if (message.is_late) {
            int64_t behind_ms = newest_ms - message.event_time_ms;
            cr_assert(behind_ms >= 2 * 60000 - 500 && behind_ms <= 12 * 60000, "%lld ms behind",
                      (long long)behind_ms);
            late++;
        } else {
            cr_assert_geq(message.event_time_ms, newest_ms);
            newest_ms = message.event_time_ms;
        }
    }
    cr_assert(late > 1500 && late < 2500, "%zu late", late);
    market_free(market);
}

Test(market, late_share_loses_no_message) {
    struct market *clean = make((struct market_options){.seed = 9});
    struct market *tardy = make((struct market_options){.seed = 9, .late_share = 0.3});
    double sum_clean = 0, sum_tardy = 0;
    struct market_message message;
    /* By the sizes of what was published up to one event time, long enough ago. */
    int64_t until_ms = START_MS + 1000 * 60000LL;
    for (;;) {
        market_next(clean, &message);
        if (message.event_time_ms > until_ms)
            break;
        sum_clean += (double)message.payload_size;
    }
    for (;;) {
        market_next(tardy, &message);
        if (message.event_time_ms > until_ms + 30 * 60000LL)
            break;
        if (message.event_time_ms <= until_ms)
            sum_tardy += (double)message.payload_size;
    }
    cr_assert_eq(sum_clean, sum_tardy);
    market_free(clean);
    market_free(tardy);
}

/* The rule of host/doc/messages.md for a pair of trends, as far as "a cross is to be expected". */
static bool crosses(const double *a, const double *b) {
    if (fabs(a[0] / a[2]) < 2 || fabs(b[0] / b[2]) < 2 || fabs(a[0] - b[0]) < 1e-10)
        return false;
    double x = (b[1] - a[1]) / (a[0] - b[0]);
    return x > 0 && x <= 3600 && fabs(atan(a[0] - b[0])) >= 0.01;
}

Test(market, cross_finds_significant_crossings_and_trend_all_directions) {
    struct market *market = make((struct market_options){.symbol_count = 7});
    static double fits[7][1600][3];
    double closes[31] = {0};
    size_t crossings = 0, up = 0, down = 0, flat = 0, volatile_ = 0, count = 0;
    for (size_t i = 0; i < 60000; i++) {
        struct market_message message;
        market_next(market, &message);
        if (message.role != 2)
            continue;
        cJSON *json = parse(&message);
        if (message.symbol == 0 && message.time_frame_s == 60) {
            memmove(closes, closes + 1, 30 * sizeof *closes);
            closes[30] = number_at(json, "barData", "close");
            double total = closes[30] - closes[0], path = 0;
            for (int j = 1; j <= 30; j++)
                path += fabs(closes[j] - closes[j - 1]);
            if (++count > 30) {
                if (path > 3 * fabs(total))
                    volatile_++;
                else if (fabs(total) < 0.001 * closes[0])
                    flat++;
                else
                    *(total > 0 ? &up : &down) += 1;
            }
        }
        const cJSON *trend = cJSON_GetObjectItem(json, "trendData");
        const cJSON *error = cJSON_GetObjectItem(trend, "wSma_slope_std_err");
        if (cJSON_IsNumber(error)) {
            double *fit = fits[message.symbol][message.time_frame_s];
            fit[0] = number_at(json, "trendData", "wSma_slope");
            fit[1] = number_at(json, "trendData", "wSma_intercept");
            fit[2] = error->valuedouble;
            const double *longer = fits[message.symbol][300];
            if (message.time_frame_s == 60 && longer[2] > 0)
                crossings += crosses(fit, longer);
        }
        cJSON_Delete(json);
    }
    cr_assert_gt(crossings, 50, "%zu crossings", crossings);
    cr_assert(up > 20 && down > 20 && volatile_ > 20, "%zu up, %zu down, %zu flat, %zu volatile",
              up, down, flat, volatile_);
    market_free(market);
}

Test(market, prices_move_together) {
    static const uint32_t frames[] = {60};
    struct market *market = make(
        (struct market_options){.symbol_count = 2, .time_frames_s = frames, .time_frame_count = 1});
    double last[2] = {0}, moves[2] = {0};
    double xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < 30000; i++) {
        struct market_message message;
        market_next(market, &message);
        if (message.role != 0)
            continue;
        cJSON *json = parse(&message);
        double close = number_at(json, "barData", "close");
        cJSON_Delete(json);
        moves[message.symbol] = last[message.symbol] > 0 ? close / last[message.symbol] - 1 : 0;
        last[message.symbol] = close;
        if (message.symbol == 1) {
            xy += moves[0] * moves[1];
            xx += moves[0] * moves[0];
            yy += moves[1] * moves[1];
        }
    }
    double correlation = xy / sqrt(xx * yy);
    cr_assert(correlation > 0.1 && correlation < 0.9, "%g", correlation);
    market_free(market);
}

Test(market, made_up_symbols_are_distinct) {
    static char seen[30000][8];
    static const uint32_t frames[] = {60};
    struct market *market = make((struct market_options){
        .symbol_count = 500000, .time_frames_s = frames, .time_frame_count = 1});
    cr_assert_str_eq(market_symbol(market, 0), "QQQ");
    for (uint32_t i = 0; i < 30000; i++)
        strncpy(seen[i], market_symbol(market, i * 16), 7);
    qsort(seen, 30000, sizeof *seen, (int (*)(const void *, const void *))strcmp);
    for (uint32_t i = 1; i < 30000; i++)
        cr_assert_str_neq(seen[i - 1], seen[i]);
    market_free(market);
}

Test(market, options_out_of_bounds_are_refused_with_the_value) {
    static const uint32_t frames[] = {90};
    static const char *const symbols[] = {"GOOD", "B\"AD"};
    const struct {
        struct market_options options;
        const char *text;
    } cases[] = {
        {{.symbol_count = 0}, "0 symbols"},
        {{.symbol_count = 1000001}, "1000001 symbols"},
        {{.symbol_count = 1, .bad_share = 1.5}, "1.5"},
        {{.symbol_count = 1, .late_share = (double)NAN}, "late"},
        {{.symbol_count = 1, .step_ms = -5}, "-5 ms"},
        {{.symbol_count = 1, .time_frames_s = frames, .time_frame_count = 1}, "90 s"},
        {{.symbol_count = 1, .time_frames_s = frames, .time_frame_count = 0}, "0 time frames"},
        {{.symbol_count = 2, .symbols = symbols}, "B\"AD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct market_options options = cases[i].options;
        options.envelope = MARKET_PRODUCTION;
        cr_assert_null(market_new(&options, &error));
        cr_assert_eq(error.code, ERROR_INVALID);
        cr_assert_not_null(strstr(error.text, cases[i].text), "case %zu: %s", i, error.text);
    }
}
