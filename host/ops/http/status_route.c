#include "ops/http/routes.h"

#include "base/format/json_writer.h"
#include "engine/view.h"

HTTP_HANDLER(http_stats) {
    const struct http *http = context;
    (void)request;
    view_status(http->options.engine, &answer->body);
    text_putc(&answer->body, '\n');
}

struct listing {
    struct json_writer json;
    const t5_str *name; /* this one alone; NULL: all */
    size_t count;
};

static void write_one(void *context, const struct view_strategy *strategy) {
    struct listing *listing = context;
    if (listing->name != NULL && !t5_str_equal(*listing->name, t5_text(strategy->name)))
        return;
    listing->count++;
    view_strategy_json(strategy, &listing->json);
}

HTTP_HANDLER(http_strategies) {
    const struct http *http = context;
    struct listing listing = {.json = json_writer_of(&answer->body)};
    (void)request;
    json_begin_object(&listing.json, NULL);
    json_begin_array(&listing.json, "strategies");
    view_strategies(http->options.engine, write_one, &listing);
    json_end_array(&listing.json);
    json_end_object(&listing.json);
    text_putc(&answer->body, '\n');
}

HTTP_HANDLER(http_strategy) {
    const struct http *http = context;
    const t5_str name = http_parameter(request);
    struct listing listing = {.json = json_writer_of(&answer->body), .name = &name};
    view_strategies(http->options.engine, write_one, &listing);
    text_putc(&answer->body, '\n');
    if (listing.count == 0)
        http_fail(answer, 404, "no deployment \"%.*s\"; see /strategies", (int)name.len, name.data);
}
