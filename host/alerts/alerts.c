#include "alerts/alerts.h"

#include "alerts/alert_watch.h"
#include "alerts/down_notes.h"
#include "base/clock.h"
#include "base/format/json_writer.h"
#include "base/sync/condition.h"
#include "base/sync/locks.h"
#include "base/sync/thread.h"
#include "base/text.h"
#include "engine/view.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOCK_CLASS(alerts_lock);
struct alerts {
    struct alerts_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t end;
    bool is_ending GUARDED_BY(alerts_lock);

    /* The thread's. */
    struct alert_watch watch;
    int64_t now_ns;   /* of this round */
    bool has_dropped; /* an alert, and it was logged */
};

/* ---- telling ---- */

/* The same for each try, also of another process: what began then. */
static void write_id(const struct alerts *self, const struct alert_item *item, bool is_over,
                     struct text *id) {
    text_printf(id, "%s/%s%s%s/%s/%" PRId64 "/%s", self->options.host,
                self->options.worker != NULL ? self->options.worker : "",
                self->options.worker != NULL ? "/" : "", item->alert, item->subject,
                (int64_t)(item->began_ns / NS_PER_MS), is_over ? "resolved" : "firing");
}

static void write_json(const struct alerts *self, const struct alert_item *item, bool is_over,
                       const struct text *id, struct text *text) {
    struct json_writer json = json_writer_of(text);
    json_begin_object(&json, NULL);
    json_bytes(&json, "id", id->data, id->size);
    text_putc(json_value(&json, "time"), '"');
    text_time_ns(text, clock_wall_ns());
    text_putc(text, '"');
    json_text(&json, "service", self->options.service);
    json_text(&json, "host", self->options.host);
    if (self->options.worker != NULL)
        json_text(&json, "worker", self->options.worker);
    json_text(&json, "alert", item->alert);
    json_text(&json, "subject", item->subject);
    json_text(&json, "state", is_over ? "resolved" : "firing");
    json_text(&json, "text", item->text);
    json_end_object(&json);
}

static void write_line(const struct alerts *self, const struct alert_item *item, bool is_over,
                       struct text *line) {
    text_printf(line, "%s %s%s%s: %s %s%s%s", self->options.service, self->options.host,
                self->options.worker != NULL ? " worker " : "",
                self->options.worker != NULL ? self->options.worker : "",
                is_over ? "resolved:" : "ALERT", item->alert, item->subject[0] != '\0' ? " " : "",
                item->subject);
    if (!is_over)
        text_printf(line, ": %s", item->text);
}

static struct delivery *make_delivery(const struct alerts *self, const struct alert_item *item,
                                      bool is_over) {
    struct text id, json, line;
    struct delivery *delivery = NULL;
    text_init(&id);
    text_init(&json);
    text_init(&line);
    write_id(self, item, is_over, &id);
    write_json(self, item, is_over, &id, &json);
    write_line(self, item, is_over, &line);
    const struct delivery_header headers[] = {{DELIVERY_ALERT_ID, id.data, id.size},
                                              {DELIVERY_ALERT_LINE, line.data, line.size}};
    const struct delivery_text text = {json.data, json.size, headers,
                                       sizeof headers / sizeof *headers};
    if (!text_is_oom(&id) && !text_is_oom(&json) && !text_is_oom(&line))
        delivery =
            delivery_new(&(struct delivery){.kind = DELIVERY_ALERT,
                                            .unconfirmed = (uint32_t)self->options.sink_count,
                                            .time_ms = clock_wall_ns() / NS_PER_MS,
                                            .text = &text});
    text_release(&id);
    text_release(&json);
    text_release(&line);
    return delivery;
}

static bool has_room(struct sink *sink) {
    struct sink_status status = {0};
    sink->ops->status(sink, &status);
    return status.queued < ALERTS_WAITING_MOST;
}

static void log_dropped(struct alerts *self, const char *why) {
    if (!self->has_dropped)
        log_change_event(self->options.log, LOG_LEVEL_ERROR, "ops", "alert.dropped",
                         "an alert was dropped: %s; this is logged once", why);
    self->has_dropped = true;
}

static void push(struct alerts *self, const struct alert_item *item, bool is_over) {
    struct delivery *delivery = make_delivery(self, item, is_over);
    if (delivery == NULL) {
        log_dropped(self, "out of memory");
        return;
    }
    for (size_t i = 0; i < self->options.sink_count; i++) {
        struct sink *sink = self->options.sinks[i];
        if (!has_room(sink) || !sink->ops->push(sink, delivery))
            log_dropped(self, "too many wait for a sink of [alerts] that takes none");
    }
    delivery_release(delivery);
}

static void log_state(const struct alerts *self, const struct alert_item *item, bool is_over) {
    log_change_event(self->options.log, is_over ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "ops",
                     is_over ? "alert.over" : "alert.begun", "%s %s%s%s: %s",
                     is_over ? "resolved:" : "alert:", item->alert,
                     item->subject[0] != '\0' ? " " : "", item->subject, item->text);
}

static void publish(struct alerts *self, enum alert_word word, struct alert_item *item) {
    if (word == ALERT_QUIET)
        return;
    if (word == ALERT_BEGINS)
        item->began_ns = clock_wall_ns();
    log_state(self, item, word == ALERT_ENDS);
    push(self, item, word == ALERT_ENDS);
}

static void see(struct alerts *self, const char *alert, const char *subject, bool is_wrong,
                const char *text) {
    struct alert_item *item;
    const enum alert_word word = alert_watch_see(&self->watch, self->now_ns, alert, subject,
                                                 is_wrong ? ALERT_WRONG : ALERT_RIGHT, text, &item);
    publish(self, word, item);
}

/* ---- looking ---- */

static void see_lanes(struct alerts *self) {
    struct engine *engine = self->options.engine;
    for (size_t i = 0; i < view_lane_count(engine); i++) {
        struct view_lane lane;
        char subject[32], text[96];
        view_lane(engine, i, &lane);
        snprintf(subject, sizeof subject, "lane %zu", i);
        snprintf(text, sizeof text, "has not completed a turn for %" PRId64 " s",
                 (int64_t)(lane.heartbeat_age_ns / NS_PER_S));
        see(self, "lane_stuck", subject, lane.heartbeat_age_ns >= ALERTS_LANE_NS, text);
    }
}

static void see_host(struct alerts *self) {
    char why[256];
    const bool is_live = view_is_live(self->options.engine, why, sizeof why);
    see(self, "host_stuck", "", !is_live, is_live ? "" : why);
}

static void see_strategy(void *context, const struct view_strategy *strategy) {
    struct alerts *self = context;
    const enum view_state state = strategy->state;
    see(self, "strategy_quarantined", strategy->name, state == VIEW_QUARANTINED,
        strategy->quarantine);
    see(self, "strategy_suspended", strategy->name,
        state == VIEW_SUSPENDED_ERRORS || state == VIEW_SUSPENDED_REJECTS,
        strategy->last_error[0] != '\0' ? strategy->last_error : strategy->why);
    see(self, "strategy_refused", strategy->name, state == VIEW_REFUSED, strategy->missing_why);
}

static void see_sink(void *context, enum view_use use, const struct sink_status *status) {
    struct alerts *self = context;
    char subject[64];
    snprintf(subject, sizeof subject, "%s for %s", status->name, view_use_name(use));
    see(self, "sink_failing", subject, !status->is_ok, status->detail);
}

static void see_reload(struct alerts *self) {
    see(self, "reload_rejected", "", !view_is_last_reload_good(self->options.engine),
        "something was rejected: `take5 ctl status` has it; what ran before still runs");
}

static void see_checkpoints(struct alerts *self) {
    struct view_checkpoints view;
    view_checkpoints(self->options.engine, &view);
    see(self, "checkpoint_failing", "", view.is_kept && !view.is_ok, view.detail);
}

static void see_lag(struct alerts *self) {
    const int64_t most = self->options.max_lag;
    struct view_totals totals;
    struct alert_item *item;
    char text[96];
    if (most == 0)
        return;
    view_totals(self->options.engine, &totals);
    snprintf(text, sizeof text, "%" PRId64 " messages behind, the limit is %" PRId64, totals.lag,
             most);
    const bool is_known = totals.lag >= 0 && totals.lag_unknown == 0;
    const enum alert_condition condition = totals.lag > most                    ? ALERT_WRONG
                                           : !is_known || totals.lag > most / 2 ? ALERT_BETWEEN
                                                                                : ALERT_RIGHT;
    const enum alert_word word =
        alert_watch_see(&self->watch, self->now_ns, "lag", "", condition, text, &item);
    publish(self, word, item);
}

static void see_down(void *context, const char *name, const char *why) {
    char text[320];
    (void)snprintf(text, sizeof text, "%s; `take5 ctl restart %s` tries again", why, name);
    see(context, "worker_down", name, true, text);
}

static void look(struct alerts *self) {
    enum alert_word word;
    struct alert_item *item;
    self->now_ns = clock_monotonic_ns();
    see_lanes(self);
    see_host(self);
    view_strategies(self->options.engine, see_strategy, self);
    view_sinks(self->options.engine, see_sink, self);
    see_reload(self);
    see_checkpoints(self);
    see_lag(self);
    if (self->options.worker != NULL)
        down_notes_each(self->options.run_dir, self->options.worker, see_down, self);
    while ((word = alert_watch_rest(&self->watch, self->now_ns, &item)) != ALERT_QUIET)
        publish(self, word, item);
}

/* False: it is to end. */
static bool await_look(struct alerts *self) {
    const int64_t until_ns = clock_monotonic_ns() + ALERTS_LOOK_NS;
    lock_acquire(&self->mutex, alerts_lock);
    while (!self->is_ending && condition_wait(&self->end, &self->mutex, until_ns)) {}
    const bool is_ending = self->is_ending;
    lock_release(&self->mutex, alerts_lock);
    return !is_ending;
}

static void *alerts_run(void *argument) {
    struct alerts *self = argument;
    while (await_look(self)) {
        if (!view_is_stopping(self->options.engine))
            look(self);
    }
    return NULL;
}

struct alerts *alerts_new(const struct alerts_options *options, struct error *error) {
    lock_alone(alerts_lock);
    struct alerts *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, "alerts");
        return NULL;
    }
    self->options = *options;
    self->watch.after_ns = options->after_ns;
    pthread_mutex_init(&self->mutex, NULL);
    condition_init(&self->end);
    if (thread_start(&self->thread, "take5-alerts", alerts_run, self, error))
        return self;
    pthread_cond_destroy(&self->end);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    return NULL;
}

void alerts_free(struct alerts *self) {
    if (self == NULL)
        return;
    lock_acquire(&self->mutex, alerts_lock);
    self->is_ending = true;
    pthread_cond_signal(&self->end);
    lock_release(&self->mutex, alerts_lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->end);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
