#include "ops/http/routes.h"

#include "engine/view.h"
#include "ops/metrics/metrics.h"
#include "ops/page/page_process.h"

#include <stdlib.h>
#include <string.h>

/* openapi.json describes them. Health is for probes, which bear no token. */
const struct http_route http_routes[] = {
    PAGE_ROUTES(http_),
    {"/health", http_health, HTTP_OPEN},
    {"/health/live", http_health_live, HTTP_OPEN},
    {"/health/ready", http_health_ready, HTTP_OPEN},
    {"/metrics", http_metrics, 0},
    {"/stats", http_stats, 0},
    {"/strategies", http_strategies, 0},
    {"/strategies/{name}", http_strategy, 0},
    {"/asset_trends", http_asset_trends, 0},
    {"/asset_trends/{symbol}", http_asset_trends, 0},
    {"/algorithm-results", http_algorithm_results, 0},
    {"/algorithm-results/{symbol}", http_algorithm_results, 0},
    {"/openapi.json", http_openapi, 0},
    {NULL, NULL, 0},
};

const struct http_route http_own_routes[] = {
    {PAGE_LOOK, http_page_look, 0},
    {PAGE_QUOTES "/{symbol}", http_page_quotes, 0},
    {PAGE_PUBLISHED "/{symbol}", http_page_published, 0},
    {PAGE_SETUP, http_page_setup, 0},
    {NULL, NULL, 0},
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
        .http_accept_failures =
            http->server != NULL ? http_server_accept_failures(http->server) : 0,
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
    if (http->server != NULL &&
        !http_server_allow(http->server, config->http_allowed_hosts, &error))
        log_error(http->options.log, "ops", "[http] allowed_hosts is unchanged: %s", error.text);
    if (http->server != NULL && !http_server_protect(http->server, config->http_token_file, &error))
        log_error(http->options.log, "ops", "the token is unchanged: %s", error.text);
}

struct http *http_new(const struct http_options *options, struct error *error) {
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        error_set_memory(error, "http");
        return NULL;
    }
    http->options = *options;
    http->options.config = NULL;
    pthread_mutex_init(&http->lock, NULL);
    atomic_store(&http->ready_max_lag, options->config->ready_max_lag);
    if (options->config->dead_letters == DEAD_LETTERS_JSONL) {
        http->dead_letters = dead_letter_backlog_new(options->config->dead_letters_path);
        if (http->dead_letters == NULL) {
            error_set_memory(error, "http");
            http_free(http);
            return NULL;
        }
    }
    if (options->config->worker != NULL)
        return http;
    const struct http_server_options server = {
        .address = options->config->http_address,
        .hosts = options->config->http_allowed_hosts,
        .port = (uint16_t)options->config->http_port,
        .log = options->log,
        .token_file = options->config->http_token_file,
        .routes = http_routes,
        .context = http,
    };
    http->page = http_page_new(http, error);
    if (http->page != NULL)
        http->server = http_server_new(&server, error);
    if (http->server == NULL || !page_start(http->page, http->server, error)) {
        http_free(http);
        return NULL;
    }
    const bool is_v6 = strchr(options->config->http_address, ':') != NULL;
    log_event(options->log, LOG_LEVEL_INFO, "ops", "http.listening", "http: listening on %s%s%s:%u",
              is_v6 ? "[" : "", options->config->http_address, is_v6 ? "]" : "", http_port(http));
    return http;
}

void http_answer(struct http *http, const char *target, struct text *answer) {
    struct http_answer whole = {0};
    text_init(&whole.body);
    pthread_mutex_lock(&http->lock);
    const bool is_own = strncmp(target, "/page/", strlen("/page/")) == 0;
    http_answer_target(is_own ? http_own_routes : http_routes, http, target, &whole);
    pthread_mutex_unlock(&http->lock);
    text_printf(answer, "%u %s\n", whole.status, whole.content_type);
    text_append(answer, whole.body.data, whole.body.size);
    answer->is_oom |= whole.body.is_oom;
    text_release(&whole.body);
}

void http_free(struct http *http) {
    if (http == NULL)
        return;
    page_stop(http->page);
    http_server_free(http->server);
    page_free(http->page);
    metrics_memory_release(&http->memory);
    pthread_mutex_destroy(&http->lock);
    dead_letter_backlog_free(http->dead_letters);
    free(http);
}

uint16_t http_port(const struct http *http) {
    return http_server_port(http->server);
}
