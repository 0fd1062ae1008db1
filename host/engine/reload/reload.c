/*
 * The reload, the start, and one deployment out of its quarantine: list what is wanted
 * (plan.h), fetch the states for the rehearsals (states.h), build it, put it to work (apply.h), say
 * what became of each deployment. Control thread.
 */
#include "engine/reload/reload.h"

#include "base/clock.h"
#include "engine/core/core.h"
#include "engine/crash/crash_file.h"
#include "engine/lane/lane.h"
#include "engine/reload/apply.h"
#include "engine/reload/held.h"
#include "engine/reload/last_good.h"
#include "engine/reload/plan.h"
#include "engine/reload/states.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the last messages, lent by the lanes ---- */

struct borrowed {
    struct samples *of_lane; /* NULL: no memory, nothing is lent */
    struct record *records;  /* of all lanes; memory of the samples */
    size_t count;
    int64_t took_ns; /* on the lanes */
};

struct lane_samples {
    struct borrowed *borrowed;
    struct samples *samples;
};

static void take_samples(struct lane *lane, void *argument) {
    struct lane_samples *one = argument;
    const int64_t began_ns = clock_monotonic_ns();
    samples_exchange(&lane->samples, one->samples);
    one->borrowed->took_ns += clock_monotonic_ns() - began_ns;
}

static void give_back_samples(struct lane *lane, void *argument) {
    struct lane_samples *one = argument;
    const int64_t began_ns = clock_monotonic_ns();
    if (lane->samples.count < lane->samples.capacity) { /* else it has as many newer ones */
        samples_join(one->samples, &lane->samples);
        samples_exchange(&lane->samples, one->samples);
    }
    one->borrowed->took_ns += clock_monotonic_ns() - began_ns;
}

/* A lane that does not answer gives none. */
static void borrow_samples(struct engine *engine, struct borrowed *borrowed) {
    borrowed->of_lane = calloc(engine->lane_count, sizeof *borrowed->of_lane);
    for (size_t i = 0; borrowed->of_lane != NULL && i < engine->lane_count; i++) {
        struct lane_samples one = {borrowed, &borrowed->of_lane[i]};
        if (!samples_init(one.samples, engine->lanes[i]->samples.capacity))
            continue;
        struct error ignored;
        (void)lane_call(engine->lanes[i], take_samples, &one, engine->config->reload_timeout_ns,
                        &ignored);
        (void)samples_list(one.samples, &borrowed->records, &borrowed->count);
    }
}

static void return_samples(struct engine *engine, struct borrowed *borrowed) {
    for (size_t i = 0; borrowed->of_lane != NULL && i < engine->lane_count; i++) {
        struct lane_samples one = {borrowed, &borrowed->of_lane[i]};
        struct error ignored;
        if (one.samples->count > 0)
            (void)lane_call(engine->lanes[i], give_back_samples, &one,
                            engine->config->reload_timeout_ns, &ignored);
        samples_release(one.samples);
    }
    free(borrowed->of_lane);
    free(borrowed->records);
}

/* ---- the steps of all three ---- */

/* Asked now and then while control waits for a rehearsal. That has a time limit of its own, and
 * there may be one after the other: to wait for it is no standing still. */
static bool should_stop(void *context) {
    struct engine *engine = context;
    if (atomic_load(&engine->reload_moved_ns) != 0)
        atomic_store(&engine->reload_moved_ns, clock_monotonic_ns());
    if (engine->options.on_wait != NULL)
        engine->options.on_wait(engine->options.on_wait_context);
    return atomic_load(&engine->should_stop);
}

static struct plan_request request_of(struct engine *engine, const struct config *config,
                                      const struct record *samples, size_t sample_count) {
    lock_only_writer(status_lock);
    return (struct plan_request){
        .config = config,
        .topics = engine->topics,
        .running = engine->deployment_set,
        .generations = engine->generations,
        .log = engine->log,
        .program = engine->options.program,
        .does_rehearse = engine->options.does_rehearse,
        .samples = samples,
        .sample_count = sample_count,
        .quarantine = engine_quarantine(engine, config),
        .held = engine->held,
        .held_count = engine->held_count,
        .should_stop = should_stop,
        .context = engine,
    };
}

/* False: nothing is in the plan. `*saving_ns`: how long the lanes were kept for it. */
static bool make_plan(struct engine *engine, const struct plan_request *request, struct plan *plan,
                      struct report *report, int64_t *saving_ns) {
    if (!plan_list(request, plan, report))
        return false;
    *saving_ns = states_fetch(engine, plan);
    return plan_build(request, plan, report);
}

/* What there is to do when a plan is at work; `only`: it was for that one. */
static void settle(struct engine *engine, struct plan *plan, const char *only,
                   const struct report *report) {
    held_note(engine, plan, only);
    last_good_write_all(engine);
    engine_attend(engine, report);
}

/* ---- the start: a reload from nothing ---- */

bool reload_plan_start(struct engine *engine, const struct record *samples, size_t sample_count,
                       struct plan *plan, struct report *report, struct error *error) {
    int64_t saving_ns = 0;
    struct patience patience = PATIENCE_INIT;
    struct plan_request request = request_of(engine, engine->config, samples, sample_count);
    request.last_good_dir = engine->options.keeps_state ? engine->config->state_dir : NULL;
    bool did = make_plan(engine, &request, plan, report, &saving_ns);
    /* Whom memory was short for would be missing until somebody reloads. */
    while (plan->is_oom && breakdown_wait(&engine->breakdown, &patience, "the deployments")) {
        plan_release(plan);
        report_release(report);
        report_init(report);
        did = make_plan(engine, &request, plan, report, &saving_ns);
    }
    if (plan->is_oom)
        return error_set_memory(error, "the deployments");
    return did || error_set(error, ERROR_INVALID, "%s",
                            report->was_given_up       ? "the host is stopping"
                            : report->faults.count > 0 ? report->faults.items[0].text
                                                       : "no deployments");
}

/* Who is missing from the start on. */
static bool note_refused(struct engine *engine, const struct plan *plan) {
    engine->refused = calloc(plan->count + 1, sizeof *engine->refused);
    for (size_t i = 0; engine->refused != NULL && i < plan->count; i++) {
        if (deployment_set_find(engine->deployment_set, plan->items[i].name) != NULL)
            continue;
        char *name = strdup(plan->items[i].name);
        if (name == NULL)
            return false;
        engine->refused[engine->refused_count++] = name;
    }
    return engine->refused != NULL;
}

bool reload_apply_start(struct engine *engine, struct plan *plan, struct report *report,
                        struct error *error) {
    int64_t paused_ns = 0;
    if (!apply_plan(engine, plan, NULL, LANE_NO_LIMIT, &paused_ns, error))
        return false;
    if (plan->is_oom || !note_refused(engine, plan))
        return error_set_memory(error, "the deployments");
    plan_report(plan, true, report);
    settle(engine, plan, NULL, report);
    return true;
}

/* ---- the reload ---- */

bool reload_run(struct engine *engine, struct config *next, struct report *report) {
    struct plan plan = {0};
    struct borrowed borrowed = {0};
    int64_t saving_ns = 0;
    struct error error = {0};
    bool did = false;
    const int64_t began_ns = clock_monotonic_ns();
    atomic_store(&engine->reload_moved_ns, began_ns);
    if (!config_can_reload(engine->config, next, &report->faults))
        goto done;
    borrow_samples(engine, &borrowed);
    struct plan_request request = request_of(engine, next, borrowed.records, borrowed.count);
    request.does_renew = engine->options.does_renew;
    if (!make_plan(engine, &request, &plan, report, &saving_ns))
        goto done;
    did = apply_plan(engine, &plan, next, engine->config->reload_timeout_ns, &report->pause_ns,
                     &error);
    if (did) {
        atomic_store(&engine->last_pause_ns, report->pause_ns);
    } else {
        report->was_given_up = true;
        faults_add(&report->faults, (struct place){0}, "reload aborted, nothing changed: %s",
                   error.text);
    }
    plan_report(&plan, did, report);
done:
    if (!did)
        config_free(next);
    return_samples(engine, &borrowed);
    report->took_ns = clock_monotonic_ns() - began_ns;
    report->save_ns = borrowed.took_ns + saving_ns;
    engine_log_report(engine, report, "reload");
    atomic_fetch_add(report_is_good(report) ? &engine->reloads : &engine->failed_reloads, 1);
    if (did)
        settle(engine, &plan, NULL, report);
    plan_release(&plan);
    atomic_store(&engine->reload_moved_ns, 0);
    return did;
}

/* ---- out of quarantine ---- */

/* It alone is planned and put to work. */
static bool put_to_work(struct engine *engine, struct plan *plan, const char *deployment,
                        struct error *error) {
    int64_t paused_ns = 0;
    const struct plan_item *item = plan_find(plan, deployment);
    if (item == NULL)
        return error_set(error, ERROR_INVALID, "it is no longer configured, or its file is gone");
    if (item->outcome == OUTCOME_LOADED &&
        !apply_plan(engine, plan, NULL, engine->config->reload_timeout_ns, &paused_ns, error))
        return false;
    return deployment_set_find(engine->deployment_set, deployment) != NULL ||
           error_set(error, ERROR_INVALID, "%s",
                     item->detail != NULL ? item->detail : "out of memory");
}

static bool plan_alone(struct engine *engine, const struct plan_request *request, struct plan *plan,
                       struct report *report, struct error *error) {
    int64_t saving_ns = 0;
    return make_plan(engine, request, plan, report, &saving_ns) ||
           error_set(error, ERROR_INVALID, "%s",
                     report->faults.count > 0 ? report->faults.items[0].text
                                              : "the host is stopping");
}

bool reload_readmit(struct engine *engine, const char *deployment, struct error *error) {
    struct plan plan = {0};
    struct report report;
    struct borrowed borrowed = {0};
    struct error ignored;
    report_init(&report);
    borrow_samples(engine, &borrowed);
    struct plan_request request =
        request_of(engine, engine->config, borrowed.records, borrowed.count);
    request.quarantine = NULL;
    request.only = deployment;
    const bool did = plan_alone(engine, &request, &plan, &report, error) &&
                     put_to_work(engine, &plan, deployment, error);
    if (!did) {
        error_prefix(error, "%s remains quarantined: ", deployment);
    } else {
        quarantine_lift(&engine->quarantine, deployment);
        settle(engine, &plan, deployment, &report);
        if (!crash_forgive(engine->config->state_dir, deployment, &ignored))
            log_warning(engine->log, "engine",
                        "%s: will be quarantined again at the next start: %s", deployment,
                        ignored.text);
        log_change_event(engine->log, LOG_LEVEL_INFO, "engine", "strategy.released",
                         "%s: released from quarantine", deployment);
    }
    return_samples(engine, &borrowed);
    plan_release(&plan);
    report_release(&report);
    return did;
}
