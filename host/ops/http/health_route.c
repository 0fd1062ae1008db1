/*
 * Three questions. Live: does it move, or must it be killed? Ready: does it do its work, and if
 * not, what is missing? And the old service's /health, which has the answer of live.
 */
#include "ops/http/routes.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "engine/view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* {"status":STATUS,"service":...,"timestamp":...: still open. */
static struct json_writer begin(struct text *body, const struct http *http, const char *status) {
    struct json_writer json = json_writer_of(body);
    json_begin_object(&json, NULL);
    json_text(&json, "status", status);
    json_text(&json, "service", view_service(http->options.engine));
    json_integer(&json, "timestamp", clock_wall_ns() / NS_PER_MS);
    return json;
}

static void end(struct json_writer *json) {
    json_end_object(json);
    text_putc(json->text, '\n');
}

HTTP_HANDLER(http_health) {
    const struct http *http = context;
    char why[256];
    (void)request;
    const bool is_live = view_is_live(http->options.engine, why, sizeof why);
    struct json_writer json = begin(&answer->body, http, is_live ? "healthy" : "unhealthy");
    if (!is_live)
        json_text(&json, "detail", why);
    end(&json);
    answer->status = is_live ? 200 : 503;
}

HTTP_HANDLER(http_health_live) {
    const struct http *http = context;
    char why[256];
    (void)request;
    const bool is_live = view_is_live(http->options.engine, why, sizeof why);
    struct json_writer json = begin(&answer->body, http, is_live ? "live" : "stuck");
    json_text(&json, "detail", is_live ? "" : why);
    end(&json);
    answer->status = is_live ? 200 : 503;
}

/* ---- ready ---- */

struct checks {
    struct json_writer json; /* an array's elements */
    bool is_ready;
};

enum finding {
    FINDING_OK,
    FINDING_WARN, /* a problem, but messages are processed */
    FINDING_FAIL
};

static void add(struct checks *checks, const char *name, enum finding finding, const char *detail) {
    static const char *const texts[] = {"ok", "warn", "fail"};
    json_begin_object(&checks->json, NULL);
    json_text(&checks->json, "name", name);
    json_text(&checks->json, "status", texts[finding]);
    json_text(&checks->json, "detail", detail);
    json_end_object(&checks->json);
    checks->is_ready &= finding != FINDING_FAIL;
}

static void check_running(struct checks *checks, const struct http *http) {
    struct engine *engine = http->options.engine;
    char why[256];
    const bool is_stopping = view_is_stopping(engine);
    const bool is_draining = view_is_draining(engine);
    const bool is_broken = view_is_broken(engine, why, sizeof why);
    add(checks, "running", is_broken || is_stopping || is_draining ? FINDING_FAIL : FINDING_OK,
        is_broken     ? why
        : is_stopping ? "stopping"
        : is_draining ? "draining: no new messages are read"
                      : "");
    const bool is_live = view_is_live(engine, why, sizeof why);
    add(checks, "lanes", is_live ? FINDING_OK : FINDING_FAIL, is_live ? "" : why);
}

static void check_source(struct checks *checks, const struct http *http) {
    struct source_status status = {0};
    view_source(http->options.engine, &status);
    add(checks, "broker", status.is_connected ? FINDING_OK : FINDING_FAIL, status.detail);
    add(checks, "assigned", status.is_assigned ? FINDING_OK : FINDING_FAIL,
        status.is_assigned ? "" : status.detail);
    char missing[sizeof status.missing + 64];
    snprintf(missing, sizeof missing, "cannot be read: %s", status.missing);
    add(checks, "topics", status.missing[0] == '\0' ? FINDING_OK : FINDING_FAIL,
        status.missing[0] == '\0' ? "" : missing);
    add(checks, "partitions", status.standing[0] == '\0' ? FINDING_OK : FINDING_FAIL,
        status.standing);
}

static void check_attended(struct checks *checks, const struct http *http) {
    const bool is_unattended = view_is_unattended(http->options.engine);
    add(checks, "strategies", is_unattended ? FINDING_FAIL : FINDING_OK,
        is_unattended ? "none is running: no messages are read" : "");
}

/* ", of which an open transaction holds back ..." */
static void add_held(const struct http *http, char *detail, size_t size) {
    int64_t since_ms;
    struct text since;
    const size_t held = view_held(http->options.engine, &since_ms);
    const size_t length = strlen(detail);
    if (held == 0)
        return;
    text_init(&since);
    text_time_ns(&since, since_ms * NS_PER_MS);
    snprintf(detail + length, size - length,
             "; %zu partition%s held back by an open transaction since %s", held,
             held == 1 ? "" : "s", since.data);
    text_release(&since);
}

/* Whether anything can still be opened: this answer's own connection may have the last one. */
static bool has_descriptors(void) {
    const int one = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    const bool has = one >= 0 || (errno != EMFILE && errno != ENFILE);
    if (one >= 0)
        close(one);
    return has;
}

static void check_descriptors(struct checks *checks, const struct http *http) {
    const struct control *control = http->options.control;
    const bool is_oom = (http->server != NULL && http_server_lacks_descriptors(http->server)) ||
                        (control != NULL && control_lacks_descriptors(control)) ||
                        !has_descriptors();
    add(checks, "descriptors", is_oom ? FINDING_FAIL : FINDING_OK,
        is_oom ? "limit reached: connections wait, and files cannot be opened (LimitNOFILE)" : "");
}

/* What is not known yet is no lag: `assigned` covers that. */
static void check_lag(struct checks *checks, const struct http *http) {
    struct view_totals totals;
    char detail[256];
    const int64_t max = atomic_load(&http->ready_max_lag);
    view_totals(http->options.engine, &totals);
    if (totals.lag < 0)
        snprintf(detail, sizeof detail, "unknown yet");
    else if (max > 0)
        snprintf(detail, sizeof detail, "%" PRId64 ", at most %" PRId64 " ([http] ready_max_lag)",
                 totals.lag, max);
    else
        snprintf(detail, sizeof detail, "%" PRId64, totals.lag);
    add_held(http, detail, sizeof detail);
    add(checks, "lag", max > 0 && totals.lag > max ? FINDING_FAIL : FINDING_OK, detail);
}

static void check_sink(void *context, enum view_use use, const struct sink_status *status) {
    struct checks *checks = context;
    char name[128];
    if (use == VIEW_FOR_DEAD_LETTERS)
        snprintf(name, sizeof name, "dead letters");
    else
        snprintf(name, sizeof name, "%s %s", use == VIEW_FOR_ALERTS ? "alerts" : "sink",
                 status->name);
    add(checks, name,
        status->is_ok            ? FINDING_OK
        : use == VIEW_FOR_ALERTS ? FINDING_WARN /* no offset waits for it */
                                 : FINDING_FAIL,
        status->detail);
}

/* A reload that was refused left what ran before at work. */
static void check_reload(struct checks *checks, const struct http *http) {
    const bool is_bad = !view_is_last_reload_good(http->options.engine);
    add(checks, "last reload", is_bad ? FINDING_WARN : FINDING_OK,
        is_bad ? "something was rejected, the previous version keeps running; see last_reload in "
                 "/stats"
               : "");
}

static void check_strategy(void *context, const struct view_strategy *strategy) {
    struct checks *checks = context;
    char name[sizeof strategy->name + 16];
    char detail[sizeof strategy->quarantine + 128];
    if (!strategy->is_suspended && strategy->missing == 0 && strategy->unsaved == 0)
        return;
    snprintf(name, sizeof name, "strategy %s", strategy->name);
    if (strategy->quarantine[0] != '\0')
        snprintf(detail, sizeof detail, "not loaded (quarantine): %s", strategy->quarantine);
    else if (strategy->catching_up > 0)
        snprintf(detail, sizeof detail,
                 "%zu of %zu instances suspended (%s); %" PRIu64 " messages behind, %" PRIu64
                 " caught up",
                 strategy->suspended, strategy->instances, strategy->why, strategy->behind,
                 strategy->caught_up);
    else if (strategy->is_suspended)
        snprintf(detail, sizeof detail, "%zu of %zu instances suspended (%s)", strategy->suspended,
                 strategy->instances, strategy->why);
    else if (strategy->missing > 0)
        snprintf(detail, sizeof detail, "no instance on %zu of %zu partitions: %s",
                 strategy->missing, strategy->missing + strategy->instances, strategy->missing_why);
    else
        snprintf(detail, sizeof detail, "%zu of %zu instances are not saved: %s", strategy->unsaved,
                 strategy->instances, strategy->last_error);
    add(checks, name, FINDING_WARN, detail);
}

/* Messages are processed, but a crash would cost more. */
static void check_checkpoints(struct checks *checks, const struct http *http) {
    struct view_checkpoints view;
    char detail[sizeof view.detail + 64];
    view_checkpoints(http->options.engine, &view);
    const bool is_ok = !view.is_kept || view.is_ok;
    snprintf(detail, sizeof detail, "state is not being saved: %s", view.detail);
    add(checks, "checkpoints", is_ok ? FINDING_OK : FINDING_WARN, is_ok ? "" : detail);
}

/* The work is done though nobody can read of it. */
static void check_log(struct checks *checks, const struct http *http) {
    struct log_status status;
    char detail[160] = "";
    log_status(http->options.log, &status);
    const bool is_blocked = status.blocked_ns > NS_PER_S;
    if (is_blocked)
        snprintf(detail, sizeof detail,
                 "no log line written for %.0f s (is stderr being read?); %" PRIu64
                 " lines dropped since the start",
                 (double)status.blocked_ns / (double)NS_PER_S, status.dropped);
    add(checks, "log", is_blocked ? FINDING_WARN : FINDING_OK, detail);
}

/* All of them, as elements of an array. Gives whether it is ready. */
static bool check_all(const struct http *http, struct text *body) {
    struct checks checks = {.json = json_writer_of(body), .is_ready = true};
    check_running(&checks, http);
    check_source(&checks, http);
    check_attended(&checks, http);
    check_descriptors(&checks, http);
    check_lag(&checks, http);
    view_sinks(http->options.engine, check_sink, &checks);
    check_reload(&checks, http);
    check_checkpoints(&checks, http);
    check_log(&checks, http);
    view_strategies(http->options.engine, check_strategy, &checks);
    return checks.is_ready;
}

bool http_is_ready(const struct http *http) {
    struct text body;
    text_init(&body);
    const bool is_ready = check_all(http, &body);
    text_release(&body);
    return is_ready;
}

HTTP_HANDLER(http_health_ready) {
    const struct http *http = context;
    struct text body;
    (void)request;
    text_init(&body);
    const bool is_ready = check_all(http, &body);
    struct json_writer json = begin(&answer->body, http, is_ready ? "ready" : "not ready");
    json_begin_array(&json, "checks");
    text_append(&answer->body, body.data, body.size);
    json_end_array(&json);
    end(&json);
    answer->body.is_oom |= body.is_oom;
    answer->status = is_ready ? 200 : 503;
    text_release(&body);
}
