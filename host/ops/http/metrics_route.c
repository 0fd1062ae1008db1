#include "ops/http/routes.h"

#include "ops/metrics/metrics.h"

#include <stdlib.h>

HTTP_HANDLER(http_metrics) {
    struct http *http = context;
    (void)request;
    char *statistics = http->options.kafka_statistics != NULL
                           ? http->options.kafka_statistics(http->options.context)
                           : NULL;
    lock_only_writer(http_answer_lock); /* the server's thread, or who holds the lock */
    const struct metrics_source source = {
        .engine = http->options.engine,
        .feed_stats = http->options.feed_stats,
        .log = http->options.log,
        .memory = &http->memory,
        .dead_letters = http->dead_letters,
        .is_ready = http_is_ready(http),
        .version = http->options.version,
        .kafka_statistics = statistics,
        .http_accept_failures =
            http->server != NULL ? http_server_accept_failures(http->server) : 0,
        .control_accept_failures =
            http->options.control != NULL ? control_accept_failures(http->options.control) : 0,
    };
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&answer->body, &source);
    free(statistics);
}
