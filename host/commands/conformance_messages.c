/*
 * Cases: messages as they come, messages as nobody hopes for, and what is said of them.
 */
#include "commands/conformance_bench.h"
#include "commands/conformance_cases.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define WELL_FORMED 1500
#define SPOILED     4000
#define MANY        6000
#define LATE_SHARE  0.02

/* ---- one after the other ---- */

/* Saved, loaded and saved again: what odd messages did to the state must survive as well. */
static void judge_state(struct bench *bench) {
    struct bench other;
    struct state state;
    if (!bench->setup->description->has_save || !bench->setup->description->has_load)
        return;
    state_init(&state);
    if (!bench_save(bench, T5_SAVE_RELOAD, &state)) {
        trial_fail(bench->trial, "after these messages: %s", bench->error.text);
    } else {
        if (bench_open(&other, bench->trial, bench->setup, 0) && !bench_load(&other, &state))
            trial_fail(bench->trial, "the state after these messages: %s", other.error.text);
        bench_release(&other);
    }
    state_release(&state);
}

static void play(struct bench *bench, const struct script *script) {
    bench_activate(bench, true);
    for (size_t i = 0; i < script->count && !trial_is_lost(bench->trial); i++)
        (void)bench_feed(bench, &script->items[i]);
    bench_judge_signals(bench);
    judge_state(bench);
}

static void judge_well_formed(struct bench *bench) {
    if (bench->errors > 0)
        trial_fail(bench->trial, "answered %zu of %zu well-formed messages with an error: %s",
                   bench->errors, bench->messages, bench->complaint);
    if (bench->rejects > 0 && bench->rejects == bench->messages)
        trial_fail(bench->trial, "rejects every well-formed message: %s", bench->complaint);
    else if (bench->rejects > 0)
        trial_note(bench->trial, "rejected %zu of %zu well-formed messages: %s", bench->rejects,
                   bench->messages, bench->complaint);
}

static void well_formed(struct trial *trial, const char *role, enum market_envelope envelope) {
    struct scene scene;
    const struct script_options options = {.role = role,
                                           .seed = trial->seed,
                                           .count = WELL_FORMED,
                                           .envelope = envelope,
                                           .late_share = LATE_SHARE};
    if (scene_init(&scene, trial, options, 0)) {
        struct bench bench;
        if (bench_open(&bench, trial, &scene.setup, 0)) {
            play(&bench, &scene.script);
            judge_well_formed(&bench);
        }
        bench_release(&bench);
    }
    scene_release(&scene);
}

void conformance_production(struct trial *trial, const char *role) {
    well_formed(trial, role, MARKET_PRODUCTION);
}

void conformance_documented(struct trial *trial, const char *role) {
    well_formed(trial, role, MARKET_DOCUMENTED);
}

/* It may answer as it likes, as long as it gives a reason. */
static void judge_spoiled(struct bench *bench) {
    if (bench->errors + bench->rejects == 0)
        return;
    trial_note(bench->trial, "of %zu messages %zu were errors and %zu rejected; the last: %s",
               bench->messages, bench->errors, bench->rejects, bench->complaint);
}

static void spoiled(struct trial *trial, const char *role, enum script_spoil spoil) {
    struct scene scene;
    const struct script_options options = {
        .role = role, .seed = trial->seed, .count = SPOILED, .envelope = MARKET_MIXED};
    if (scene_init(&scene, trial, options, spoil)) {
        struct bench bench;
        if (bench_open(&bench, trial, &scene.setup, 0)) {
            play(&bench, &scene.script);
            judge_spoiled(&bench);
        }
        bench_release(&bench);
    }
    scene_release(&scene);
}

void conformance_missing(struct trial *trial, const char *role) {
    spoiled(trial, role, SCRIPT_MISSING);
}

void conformance_extreme(struct trial *trial, const char *role) {
    spoiled(trial, role, SCRIPT_EXTREME);
}

void conformance_text(struct trial *trial, const char *role) {
    spoiled(trial, role, SCRIPT_TEXT);
}

/* ---- what it says ---- */

static struct script_options many(const struct trial *trial) {
    return (struct script_options){
        .seed = trial->seed, .count = MANY, .envelope = MARKET_MIXED, .late_share = LATE_SHARE};
}

void conformance_signals(struct trial *trial, const char *argument) {
    struct scene scene;
    (void)argument;
    if (scene_init(&scene, trial, many(trial), 0)) {
        struct bench bench;
        if (bench_open(&bench, trial, &scene.setup, 0)) {
            play(&bench, &scene.script);
            trial_note(trial, "%zu signals of %zu messages%s", bench.signals, bench.messages,
                       bench.signals == 0 ? ": nothing to look at" : "");
        }
        bench_release(&bench);
    }
    scene_release(&scene);
}

/* Memory that is given out and not written to shows another pattern each time. */
static bool run_patterned(struct bench *bench, struct trial *trial, const struct scene *scene,
                          int pattern) {
    (void)mallopt(M_PERTURB, pattern);
    if (!bench_open(bench, trial, &scene->setup, 0))
        return false;
    bench_activate(bench, true);
    bench_feed_all(bench, &scene->script, 0, scene->script.count);
    return true;
}

void conformance_repeatable(struct trial *trial, const char *argument) {
    struct scene scene;
    (void)argument;
    if (scene_init(&scene, trial, many(trial), 0)) {
        struct bench first, second;
        const bool did_run = run_patterned(&first, trial, &scene, 0x5A);
        if (run_patterned(&second, trial, &scene, 0xC3) && did_run)
            bench_compare(trial, "the same messages a second time", &first, "the first time",
                          &second, "the second");
        (void)mallopt(M_PERTURB, 0);
        bench_release(&second);
        bench_release(&first);
    }
    scene_release(&scene);
}

/* ---- two instances ---- */

static void run_alone(struct bench *bench, const struct script *script) {
    bench_activate(bench, true);
    bench_feed_all(bench, script, 0, script->count);
}

static void run_together(struct bench *a, const struct script *a_script, struct bench *b,
                         const struct script *b_script) {
    bench_activate(a, true);
    bench_activate(b, true);
    for (size_t i = 0; i < a_script->count || i < b_script->count; i++) {
        bench_feed_all(a, a_script, i, i + 1);
        bench_feed_all(b, b_script, i, i + 1);
    }
}

static void compare_apart(struct trial *trial, const struct scene *scene,
                          const struct script *other) {
    struct bench alone, other_alone, together, other_together;
    const bool is_open = bench_open(&alone, trial, &scene->setup, 0);
    const bool is_other_open = bench_open(&other_alone, trial, &scene->setup, 1);
    if (is_open)
        run_alone(&alone, &scene->script);
    if (is_other_open)
        run_alone(&other_alone, other);
    const bool are_open = bench_open(&together, trial, &scene->setup, 0);
    if (bench_open(&other_together, trial, &scene->setup, 1) && are_open && is_open &&
        is_other_open) {
        run_together(&together, &scene->script, &other_together, other);
        bench_compare(trial, "one of two instances", &alone, "alone", &together,
                      "beside another instance");
        bench_compare(trial, "the other of two instances", &other_alone, "alone", &other_together,
                      "beside another instance");
    }
    bench_release(&other_together);
    bench_release(&together);
    bench_release(&other_alone);
    bench_release(&alone);
}

void conformance_apart(struct trial *trial, const char *argument) {
    struct scene scene;
    struct script other;
    (void)argument;
    script_init(&other);
    if (scene_init(&scene, trial, many(trial), 0)) {
        struct script_options options = many(trial);
        options.description = scene.setup.description;
        options.seed++;
        script_market(&other, &options);
        if (other.is_short)
            trial_fail(trial, "out of memory for the messages");
        else
            compare_apart(trial, &scene, &other);
    }
    script_release(&other);
    scene_release(&scene);
}
