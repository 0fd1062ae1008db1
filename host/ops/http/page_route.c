/* What the page shows, and what it asks this process (ops/page/page_process.h). */
#include "ops/http/routes.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "engine/view.h"
#include "feedstats/feed_stats.h"
#include "ops/metrics/metrics.h"
#include "ops/page/page_process.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of each lane, of those that came with one look. */
#define SIGNALS_A_LOOK 256

/* ---- what this process says ---- */

static void write_quotes(struct http *http, const t5_str *symbol, struct json_writer *json,
                         size_t *total) {
    struct observed_page page = {.count = 0};
    json_begin_array(json, "quotes");
    if (feed_stats_series(http->options.feed_stats, symbol, 0, PAGE_SERIES, &page)) {
        for (size_t i = 0; i < page.count; i++) {
            const struct observed *item = &page.items[i];
            json_begin_array(json, NULL);
            json_bytes(json, NULL, item->symbol, item->size);
            json_unsigned(json, NULL, item->time_frame_s);
            json_integer(json, NULL, item->newest_ms);
            json_number(json, NULL, (double)item->price);
            json_end_array(json);
        }
    }
    free(page.items);
    json_end_array(json);
    *total = page.total;
}

static void write_signals(struct http *http, int64_t since_ns, int64_t until_ns,
                          struct json_writer *json) {
    size_t count;
    struct delivery **list = feed_stats_new_signals(http->options.feed_stats, since_ns, until_ns,
                                                    SIGNALS_A_LOOK, &count);
    json_begin_array(json, "signals");
    for (size_t i = 0; i < count; i++) {
        const struct delivery_text *text = delivery_text(list[i]);
        if (text != NULL)
            text_append(json_value(json, NULL), text->value, text->value_size);
    }
    json_end_array(json);
    if (list != NULL)
        feed_stats_release_signals(list, count);
}

static void write_latency(struct http *http, struct json_writer *json) {
    struct view_latency latency;
    view_latency(http->options.engine, &latency);
    json_begin_object(json, "latency");
    json_begin_array(json, "bounds_us");
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        json_number(json, NULL, (double)LATENCY_BOUNDS_NS[i] / 1e3);
    json_end_array(json);
    json_begin_array(json, "counts");
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        json_unsigned(json, NULL, latency.kafka[i]);
    json_end_array(json);
    json_end_object(json);
}

HTTP_HANDLER(http_page_look) {
    struct http *http = context;
    struct json_writer json = json_writer_of(&answer->body);
    int64_t since_ns, until_ns;
    size_t total;
    if (!http_query_integer(request, "since", 0, INT64_MAX, 0, &since_ns) ||
        !http_query_integer(request, "until", 0, INT64_MAX, INT64_MAX, &until_ns)) {
        http_fail(answer, 400, "since and until must be integers");
        return;
    }
    json_begin_object(&json, NULL);
    json_number(&json, "memory_bytes", metrics_resident_bytes());
    write_latency(http, &json);
    write_quotes(http, NULL, &json, &total);
    json_unsigned(&json, "series", total);
    write_signals(http, since_ns, until_ns, &json);
    json_end_object(&json);
}

HTTP_HANDLER(http_page_quotes) {
    struct http *http = context;
    struct json_writer json = json_writer_of(&answer->body);
    const t5_str symbol = http_parameter(request);
    size_t total;
    json_begin_object(&json, NULL);
    write_quotes(http, &symbol, &json, &total);
    json_end_object(&json);
}

/* ---- published series ---- */

struct published_writer {
    struct json_writer json;
    size_t count;
};

static void write_published(void *context, const struct published_series *series) {
    struct published_writer *writer = context;
    struct json_writer *json = &writer->json;
    if (++writer->count > PAGE_PUBLISHED_SERIES)
        return;
    json_begin_array(json, NULL);
    json_text(json, NULL, series->deployment);
    json_text(json, NULL, series->series);
    json_unsigned(json, NULL, series->time_frame_s);
    json_begin_array(json, NULL);
    for (size_t i = 0; i < series->count; i++) {
        json_begin_array(json, NULL);
        json_integer(json, NULL, series->points[i].event_time_ns / NS_PER_MS);
        json_number(json, NULL, series->points[i].value);
        json_end_array(json);
    }
    json_end_array(json);
    json_end_array(json);
}

HTTP_HANDLER(http_page_published) {
    struct http *http = context;
    struct published_writer writer = {.json = json_writer_of(&answer->body)};
    struct json_writer *json = &writer.json;
    const t5_str symbol = http_parameter(request);
    json_begin_object(json, NULL);
    json_begin_array(json, "published");
    view_published(http->options.engine, &symbol, write_published, &writer);
    json_end_array(json);
    json_unsigned(json, "more",
                  writer.count > PAGE_PUBLISHED_SERIES ? writer.count - PAGE_PUBLISHED_SERIES : 0);
    json_end_object(json);
}

HTTP_HANDLER(http_page_setup) {
    struct http *http = context;
    struct json_writer json = json_writer_of(&answer->body);
    (void)request;
    view_setup(http->options.engine, &json);
}

/* ---- what the page shows ---- */

HTTP_HANDLER(http_index) {
    const struct http *http = context;
    page_answer_index(http->page, request, answer);
}

HTTP_HANDLER(http_asset) {
    (void)context;
    page_answer_asset(request, answer);
}

HTTP_HANDLER(http_events) {
    const struct http *http = context;
    page_answer_events(http->page, request, answer);
}

HTTP_HANDLER(http_login_form) {
    (void)context;
    page_answer_login(request, answer);
}
