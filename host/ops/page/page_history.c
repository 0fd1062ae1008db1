#include "ops/page/page_private.h"

#include <math.h>
#include <string.h>

/* ---- latency ---- */

void page_histogram_add(struct page_histogram *histogram, const cJSON *latency) {
    const cJSON *bounds = cJSON_GetObjectItemCaseSensitive(latency, "bounds_us");
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(latency, "counts");
    const cJSON *bound = bounds != NULL ? bounds->child : NULL;
    const cJSON *count = counts != NULL ? counts->child : NULL;
    size_t i = 0;
    for (; i < PAGE_BUCKETS && bound != NULL && count != NULL; i++) {
        histogram->bounds_us[i] = bound->valuedouble;
        histogram->counts[i] += count->valuedouble;
        bound = bound->next;
        count = count->next;
    }
    if (i > histogram->count)
        histogram->count = i;
}

/* What was counted between two looks; false: nothing, or a process was restarted meanwhile. */
static bool subtract(const struct page_histogram *now, const struct page_histogram *before,
                     struct page_histogram *between, double *total) {
    *between = *now;
    *total = 0;
    for (size_t i = 0; i < now->count; i++) {
        between->counts[i] -= i < before->count ? before->counts[i] : 0;
        if (between->counts[i] < 0)
            return false;
        *total += between->counts[i];
    }
    return *total > 0;
}

/* In ms: where the share lies within its bucket, taken as even. The last bucket has no upper bound,
 * and gives its lower one. */
static double quantile_ms(const struct page_histogram *histogram, double total, double share) {
    double below = 0;
    for (size_t i = 0; i < histogram->count; i++) {
        const double from_us = i > 0 ? histogram->bounds_us[i - 1] : 0;
        const double to_us = i + 1 < histogram->count ? histogram->bounds_us[i] : from_us;
        const double count = histogram->counts[i];
        if (count > 0 && below + count >= share * total)
            return (from_us + (to_us - from_us) * (share * total - below) / count) / 1e3;
        below += count;
    }
    return NAN;
}

static void take_quantiles(struct page_history *history, const struct page_histogram *latency,
                           struct page_moment *moment) {
    struct page_histogram between;
    double total;
    const size_t oldest = history->look_count < PAGE_LATENCY_LOOKS ? 0 : history->look_next;
    const bool has_any =
        history->look_count > 0 && subtract(latency, &history->looks[oldest], &between, &total);
    moment->p50_ms = has_any ? quantile_ms(&between, total, 0.5) : NAN;
    moment->p99_ms = has_any ? quantile_ms(&between, total, 0.99) : NAN;
    history->looks[history->look_next] = *latency;
    history->look_next = (history->look_next + 1) % PAGE_LATENCY_LOOKS;
    if (history->look_count < PAGE_LATENCY_LOOKS)
        history->look_count++;
}

/* ---- moments ---- */

static double rate_of(struct page_history *history, double messages, int64_t now_ns) {
    const double more = messages - history->messages;
    const double seconds = (double)(now_ns - history->messages_ns) / (double)NS_PER_S;
    const bool is_known = history->messages_ns > 0 && more >= 0 && seconds > 0;
    history->messages = messages;
    history->messages_ns = now_ns;
    return is_known ? more / seconds : NAN;
}

void page_history_add(struct page_history *history, uint64_t tick, int64_t now_ns, double messages,
                      double lag, const struct page_histogram *latency) {
    struct page_moment moment = {
        .time_ms = clock_wall_ns() / NS_PER_MS,
        .tick = tick,
        .rate = rate_of(history, messages, now_ns),
        .lag = lag >= 0 ? lag : NAN,
    };
    take_quantiles(history, latency, &moment);
    history->moments[history->next] = moment;
    history->next = (history->next + 1) % PAGE_HISTORY;
    if (history->count < PAGE_HISTORY)
        history->count++;
}

const struct page_moment *page_history_last(const struct page_history *history) {
    return history->count > 0 ? &history->moments[(history->next + PAGE_HISTORY - 1) % PAGE_HISTORY]
                              : NULL;
}

static void write_rounded(struct json_writer *json, double number, double digits) {
    json_number(json, NULL, isnan(number) ? NAN : round(number * digits) / digits);
}

void page_history_write(const struct page_history *history, uint64_t tick,
                        struct json_writer *json) {
    for (size_t i = history->count; i > 0; i--) {
        const struct page_moment *moment =
            &history->moments[(history->next + PAGE_HISTORY - i) % PAGE_HISTORY];
        if (moment->tick <= tick)
            continue;
        json_begin_array(json, NULL);
        json_integer(json, NULL, moment->time_ms);
        write_rounded(json, moment->rate, 10);
        write_rounded(json, moment->lag, 1);
        write_rounded(json, moment->p50_ms, 1000);
        write_rounded(json, moment->p99_ms, 1000);
        json_end_array(json);
    }
}
