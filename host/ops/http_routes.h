/*
 * ops/http_routes.h - what the paths answer. Inside ops; see http.c for the table.
 */
#ifndef TAKE5_OPS_HTTP_ROUTES_H
#define TAKE5_OPS_HTTP_ROUTES_H

#include "ops/http.h"
#include "ops/http_server.h"
#include "ops/metrics_memory.h"

#include <stdatomic.h>

/* At most so many entries in one answer; the rest by `offset`. */
#define HTTP_PAGE_MAX 1000

struct http {
    struct http_options options;
    struct http_server *server;
    _Atomic int64_t ready_max_lag; /* 0: lag does not count */
    const struct http_route *routes;
    struct metrics_memory memory; /* the server's thread alone */
};

/* How a path is described: what its route's `detail` points to. */
struct http_doc {
    const char *schema;    /* of the answer, in the description's components; NULL: text */
    const char *parameter; /* what the braces stand for; NULL: there are none */
    bool is_paged;         /* takes `limit` and `offset` */
    bool is_503_same;      /* answers 503 in the same form */
};

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

#endif
