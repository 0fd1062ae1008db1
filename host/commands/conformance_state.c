/*
 * Cases: its own state, saved and loaded at any point.
 */
#include "commands/conformance_bench.h"
#include "commands/conformance_cases.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES   6000
#define LATE_SHARE 0.02
/* So that ids in the new instance are others than in the old. */
#define SHIFT      17
#define RUNS       5
#define CUTS       8
#define EVERY_ONE  120 /* messages between each of which it moves, once */
#define SAVE_EVERY 50

static struct script_options messages_of(const struct trial *trial) {
    return (struct script_options){
        .seed = trial->seed, .count = MESSAGES, .envelope = MARKET_MIXED, .late_share = LATE_SHARE};
}

/* ---- two states ---- */

static t5_str record_symbol(const struct state *state, const struct state_record *record) {
    return (t5_str){state->bytes.data + record->symbol_at, record->symbol_size};
}

static t5_str record_data(const struct state *state, const struct state_record *record) {
    return (t5_str){state->bytes.data + record->data_at, record->data_size};
}

static size_t first_difference(t5_str a, t5_str b) {
    size_t at = 0;
    while (at < a.len && at < b.len && a.data[at] == b.data[at])
        at++;
    return at;
}

/* In which record, and where in it. */
static void show_difference(struct trial *trial, const char *what, const struct state *a,
                            const struct state *b) {
    if (a->record_count != b->record_count) {
        trial_fail(trial, "%s: %zu records became %zu", what, a->record_count, b->record_count);
        return;
    }
    for (size_t i = 0; i < a->record_count; i++) {
        const t5_str a_symbol = record_symbol(a, &a->records[i]);
        const t5_str b_symbol = record_symbol(b, &b->records[i]);
        const t5_str a_data = record_data(a, &a->records[i]);
        const t5_str b_data = record_data(b, &b->records[i]);
        if (!t5_str_equal(a_symbol, b_symbol)) {
            trial_fail(trial, "%s: record %zu, of %.*s, became one of %.*s", what, i,
                       (int)a_symbol.len, a_symbol.data, (int)b_symbol.len, b_symbol.data);
            return;
        }
        if (!t5_str_equal(a_data, b_data)) {
            trial_fail(trial,
                       "%s: record %zu (of %.*s, %zu bytes, now %zu) differs from byte %zu on",
                       what, i, (int)a_symbol.len, a_symbol.data, a_data.len, b_data.len,
                       first_difference(a_data, b_data));
            return;
        }
    }
    trial_fail(trial, "%s: clock or timers differ (%zu timers, then %zu)", what, a->timer_count,
               b->timer_count);
}

static void compare_states(struct trial *trial, const char *what, const struct state *a,
                           const struct state *b) {
    struct text a_bytes, b_bytes;
    text_init(&a_bytes);
    text_init(&b_bytes);
    state_encode(a, &a_bytes);
    state_encode(b, &b_bytes);
    if (a_bytes.size != b_bytes.size || memcmp(a_bytes.data, b_bytes.data, a_bytes.size) != 0)
        show_difference(trial, what, a, b);
    text_release(&a_bytes);
    text_release(&b_bytes);
}

/* ---- round trip ---- */

static bool save(struct bench *bench, enum t5_save_reason reason, struct state *state) {
    return bench_save(bench, reason, state) ||
           trial_fail(bench->trial, "after %zu messages: %s", bench->messages, bench->error.text);
}

/* save changes nothing, and its reason does not change what it writes. */
static void save_again(struct bench *bench, const struct state *first) {
    static const enum t5_save_reason reasons[] = {T5_SAVE_CHECKPOINT, T5_SAVE_SHADOW,
                                                  T5_SAVE_RELOAD};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct state again;
        state_init(&again);
        if (save(bench, reasons[i], &again))
            compare_states(bench->trial, "saved twice with no message between", first, &again);
        state_release(&again);
    }
}

static void load_and_save(struct bench *bench, const struct state *first) {
    struct bench other;
    struct state second;
    char what[96];
    state_init(&second);
    (void)snprintf(what, sizeof what, "saved after %zu messages, loaded and saved again",
                   bench->messages);
    if (bench_open(&other, bench->trial, bench->setup, 0) && bench_shift_symbols(&other, SHIFT)) {
        if (!bench_load(&other, first))
            trial_fail(bench->trial, "after %zu messages: its own state: %s", bench->messages,
                       other.error.text);
        else if (save(&other, T5_SAVE_RELOAD, &second))
            compare_states(bench->trial, what, first, &second);
    }
    bench_release(&other);
    state_release(&second);
}

void conformance_round_trip(struct trial *trial, const char *argument) {
    static const size_t points[] = {0, 1, 2, 3, 10, 100, 1000, MESSAGES};
    struct scene scene;
    struct bench bench;
    (void)argument;
    if (scene_init(&scene, trial, messages_of(trial), 0)) {
        if (bench_open(&bench, trial, &scene.setup, 0)) {
            size_t at = 0, records = 0;
            bench_activate(&bench, true);
            for (size_t i = 0; i < sizeof points / sizeof *points && !trial_is_lost(trial); i++) {
                struct state state;
                bench_feed_all(&bench, &scene.script, at, points[i]);
                at = points[i];
                state_init(&state);
                if (save(&bench, T5_SAVE_RELOAD, &state)) {
                    save_again(&bench, &state);
                    load_and_save(&bench, &state);
                    records = state.record_count;
                }
                state_release(&state);
            }
            if (records == 0 && trial->fault_count == 0)
                trial_note(trial, "it saved no record, after %zu messages", bench.messages);
        }
        bench_release(&bench);
    }
    scene_release(&scene);
}

/* ---- going on elsewhere ---- */

/* Moves to a new instance at each of the cuts, in rising order, and leaves all that was said in
 * `tape`. */
static bool play_moving(struct trial *trial, const struct scene *scene, const size_t *cuts,
                        size_t cut_count, struct bench *whole) {
    struct state state;
    size_t at = 0;
    bool is_good = true;
    state_init(&state);
    for (size_t i = 0; i <= cut_count && is_good; i++) {
        struct bench bench;
        const size_t end = i < cut_count ? cuts[i] : scene->script.count;
        is_good = bench_open(&bench, trial, &scene->setup, 0) &&
                  bench_shift_symbols(&bench, (uint32_t)(i * SHIFT));
        if (is_good && i > 0 && !bench_load(&bench, &state))
            is_good = trial_fail(trial, "its own state, saved before message %zu: %s", at,
                                 bench.error.text);
        state_release(&state);
        if (is_good) {
            bench_activate(&bench, i == 0);
            bench_feed_all(&bench, &scene->script, at, end);
            text_append(&whole->tape, bench.tape.data, bench.tape.size);
            if (i < cut_count)
                is_good = save(&bench, T5_SAVE_RELOAD, &state);
        }
        at = end;
        bench_release(&bench);
    }
    state_release(&state);
    return is_good;
}

static int compare_sizes(const void *a, const void *b) {
    const size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}

static void compare_moving(struct trial *trial, const struct scene *scene,
                           const struct bench *straight, const size_t *cuts, size_t cut_count) {
    struct bench moved = {0};
    char what[128];
    text_init(&moved.tape);
    (void)snprintf(what, sizeof what, "saved before message %zu%s and gone on elsewhere", cuts[0],
                   cut_count > 1 ? " and others" : "");
    if (play_moving(trial, scene, cuts, cut_count, &moved))
        bench_compare(trial, what, straight, "without stopping", &moved, "so");
    text_release(&moved.tape);
}

static void try_cuts(struct trial *trial, const struct scene *scene, const struct bench *straight) {
    size_t cuts[EVERY_ONE];
    for (size_t i = 0; i < EVERY_ONE; i++)
        cuts[i] = i;
    compare_moving(trial, scene, straight, cuts, EVERY_ONE);
    for (int run = 0; run < RUNS && trial->fault_count == 0; run++) {
        for (size_t i = 0; i < CUTS; i++)
            cuts[i] = market_random_below(&trial->random, (uint32_t)scene->script.count);
        qsort(cuts, CUTS, sizeof *cuts, compare_sizes);
        compare_moving(trial, scene, straight, cuts, CUTS);
    }
}

/* Saved again and again, and going on itself. */
static void try_staying(struct trial *trial, const struct scene *scene,
                        const struct bench *straight) {
    struct bench bench;
    if (bench_open(&bench, trial, &scene->setup, 0)) {
        bench_activate(&bench, true);
        for (size_t at = 0; at < scene->script.count; at += SAVE_EVERY) {
            struct state state;
            state_init(&state);
            bench_feed_all(&bench, &scene->script, at, at + SAVE_EVERY);
            (void)save(&bench, T5_SAVE_CHECKPOINT, &state);
            state_release(&state);
        }
        bench_compare(trial, "saved on the way and gone on", straight, "without saving", &bench,
                      "so");
    }
    bench_release(&bench);
}

void conformance_goes_on(struct trial *trial, const char *argument) {
    struct scene scene;
    struct bench straight;
    (void)argument;
    if (scene_init(&scene, trial, messages_of(trial), 0)) {
        if (bench_open(&straight, trial, &scene.setup, 0)) {
            bench_activate(&straight, true);
            bench_feed_all(&straight, &scene.script, 0, scene.script.count);
            if (straight.signals == 0)
                trial_note(trial, "it said no signal, so there is nothing to compare");
            try_staying(trial, &scene, &straight);
            try_cuts(trial, &scene, &straight);
        }
        bench_release(&straight);
    }
    scene_release(&scene);
}
