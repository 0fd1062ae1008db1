/* What the old service's interface showed: the feed by symbol and time frame, and results. */
#include "ops/http_routes.h"

#include "base/clock.h"
#include "engine/observe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct page {
    int64_t offset, limit;
};

/* False: the query is wrong, and the answer says so. */
static bool read_page(const struct http_request *request, struct http_answer *answer,
                      struct page *page) {
    if (!http_query_integer(request, "limit", 1, HTTP_PAGE_MAX, HTTP_PAGE_MAX, &page->limit)) {
        http_fail(answer, 400, "limit must be one whole number from 1 to %d", HTTP_PAGE_MAX);
        return false;
    }
    if (!http_query_integer(request, "offset", 0, INT32_MAX, 0, &page->offset)) {
        http_fail(answer, 400, "offset must be one whole number from 0 to %d", INT32_MAX);
        return false;
    }
    return true;
}

static const char *symbol_of(const struct http_request *request) {
    const char *symbol = http_parameter(request);
    return symbol[0] != '\0' ? symbol : NULL;
}

static void begin(struct text *body, size_t total) {
    text_puts(body, "{\"status\":\"success\",\"timestamp\":");
    text_json_integer(body, clock_wall_ns() / NS_PER_MS);
    text_printf(body, ",\"totalRecords\":%zu,\"data\":[", total);
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
    if (!read_page(request, answer, &page))
        return;
    if (!observer_series(http->options.observer, symbol_of(request), (size_t)page.offset,
                         (size_t)page.limit, &series)) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    struct text *body = &answer->body;
    begin(body, series.total);
    for (size_t i = 0; i < series.count; i++) {
        const struct observed *item = &series.items[i];
        text_puts(body, i > 0 ? ",{\"asset\":" : "{\"asset\":");
        text_json_string(body, item->symbol, strlen(item->symbol));
        text_printf(body,
                    ",\"barTimeFrame\":%" PRIu32 ",\"lastUpdateTime\":%" PRId64
                    ",\"numRecords\":%" PRIu64 "}",
                    item->time_frame_s, item->newest_ms, item->points);
    }
    text_puts(body, "]}\n");
    free(series.items);
}

HTTP_HANDLER(http_algorithm_results) {
    const struct http *http = context;
    struct page page;
    size_t count;
    if (!read_page(request, answer, &page))
        return;
    struct parcel **list = observer_signals(http->options.observer, symbol_of(request), &count);
    if (list == NULL) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    struct text *body = &answer->body;
    begin(body, count);
    for (size_t i = (size_t)page.offset; i < page_end(&page, count); i++) {
        if (i > (size_t)page.offset)
            text_putc(body, ',');
        text_append(body, list[i]->value, list[i]->value_size);
    }
    text_puts(body, "]}\n");
    observer_release_signals(list, count);
}
