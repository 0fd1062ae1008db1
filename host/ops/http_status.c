#include "ops/http_routes.h"

#include "engine/view.h"

#include <string.h>

HTTP_HANDLER(http_stats) {
    const struct http *http = context;
    (void)request;
    view_status(http->options.engine, &answer->body);
    text_putc(&answer->body, '\n');
}

struct listing {
    struct text *body;
    const char *name; /* this one alone; NULL: all */
    size_t count;
};

static void write_one(void *context, const struct view_strategy *strategy) {
    struct listing *listing = context;
    if (listing->name != NULL && strcmp(listing->name, strategy->name) != 0)
        return;
    if (listing->count++ > 0)
        text_putc(listing->body, ',');
    view_strategy_json(strategy, listing->body);
}

HTTP_HANDLER(http_strategies) {
    const struct http *http = context;
    struct listing listing = {.body = &answer->body};
    (void)request;
    text_puts(&answer->body, "{\"strategies\":[");
    view_strategies(http->options.engine, write_one, &listing);
    text_puts(&answer->body, "]}\n");
}

HTTP_HANDLER(http_strategy) {
    const struct http *http = context;
    struct listing listing = {.body = &answer->body, .name = http_parameter(request)};
    view_strategies(http->options.engine, write_one, &listing);
    text_putc(&answer->body, '\n');
    if (listing.count == 0)
        http_fail(answer, 404, "no deployment \"%s\"; /strategies lists them", listing.name);
}
