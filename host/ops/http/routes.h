/*
 * ops/http/routes.h - what the paths answer. Inside ops; see routes.c for the tables.
 */
#ifndef TAKE5_OPS_HTTP_ROUTES_H
#define TAKE5_OPS_HTTP_ROUTES_H

#include "base/sync/locks.h"
#include "ops/http/http.h"
#include "ops/http/server/server.h"
#include "ops/metrics/dead_letter_backlog.h"
#include "ops/metrics/metrics_memory.h"
#include "ops/page/page.h"

#include <pthread.h>
#include <stdatomic.h>

/* At most so many entries in one answer; the rest by `offset`. */
#define HTTP_PAGE_MAX 1000

LOCK_CLASS(http_answer_lock);
struct http {
    struct http_options options;
    struct http_server *server;    /* NULL: a worker's */
    _Atomic int64_t ready_max_lag; /* 0: lag does not count */
    pthread_mutex_t lock; /* one answer at a time where several threads answer: without a server */
    struct metrics_memory memory GUARDED_BY(http_answer_lock);
    struct dead_letter_backlog *dead_letters GUARDED_BY(http_answer_lock); /* NULL: in no file */
    struct page *page;                                                     /* NULL: a worker's */
};

/* What everybody may ask, and what the page asks this process. */
extern const struct http_route http_routes[], http_own_routes[];

/* What /health/ready answers. The server's thread. */
bool http_is_ready(const struct http *http);

#define HTTP_HANDLER(name)                                                                         \
    void name(void *context, const struct http_request *request, struct http_answer *answer)

HTTP_HANDLER(http_health);
HTTP_HANDLER(http_health_live);
HTTP_HANDLER(http_health_ready);
HTTP_HANDLER(http_metrics);
HTTP_HANDLER(http_stats);
HTTP_HANDLER(http_strategies);
HTTP_HANDLER(http_strategy);
HTTP_HANDLER(http_asset_trends);
HTTP_HANDLER(http_algorithm_results);
HTTP_HANDLER(http_openapi);
HTTP_HANDLER(http_index);
HTTP_HANDLER(http_asset);
HTTP_HANDLER(http_events);
HTTP_HANDLER(http_login_form);
HTTP_HANDLER(http_page_look);
HTTP_HANDLER(http_page_quotes);
HTTP_HANDLER(http_page_published);
HTTP_HANDLER(http_page_setup);

#endif
