/*
 * Three questions. Live: does it move, or must it be killed? Ready: does it do its work, and if
 * not, what is missing? And the old service's /health, which tells what live tells.
 */
#include "ops/http_routes.h"

#include "base/clock.h"
#include "engine/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void member(struct text *body, const char *name, const char *value) {
    text_printf(body, ",\"%s\":", name);
    text_json_string(body, value, strlen(value));
}

/* {"status":STATUS,"service":...,"timestamp":...: still open. */
static void begin(struct text *body, const struct http *http, const char *status) {
    const char *service = view_service(http->options.engine);
    text_puts(body, "{\"status\":");
    text_json_string(body, status, strlen(status));
    member(body, "service", service);
    text_puts(body, ",\"timestamp\":");
    text_json_integer(body, clock_wall_ns() / NS_PER_MS);
}

HTTP_HANDLER(http_health) {
    const struct http *http = context;
    char why[256];
    (void)request;
    const bool is_live = view_is_live(http->options.engine, why, sizeof why);
    begin(&answer->body, http, is_live ? "healthy" : "unhealthy");
    if (!is_live)
        member(&answer->body, "detail", why);
    text_puts(&answer->body, "}\n");
    answer->status = is_live ? 200 : 503;
}

HTTP_HANDLER(http_health_live) {
    const struct http *http = context;
    char why[256];
    (void)request;
    const bool is_live = view_is_live(http->options.engine, why, sizeof why);
    begin(&answer->body, http, is_live ? "live" : "stuck");
    member(&answer->body, "detail", is_live ? "" : why);
    text_puts(&answer->body, "}\n");
    answer->status = is_live ? 200 : 503;
}

/* ---- ready ---- */

struct checks {
    struct text body;
    size_t count;
    bool is_ready;
};

enum finding {
    FINDING_WELL,
    FINDING_REMARK, /* not well, but the work is done all the same */
    FINDING_ILL
};

static void add(struct checks *checks, const char *name, enum finding finding, const char *detail) {
    static const char *const texts[] = {"well", "remark", "ill"};
    text_puts(&checks->body, checks->count++ > 0 ? ",{\"name\":" : "{\"name\":");
    text_json_string(&checks->body, name, strlen(name));
    member(&checks->body, "status", texts[finding]);
    member(&checks->body, "detail", detail);
    text_putc(&checks->body, '}');
    checks->is_ready &= finding != FINDING_ILL;
}

static void check_running(struct checks *checks, const struct http *http) {
    struct engine *engine = http->options.engine;
    char why[256];
    const bool is_stopping = view_is_stopping(engine);
    const bool is_draining = view_is_draining(engine);
    add(checks, "running", is_stopping || is_draining ? FINDING_ILL : FINDING_WELL,
        is_stopping   ? "stopping"
        : is_draining ? "draining: no new messages are read"
                      : "");
    const bool is_live = view_is_live(engine, why, sizeof why);
    add(checks, "lanes", is_live ? FINDING_WELL : FINDING_ILL, is_live ? "" : why);
}

static void check_source(struct checks *checks, const struct http *http) {
    struct source_status status = {0};
    view_source(http->options.engine, &status);
    add(checks, "broker", status.is_connected ? FINDING_WELL : FINDING_ILL, status.detail);
    add(checks, "assigned", status.is_assigned ? FINDING_WELL : FINDING_ILL,
        status.is_assigned ? "" : status.detail);
}

/* What is not known yet is no lag: `assigned` tells of that. */
static void check_lag(struct checks *checks, const struct http *http) {
    struct view_totals totals;
    char detail[128];
    const int64_t max = atomic_load(&http->ready_max_lag);
    view_totals(http->options.engine, &totals);
    if (totals.lag < 0)
        snprintf(detail, sizeof detail, "not known yet");
    else if (max > 0)
        snprintf(detail, sizeof detail, "%" PRId64 ", at most %" PRId64 " ([http] ready_max_lag)",
                 totals.lag, max);
    else
        snprintf(detail, sizeof detail, "%" PRId64, totals.lag);
    add(checks, "lag", max > 0 && totals.lag > max ? FINDING_ILL : FINDING_WELL, detail);
}

static void check_sink(void *context, bool is_for_letters, const struct sink_status *status) {
    struct checks *checks = context;
    char name[128];
    if (is_for_letters)
        snprintf(name, sizeof name, "dead letters");
    else
        snprintf(name, sizeof name, "sink %s", status->name);
    add(checks, name, status->is_well ? FINDING_WELL : FINDING_ILL, status->detail);
}

/* A reload that was refused left what ran before at work. */
static void check_reload(struct checks *checks, const struct http *http) {
    struct text report;
    text_init(&report);
    view_last_reload(http->options.engine, &report);
    const bool is_bad = strncmp(report.data, "{\"ok\":false", 11) == 0;
    add(checks, "last reload", is_bad ? FINDING_REMARK : FINDING_WELL,
        is_bad ? "something was refused, what ran before goes on; /stats has it under last_reload"
               : "");
    text_release(&report);
}

static void check_strategy(void *context, const struct view_strategy *strategy) {
    struct checks *checks = context;
    char name[sizeof strategy->name + 16];
    char detail[sizeof strategy->quarantine + 64];
    if (!strategy->is_suspended)
        return;
    snprintf(name, sizeof name, "strategy %s", strategy->name);
    snprintf(detail, sizeof detail, "%zu of %zu instances suspended (%s)%s%s", strategy->suspended,
             strategy->instances, strategy->why, strategy->quarantine[0] != '\0' ? ": " : "",
             strategy->quarantine);
    add(checks, name, FINDING_REMARK, detail);
}

HTTP_HANDLER(http_health_ready) {
    const struct http *http = context;
    struct checks checks = {.is_ready = true};
    (void)request;
    text_init(&checks.body);
    check_running(&checks, http);
    check_source(&checks, http);
    check_lag(&checks, http);
    view_sinks(http->options.engine, check_sink, &checks);
    check_reload(&checks, http);
    view_strategies(http->options.engine, check_strategy, &checks);
    begin(&answer->body, http, checks.is_ready ? "ready" : "not ready");
    text_puts(&answer->body, ",\"checks\":[");
    text_append(&answer->body, checks.body.data, checks.body.size);
    text_puts(&answer->body, "]}\n");
    answer->body.is_short |= checks.body.is_short;
    answer->status = checks.is_ready ? 200 : 503;
    text_release(&checks.body);
}
