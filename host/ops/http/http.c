#include "ops/http/routes.h"

#include <stdlib.h>
#include <string.h>

static void get(void *context, const char *target, struct text *body) {
    struct http_answer answer = {0};
    text_init(&answer.body);
    http_answer_target(http_routes, context, target, &answer);
    text_append(body, answer.body.data, answer.body.size);
    body->is_oom |= answer.body.is_oom;
    text_release(&answer.body);
}

static void each(void *context, const char *target,
                 void (*visit)(void *visitor, const char *worker, const char *body),
                 void *visitor) {
    struct http_answer answer = {0};
    text_init(&answer.body);
    http_answer_target(http_own_routes, context, target, &answer);
    if (!text_is_oom(&answer.body))
        visit(visitor, "", answer.body.data);
    text_release(&answer.body);
}

static struct page *new_page(struct http *http, struct error *error) {
    const struct page_options options = {
        .source = {.context = http, .get = get, .each = each},
        .version = http->options.version,
        .log = http->options.log,
    };
    return page_new(&options, error);
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
    lock_alone(http_answer_lock);
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
    http->page = new_page(http, error);
    if (http->page != NULL)
        http->server = http_server_new(&server, error);
    if (http->server == NULL || !page_start(http->page, http->server, error)) {
        http_free(http);
        return NULL;
    }
    const bool is_v6 = strchr(options->config->http_address, ':') != NULL;
    log_event(options->log, LOG_LEVEL_INFO, "ops", "http.listening", "http: listening on %s%s%s:%u",
              is_v6 ? "[" : "", options->config->http_address, is_v6 ? "]" : "",
              http_server_port(http->server));
    return http;
}

void http_answer(struct http *http, const char *target, struct text *answer) {
    struct http_answer whole = {0};
    text_init(&whole.body);
    const bool is_own = strncmp(target, "/page/", strlen("/page/")) == 0;
    lock_acquire(&http->lock, http_answer_lock);
    http_answer_target(is_own ? http_own_routes : http_routes, http, target, &whole);
    lock_release(&http->lock, http_answer_lock);
    text_printf(answer, "%u %s\n", whole.status, whole.content_type);
    text_append(answer, whole.body.data, whole.body.size);
    answer->is_oom |= whole.body.is_oom;
    text_release(&whole.body);
}

void http_stop(struct http *http) {
    if (http == NULL)
        return;
    page_stop(http->page);
    lock_acquire(&http->lock, http_answer_lock);
    http_server_free(http->server);
    http->server = NULL;
    lock_release(&http->lock, http_answer_lock);
}

void http_free(struct http *http) {
    if (http == NULL)
        return;
    http_stop(http);
    lock_alone(http_answer_lock);
    page_free(http->page);
    metrics_memory_release(&http->memory);
    pthread_mutex_destroy(&http->lock);
    dead_letter_backlog_free(http->dead_letters);
    free(http);
}
