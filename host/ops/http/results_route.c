/* What the old service's interface showed: the feed by symbol and time frame, and results. */
#include "ops/http/routes.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "feedstats/feed_stats.h"

#include <stdlib.h>

struct page {
    int64_t offset, limit;
};

/* False: the query is wrong, and the answer says so. */
static bool read_page(const struct http_request *request, struct http_answer *answer,
                      struct page *page) {
    if (!http_query_integer(request, "limit", 1, HTTP_PAGE_MAX, HTTP_PAGE_MAX, &page->limit)) {
        http_fail(answer, 400, "limit must be an integer from 1 to %d", HTTP_PAGE_MAX);
        return false;
    }
    if (!http_query_integer(request, "offset", 0, INT32_MAX, 0, &page->offset)) {
        http_fail(answer, 400, "offset must be an integer from 0 to %d", INT32_MAX);
        return false;
    }
    return true;
}

/* NULL: all. */
static const t5_str *symbol_of(const struct http_request *request, t5_str *symbol) {
    *symbol = http_parameter(request);
    return symbol->len > 0 ? symbol : NULL;
}

static struct json_writer begin(struct text *body, size_t total) {
    struct json_writer json = json_writer_of(body);
    json_begin_object(&json, NULL);
    json_text(&json, "status", "success");
    json_integer(&json, "timestamp", clock_wall_ns() / NS_PER_MS);
    json_unsigned(&json, "totalRecords", total);
    json_begin_array(&json, "data");
    return json;
}

static void end(struct json_writer *json) {
    json_end_array(json);
    json_end_object(json);
    text_putc(json->text, '\n');
}

/* Where the page ends. */
static size_t page_end(const struct page *page, size_t total) {
    const size_t end = (size_t)page->offset + (size_t)page->limit;
    return end < total ? end : total;
}

HTTP_HANDLER(http_asset_trends) {
    const struct http *http = context;
    struct page page;
    struct observed_page series;
    t5_str symbol;
    if (!read_page(request, answer, &page))
        return;
    if (!feed_stats_series(http->options.feed_stats, symbol_of(request, &symbol),
                           (size_t)page.offset, (size_t)page.limit, &series)) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    struct json_writer json = begin(&answer->body, series.total);
    for (size_t i = 0; i < series.count; i++) {
        const struct observed *item = &series.items[i];
        json_begin_object(&json, NULL);
        json_bytes(&json, "asset", item->symbol, item->size);
        json_unsigned(&json, "barTimeFrame", item->time_frame_s);
        json_integer(&json, "lastUpdateTime", item->newest_ms);
        json_unsigned(&json, "numRecords", item->points);
        json_end_object(&json);
    }
    end(&json);
    free(series.items);
}

HTTP_HANDLER(http_algorithm_results) {
    const struct http *http = context;
    struct page page;
    t5_str symbol;
    size_t count;
    if (!read_page(request, answer, &page))
        return;
    struct delivery **list =
        feed_stats_signals(http->options.feed_stats, symbol_of(request, &symbol), &count);
    if (list == NULL) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    struct json_writer json = begin(&answer->body, count);
    bool did = true;
    for (size_t i = (size_t)page.offset; did && i < page_end(&page, count); i++) {
        const struct delivery_text *text = delivery_text(list[i]);
        did = text != NULL;
        if (did)
            text_append(json_value(&json, NULL), text->value, text->value_size);
    }
    end(&json);
    feed_stats_release_signals(list, count);
    if (!did)
        http_fail(answer, 503, "out of memory");
}
