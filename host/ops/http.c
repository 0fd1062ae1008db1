#include "ops/http_routes.h"

#include "engine/view.h"
#include "ops/metrics.h"

#include <stdlib.h>
#include <string.h>

static const struct http_route routes[] = {
    {"/health", http_health, "Whether the service works, as the old service said it", NULL},
    {"/health/live", http_health_live, "Whether the process and its lanes move", NULL},
    {"/health/ready", http_health_ready, "What is and what is not well", NULL},
    {"/metrics", http_metrics, "Metrics in Prometheus's text form", NULL},
    {"/stats", http_stats, "The whole status", NULL},
    {"/strategies", http_strategies, "All deployments", NULL},
    {"/strategies/{name}", http_strategy, "One deployment", NULL},
    {NULL, NULL, NULL, NULL},
};

HTTP_HANDLER(http_metrics) {
    const struct http *http = context;
    (void)request;
    char *statistics = http->options.kafka_statistics != NULL
                           ? http->options.kafka_statistics(http->options.context)
                           : NULL;
    const struct metrics_source source = {
        .engine = http->options.engine,
        .version = http->options.version,
        .kafka_statistics = statistics,
    };
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&answer->body, &source);
    free(statistics);
}

void http_configure(struct http *http, const struct config *config) {
    atomic_store(&http->ready_max_lag, config->ready_max_lag);
}

struct http *http_new(const struct http_options *options, struct error *error) {
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        error_set_memory(error, sizeof *http, "http");
        return NULL;
    }
    http->options = *options;
    http->options.config = NULL;
    http_configure(http, options->config);
    const struct http_server_options server = {
        .address = options->config->http_address,
        .port = (uint16_t)options->config->http_port,
        .log = options->log,
        .routes = routes,
        .context = http,
    };
    http->server = http_server_new(&server, error);
    if (http->server == NULL) {
        free(http);
        return NULL;
    }
    const bool is_v6 = strchr(options->config->http_address, ':') != NULL;
    log_info(options->log, "ops", "http listens on %s%s%s:%u", is_v6 ? "[" : "",
             options->config->http_address, is_v6 ? "]" : "", http_port(http));
    return http;
}

void http_free(struct http *http) {
    if (http == NULL)
        return;
    http_server_free(http->server);
    free(http);
}

uint16_t http_port(const struct http *http) {
    return http_server_port(http->server);
}
