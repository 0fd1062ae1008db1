#include "ops/http_routes.h"

#include "engine/view.h"
#include "ops/metrics.h"

#include <stdlib.h>
#include <string.h>

static const char a_symbol[] = "A symbol, in any case";

#define DOC(...)                                                                                   \
    &(const struct http_doc) {                                                                     \
        __VA_ARGS__                                                                                \
    }

static const struct http_route routes[] = {
    {"/health", http_health, "Whether the service works, as the old service said it",
     DOC(.schema = "Health", .is_503_same = true)},
    {"/health/live", http_health_live,
     "Whether the process and its lanes move; 503 names what is stuck. Does not depend on Kafka",
     DOC(.schema = "Health", .is_503_same = true)},
    {"/health/ready", http_health_ready,
     "What is well and what is not; 503 when something is ill, and while draining or stopping",
     DOC(.schema = "Readiness", .is_503_same = true)},
    {"/metrics", http_metrics, "Metrics in Prometheus's text form", DOC(.schema = NULL)},
    {"/stats", http_stats, "The whole status, as `take5 ctl status --json` has it",
     DOC(.schema = "Stats")},
    {"/strategies", http_strategies, "All deployments", DOC(.schema = "Strategies")},
    {"/strategies/{name}", http_strategy, "One deployment",
     DOC(.schema = "Strategy", .parameter = "The deployment's name")},
    {"/asset_trends", http_asset_trends,
     "Points within the last 120 minutes by symbol and time frame, over all topics",
     DOC(.schema = "AssetTrends", .is_paged = true)},
    {"/asset_trends/{symbol}", http_asset_trends, "The same, of one symbol",
     DOC(.schema = "AssetTrends", .parameter = a_symbol, .is_paged = true)},
    {"/algorithm-results", http_algorithm_results,
     "The latest signal of each deployment, partition, symbol and signal name",
     DOC(.schema = "AlgorithmResults", .is_paged = true)},
    {"/algorithm-results/{symbol}", http_algorithm_results, "The same, of one symbol",
     DOC(.schema = "AlgorithmResults", .parameter = a_symbol, .is_paged = true)},
    {"/openapi.json", http_openapi, "This description", DOC(.schema = "Description")},
    {NULL, NULL, NULL, NULL},
};

HTTP_HANDLER(http_metrics) {
    struct http *http = context;
    (void)request;
    char *statistics = http->options.kafka_statistics != NULL
                           ? http->options.kafka_statistics(http->options.context)
                           : NULL;
    const struct metrics_source source = {
        .engine = http->options.engine,
        .observer = http->options.observer,
        .memory = &http->memory,
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
    http->routes = routes;
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
    metrics_memory_release(&http->memory);
    free(http);
}

uint16_t http_port(const struct http *http) {
    return http_server_port(http->server);
}
