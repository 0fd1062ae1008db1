#include "ops/http/routes.h"

#include "ops/page/page_process.h"

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
