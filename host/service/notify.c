#include "service/notify.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define MANAGER_NS (NS_PER_S / 2)

/* Why nothing came, as far as it is known; the nearest cause first. */
static void explain_silence(const struct service_notify *notify, const struct view_totals *totals,
                            char *text, size_t size) {
    struct source_status status = {0};
    const uint64_t most = (uint64_t)engine_config(notify->engine)->max_unconfirmed;
    bool is_paused = false;
    notify->source->ops->status(notify->source, &status);
    for (size_t i = 0; i < view_lane_count(notify->engine); i++) {
        struct view_lane lane;
        view_lane(notify->engine, i, &lane);
        is_paused |= lane.unconfirmed >= most;
    }
    if (view_is_draining(notify->engine))
        snprintf(text, size, totals->unconfirmed == 0 ? "drained" : "draining");
    else if (!status.is_connected)
        snprintf(text, size,
                 "no connection to a broker"); /* the reason was logged; this stays the same */
    else if (!status.is_assigned || status.missing[0] != '\0')
        snprintf(text, size, "%s", status.detail);
    else if (is_paused)
        snprintf(text, size, "paused until a sink acknowledges ([take5] max_unconfirmed)");
    else if (status.standing[0] != '\0')
        snprintf(text, size, "%s", status.standing);
    else if (totals->lag == 0 && totals->lag_unknown == 0)
        snprintf(text, size, "the topics have no new messages");
    else
        text[0] = '\0';
}

static void log_stats(struct service_notify *notify, bool is_final) {
    struct view_totals totals;
    const int64_t now_ns = clock_monotonic_ns();
    const int64_t span_ns = now_ns - notify->last_stats_ns;
    const int64_t interval_ns = engine_config(notify->engine)->stats_interval_ns;
    if (!is_final && (interval_ns == 0 || span_ns < interval_ns))
        return;
    view_totals(notify->engine, &totals);
    char lag[80] = "unknown", why[sizeof((struct source_status *)0)->standing] = "";
    if (totals.messages == notify->last_stats_messages && !is_final)
        explain_silence(notify, &totals, why, sizeof why);
    if (totals.lag >= 0 && totals.lag_unknown > 0)
        snprintf(lag, sizeof lag, "%" PRId64 ", and unknown in %" PRIu64 " partition%s", totals.lag,
                 totals.lag_unknown, totals.lag_unknown == 1 ? "" : "s");
    else if (totals.lag >= 0)
        snprintf(lag, sizeof lag, "%" PRId64, totals.lag);
    log_info(notify->log, "engine",
             "messages %" PRIu64 " (%.0f/s), bad %" PRIu64 ", signals %" PRIu64
             ", unconfirmed %" PRIu64 ", lag %s%s%s",
             totals.messages,
             span_ns > 0
                 ? (double)(totals.messages - notify->last_stats_messages) * 1e9 / (double)span_ns
                 : 0.0,
             totals.bad, totals.signals, totals.unconfirmed, lag, why[0] != '\0' ? "; " : "", why);
    notify->last_stats_ns = now_ns;
    notify->last_stats_messages = totals.messages;
    notify->totals = totals;
}

static void add_strategy(void *context, const struct view_strategy *strategy) {
    struct lag_sample *sample = context;
    if (sample->strategy_count == LAG_WATCH_STRATEGIES)
        return;
    struct lag_watch_strategy *added = &sample->strategies[sample->strategy_count++];
    memcpy(added->name, strategy->name, sizeof added->name);
    added->busy_ns = strategy->busy_ns;
}

static void watch_lag(struct service_notify *notify) {
    struct view_totals totals;
    struct lag_sample sample = {.now_ns = clock_monotonic_ns()};
    char text[512];
    if (sample.now_ns - notify->lag_watch.last.now_ns < LAG_WATCH_NS)
        return;
    view_totals(notify->engine, &totals);
    view_strategies(notify->engine, add_strategy, &sample);
    sample.lag = totals.lag;
    sample.messages = totals.messages;
    sample.lanes = view_lane_count(notify->engine);
    switch (lag_watch(&notify->lag_watch, &sample, text, sizeof text)) {
    case LAG_GROWS:
        log_event(notify->log, LOG_LEVEL_WARNING, "engine", "lag.growing", "%s", text);
        break;
    case LAG_IS_BACK:
        log_event(notify->log, LOG_LEVEL_INFO, "engine", "lag.recovered", "%s", text);
        break;
    case LAG_QUIET:
        break;
    }
}

/* What `systemctl status` shows: the worst first. */
static void describe(struct service_notify *notify, const char *stuck, char *text, size_t size) {
    struct source_status status = {0};
    char partitions[64] = "no partitions";
    notify->source->ops->status(notify->source, &status);
    if (status.is_assigned)
        snprintf(partitions, sizeof partitions, "%zu partitions",
                 view_lags(notify->engine, NULL, 0));
    snprintf(text, size, "%s%s%s%s%s, %s%s%s", stuck[0] != '\0' ? "STUCK: " : "", stuck,
             stuck[0] != '\0' ? "; " : "",
             view_is_draining(notify->engine) ? "draining, no messages are read; " : "",
             status.detail, partitions, status.standing[0] != '\0' ? "; " : "", status.standing);
}

void service_notify_manager(struct service_notify *notify) {
    char why[256] = "", text[sizeof notify->status];
    const int64_t now_ns = clock_monotonic_ns();
    if (now_ns - notify->last_manager_ns < MANAGER_NS)
        return;
    notify->last_manager_ns = now_ns;
    if (view_is_live(notify->engine, why, sizeof why)) {
        sd_notify(0, "WATCHDOG=1");
        why[0] = '\0';
    }
    describe(notify, why, text, sizeof text);
    if (strcmp(text, notify->status) != 0) {
        strcpy(notify->status, text);
        sd_notifyf(0, "STATUS=%s", text);
    }
}

void service_notify_begin(struct service_notify *notify, struct engine *engine,
                          struct source *source, struct log *log) {
    *notify = (struct service_notify){
        .engine = engine, .source = source, .log = log, .last_stats_ns = clock_monotonic_ns()};
}

void service_notify(struct service_notify *notify) {
    service_notify_manager(notify);
    log_stats(notify, false);
    watch_lag(notify);
}

void service_notify_stats(struct service_notify *notify) {
    log_stats(notify, true);
}
