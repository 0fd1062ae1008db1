#include "engine/core/core.h"

#include "config/sections/workers.h"
#include "engine/crash/crash.h"

#include <stdlib.h>
#include <string.h>

void engine_look_after(struct engine *engine, const char *culprit) {
    char what[256], known[128];
    if (!crash_look(what, sizeof what, known, sizeof known))
        return;
    log_event(engine->log, LOG_LEVEL_ERROR, "strategy", "handler.restored",
              "%s changed %s of the control thread, which crash reports need; it was restored",
              known[0] != '\0'  ? known
              : culprit != NULL ? culprit
                                : "a strategy",
              what);
}

const struct quarantine *engine_quarantine(const struct engine *engine,
                                           const struct config *config) {
    return config->on_crash == ON_CRASH_QUARANTINE ? &engine->quarantine : NULL;
}

/* ---- reports ---- */

/* "reload: 1 replaced, 2 kept; pause 0.3 ms; took 40 ms" */
static void log_summary(struct engine *engine, const struct report *report, const char *what) {
    struct text text;
    text_init(&text);
    for (int outcome = OUTCOME_KEPT; outcome < OUTCOMES; outcome++) {
        const size_t count = report_outcomes(report, (enum outcome)outcome);
        if (count > 0)
            text_printf(&text, "%s%zu %s", text.size > 0 ? ", " : "", count,
                        outcome_name((enum outcome)outcome));
    }
    if (text.size == 0)
        text_puts(&text, "no strategies");
    if (report->pause_ns > 0)
        text_printf(&text, "; pause %.3f ms", (double)report->pause_ns / 1e6);
    log_change_event(engine->log, LOG_LEVEL_INFO, "engine", "reload.summary",
                     "%s: %s; took %.0f ms", what, text.data, (double)report->took_ns / 1e6);
    text_release(&text);
}

void engine_keep_report(struct engine *engine, const struct report *report) {
    lock_acquire(&engine->status_lock, status_lock);
    text_reset(&engine->last_reload);
    report_json(report, &engine->last_reload);
    lock_release(&engine->status_lock, status_lock);
}

/* A reason that several were rejected for is logged once, with the first of them. */
static void log_line_of(struct engine *engine, const struct report *report, size_t number) {
    const struct report_line *line = &report->lines[number];
    const bool is_bad = line->outcome == OUTCOME_REJECTED || line->outcome == OUTCOME_QUARANTINED;
    const char *event = line->outcome == OUTCOME_QUARANTINED ? "strategy.quarantined"
                        : line->outcome == OUTCOME_REJECTED  ? "strategy.rejected"
                                                             : "strategy.deployed";
    struct text others;
    text_init(&others);
    if (is_bad)
        report_repeated(report, number, &others);
    if (!is_bad || !report_repeats(report, number))
        log_change_event(engine->log, is_bad ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "engine", event,
                         "%s: %s%s%s%s", line->deployment, outcome_name(line->outcome),
                         is_bad ? ": " : " ", line->detail, others.data);
    text_release(&others);
}

void engine_log_report(struct engine *engine, const struct report *report, const char *what) {
    for (size_t i = 0; i < report->faults.count; i++) {
        const struct fault *fault = &report->faults.items[i];
        if (fault->is_warning)
            log_change(engine->log, LOG_LEVEL_WARNING, "engine", "%s: %s", what, fault->text);
        else
            log_change_event(engine->log, LOG_LEVEL_ERROR, "engine", "reload.failed", "%s: %s",
                             what, fault->text);
    }
    for (size_t i = 0; i < report->count; i++)
        log_line_of(engine, report, i);
    log_summary(engine, report, what);
    engine_keep_report(engine, report);
    for (int outcome = OUTCOME_KEPT; outcome < OUTCOMES; outcome++)
        atomic_fetch_add(&engine->reload_counts[outcome],
                         report_outcomes(report, (enum outcome)outcome));
}

/* ---- whether any deployment runs ---- */

static void forget_refused(struct engine *engine, size_t index) {
    free(engine->refused[index]);
    engine->refused_count--;
    memmove(&engine->refused[index], &engine->refused[index + 1],
            (engine->refused_count - index) * sizeof *engine->refused);
}

/* Whether all deployments belong to other workers. */
static bool is_idle_worker(const struct config *config) {
    return config->worker != NULL && config_worker_deployments(config, config->worker) == 0;
}

/* Messages are not read while no deployment runs: offsets committed past them would lose them. */
static void log_attended(struct engine *engine, bool is_anybody, const struct report *report) {
    const struct config *config = engine->config;
    const bool is_refused = report_outcomes(report, OUTCOME_REJECTED) > 0;
    if (is_anybody)
        log_change_event(engine->log, LOG_LEVEL_INFO, "engine", "strategies.running",
                         "strategies are running: reading messages");
    else if (!is_refused && is_idle_worker(config))
        log_change_event(engine->log, LOG_LEVEL_INFO, "engine", "strategies.none_here",
                         "no deployment is this worker's: no messages are read here");
    else if (is_refused || config->deployment_count > 0)
        log_event(engine->log, LOG_LEVEL_ERROR, "engine", "strategies.none_running",
                  "none of the configured deployments is running: no messages are read, and the "
                  "group's offsets do not change; fix one and reload (take5 ctl reload)");
    else
        log_event(engine->log, LOG_LEVEL_WARNING, "engine", "strategies.none_running",
                  "no strategy is deployed: no messages are read, and the group's offsets do not "
                  "change; copy one into %s and reload (take5 ctl reload)",
                  config->strategy_dir);
}

void engine_attend(struct engine *engine, const struct report *report) {
    const bool is_anybody = engine->deployment_set->count > 0;
    struct source *source = engine->options.source;
    for (size_t i = engine->refused_count; i-- > 0;) {
        if (deployment_set_find(engine->deployment_set, engine->refused[i]) != NULL)
            forget_refused(engine, i);
    }
    if (source->ops->attend == NULL)
        return;
    if (atomic_exchange(&engine->is_unattended, !is_anybody) != !is_anybody)
        log_attended(engine, is_anybody, report);
    source->ops->attend(source, is_anybody);
}
