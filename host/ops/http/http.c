#include "ops/http/routes.h"

#include "engine/view.h"
#include "ops/metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

/* openapi.json describes them. */
static const struct http_route routes[] = {
    {"/health", http_health},
    {"/health/live", http_health_live},
    {"/health/ready", http_health_ready},
    {"/metrics", http_metrics},
    {"/stats", http_stats},
    {"/strategies", http_strategies},
    {"/strategies/{name}", http_strategy},
    {"/asset_trends", http_asset_trends},
    {"/asset_trends/{symbol}", http_asset_trends},
    {"/algorithm-results", http_algorithm_results},
    {"/algorithm-results/{symbol}", http_algorithm_results},
    {"/openapi.json", http_openapi},
    {NULL, NULL},
};

HTTP_HANDLER(http_metrics) {
    struct http *http = context;
    (void)request;
    char *statistics = http->options.kafka_statistics != NULL
                           ? http->options.kafka_statistics(http->options.context)
                           : NULL;
    const struct metrics_source source = {
        .engine = http->options.engine,
        .feed_stats = http->options.feed_stats,
        .log = http->options.log,
        .memory = &http->memory,
        .dead_letters = http->dead_letters,
        .is_ready = http_is_ready(http),
        .version = http->options.version,
        .kafka_statistics = statistics,
        .http_accept_failures = http_server_accept_failures(http->server),
        .control_accept_failures =
            http->options.control != NULL ? control_accept_failures(http->options.control) : 0,
    };
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&answer->body, &source);
    free(statistics);
}

void http_configure(struct http *http, const struct config *config) {
    struct error error;
    atomic_store(&http->ready_max_lag, config->ready_max_lag);
    if (!http_server_allow(http->server, config->http_allowed_hosts, &error))
        log_error(http->options.log, "ops", "[http] allowed_hosts is unchanged: %s", error.text);
}

struct http *http_new(const struct http_options *options, struct error *error) {
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        error_set_memory(error, "http");
        return NULL;
    }
    http->options = *options;
    http->options.config = NULL;
    const struct http_server_options server = {
        .address = options->config->http_address,
        .hosts = options->config->http_allowed_hosts,
        .port = (uint16_t)options->config->http_port,
        .log = options->log,
        .routes = routes,
        .context = http,
    };
    if (options->config->dead_letters == DEAD_LETTERS_JSONL) {
        http->dead_letters = dead_letter_backlog_new(options->config->dead_letters_path);
        if (http->dead_letters == NULL) {
            error_set_memory(error, "http");
            goto failed;
        }
    }
    http->server = http_server_new(&server, error);
    if (http->server == NULL)
        goto failed;
    atomic_store(&http->ready_max_lag, options->config->ready_max_lag);
    const bool is_v6 = strchr(options->config->http_address, ':') != NULL;
    log_event(options->log, LOG_LEVEL_INFO, "ops", "http.listening", "http: listening on %s%s%s:%u",
              is_v6 ? "[" : "", options->config->http_address, is_v6 ? "]" : "", http_port(http));
    return http;

failed:
    dead_letter_backlog_free(http->dead_letters);
    free(http);
    return NULL;
}

void http_free(struct http *http) {
    if (http == NULL)
        return;
    http_server_free(http->server);
    metrics_memory_release(&http->memory);
    dead_letter_backlog_free(http->dead_letters);
    free(http);
}

uint16_t http_port(const struct http *http) {
    return http_server_port(http->server);
}
