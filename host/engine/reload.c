/*
 * The reload: muster what is wanted (muster.h), put it to work (swap.c), say what became of each
 * deployment. Control thread.
 */
#include "base/clock.h"
#include "engine/internal.h"
#include "engine/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the muster asks of the engine ---- */

struct collection {
    struct engine *engine;
    const char *deployment;
    struct rehearsal_part *parts;
    struct state *states;
    size_t count;
    bool has_failed;
    int64_t took_ns; /* on the lanes */
    /* All that was ever collected, freed after the muster. */
    struct collection *next;
};

static void collect_on_lane(struct lane *lane, void *argument) {
    struct collection *collection = argument;
    const int64_t began_ns = clock_monotonic_ns();
    for (size_t i = 0; i < collection->engine->partition_count; i++) {
        struct partition *partition = collection->engine->partitions[i];
        struct seat *seat = partition_seat(partition, collection->deployment);
        struct error error;
        if (seat == NULL || partition->home != lane)
            continue;
        struct state *state = &collection->states[collection->count];
        state_init(state);
        const bool has_save = seat->made_of->description->has_save;
        if (has_save && !instance_save(seat->instance, T5_SAVE_RELOAD, state, &error)) {
            state_release(state);
            log_warning(collection->engine->log, "engine",
                        "%s on partition %" PRId32 ": save refused for the rehearsal: %s",
                        collection->deployment, partition->number, error.text);
            collection->has_failed = true;
            continue;
        }
        collection->parts[collection->count++] =
            (struct rehearsal_part){partition->number, has_save ? state : NULL};
    }
    collection->took_ns += clock_monotonic_ns() - began_ns;
}

struct muster_context {
    struct engine *engine;
    struct collection *collections;
};

static bool provide_states(void *context, const char *deployment, struct rehearsal_part **parts,
                           size_t *count) {
    struct muster_context *muster = context;
    struct engine *engine = muster->engine;
    struct collection *collection = calloc(1, sizeof *collection);
    if (collection == NULL)
        return false;
    collection->engine = engine;
    collection->deployment = deployment;
    collection->parts = calloc(engine->partition_count + 1, sizeof *collection->parts);
    collection->states = calloc(engine->partition_count + 1, sizeof *collection->states);
    collection->next = muster->collections;
    muster->collections = collection;
    if (collection->parts == NULL || collection->states == NULL)
        return false;
    /* One lane after the other: they share the lists. */
    for (size_t i = 0; i < engine->lane_count && !collection->has_failed; i++) {
        if (!lane_call(engine->lanes[i], collect_on_lane, collection,
                       engine->config->reload_timeout_ns))
            return false;
    }
    *parts = collection->parts;
    *count = collection->count;
    return !collection->has_failed;
}

static int64_t collecting_ns(const struct muster_context *context) {
    int64_t sum_ns = 0;
    for (const struct collection *c = context->collections; c != NULL; c = c->next)
        sum_ns += c->took_ns;
    return sum_ns;
}

static void free_collections(struct muster_context *context) {
    while (context->collections != NULL) {
        struct collection *collection = context->collections;
        context->collections = collection->next;
        for (size_t i = 0; i < collection->count; i++)
            state_release(&collection->states[i]);
        free(collection->parts);
        free(collection->states);
        free(collection);
    }
}

static bool should_stop(void *context) {
    struct muster_context *muster = context;
    return atomic_load(&muster->engine->should_stop);
}

/* ---- the last messages, lent by the lanes ---- */

struct loan {
    struct samples *of_lane; /* NULL: no memory, nothing is lent */
    struct record *records;  /* of all lanes; memory of the samples */
    size_t count;
    int64_t took_ns; /* on the lanes */
};

struct lending {
    struct loan *loan;
    struct samples *samples;
};

static void lend(struct lane *lane, void *argument) {
    struct lending *lending = argument;
    const int64_t began_ns = clock_monotonic_ns();
    samples_exchange(&lane->samples, lending->samples);
    lending->loan->took_ns += clock_monotonic_ns() - began_ns;
}

static void take_back(struct lane *lane, void *argument) {
    struct lending *lending = argument;
    const int64_t began_ns = clock_monotonic_ns();
    if (lane->samples.count < lane->samples.capacity) { /* else it has as many newer ones */
        samples_join(lending->samples, &lane->samples);
        samples_exchange(&lane->samples, lending->samples);
    }
    lending->loan->took_ns += clock_monotonic_ns() - began_ns;
}

/* A lane that does not answer lends nothing. */
static void borrow_samples(struct engine *engine, struct loan *loan) {
    loan->of_lane = calloc(engine->lane_count, sizeof *loan->of_lane);
    for (size_t i = 0; loan->of_lane != NULL && i < engine->lane_count; i++) {
        struct lending lending = {loan, &loan->of_lane[i]};
        if (!samples_init(lending.samples, engine->lanes[i]->samples.capacity))
            continue;
        lane_call(engine->lanes[i], lend, &lending, engine->config->reload_timeout_ns);
        (void)samples_list(lending.samples, &loan->records, &loan->count);
    }
}

static void return_samples(struct engine *engine, struct loan *loan) {
    for (size_t i = 0; loan->of_lane != NULL && i < engine->lane_count; i++) {
        struct lending lending = {loan, &loan->of_lane[i]};
        if (lending.samples->count > 0)
            lane_call(engine->lanes[i], take_back, &lending, engine->config->reload_timeout_ns);
        samples_release(lending.samples);
    }
    free(loan->of_lane);
    free(loan->records);
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
    log_info(engine->log, "engine", "%s: %s; took %.0f ms", what, text.data,
             (double)report->took_ns / 1e6);
    text_release(&text);
}

void engine_log_report(struct engine *engine, const struct report *report, const char *what) {
    for (size_t i = 0; i < report->faults.count; i++)
        log_error(engine->log, "engine", "%s: %s", what, report->faults.items[i].text);
    for (size_t i = 0; i < report->count; i++) {
        const struct report_line *line = &report->lines[i];
        log_write(engine->log, line->outcome == OUTCOME_REJECTED ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                  "engine", "%s: %s%s%s", line->deployment, outcome_name(line->outcome),
                  line->outcome == OUTCOME_REJECTED ? ": " : " ", line->detail);
    }
    log_summary(engine, report, what);
    pthread_mutex_lock(&engine->status_lock);
    text_reset(&engine->last_reload);
    report_json(report, &engine->last_reload);
    pthread_mutex_unlock(&engine->status_lock);
    for (int outcome = OUTCOME_KEPT; outcome < OUTCOMES; outcome++)
        atomic_fetch_add(&engine->reload_counts[outcome],
                         report_outcomes(report, (enum outcome)outcome));
}

void engine_reload(struct engine *engine, struct config *next, struct report *report) {
    struct muster_context context = {.engine = engine};
    struct muster muster = {0};
    struct loan loan = {0};
    struct error error = {0};
    bool did = false;
    const int64_t began_ns = clock_monotonic_ns();
    atomic_store(&engine->reload_began_ns, began_ns);
    if (!config_can_reload(engine->config, next, &report->faults))
        goto done;
    borrow_samples(engine, &loan);
    const struct muster_request request = {
        .config = next,
        .topics = engine->options.config,
        .running = engine->roster,
        .generations = engine->generations,
        .log = engine->log,
        .program = engine->options.program,
        .does_rehearse = engine->options.does_rehearse,
        .does_renew = engine->options.does_renew,
        .samples = loan.records,
        .sample_count = loan.count,
        .states = provide_states,
        .should_stop = should_stop,
        .context = &context,
    };
    if (!muster_build(&request, &muster, report))
        goto done;
    did = swap_muster(engine, &muster, next, report, &error);
    if (!did) {
        report->was_given_up = true;
        faults_add(&report->faults, (struct place){0}, "given up, everything goes on as before: %s",
                   error.text);
    }
done:
    if (!did)
        config_free(next);
    return_samples(engine, &loan);
    report->took_ns = clock_monotonic_ns() - began_ns;
    report->save_ns = loan.took_ns + collecting_ns(&context);
    engine_log_report(engine, report, "reload");
    atomic_fetch_add(report_is_good(report) ? &engine->reloads : &engine->failed_reloads, 1);
    if (did) {
        watch_configure(engine->watch, engine->config);
        engine_keep_good(engine);
    }
    muster_release(&muster);
    free_collections(&context);
    atomic_store(&engine->reload_began_ns, 0);
}
