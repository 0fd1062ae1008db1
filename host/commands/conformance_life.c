/*
 * Cases: an instance's life.
 */
#include "commands/conformance_bench.h"
#include "commands/conformance_cases.h"

#include <inttypes.h>

/* ---- life ---- */

void conformance_life(struct trial *trial, const char *argument) {
    struct setup setup;
    (void)argument;
    /* Once created and never put to work: what happens to all when one of them refuses. */
    for (int i = 0; i < 4 && !trial_is_lost(trial); i++) {
        struct bench bench;
        if (setup_plain(&setup, trial)) {
            if (bench_open(&bench, trial, &setup, i) && i > 0)
                bench_activate(&bench, i == 1);
            bench_release(&bench);
        }
        setup_release(&setup);
    }
}

/* ---- events ---- */

static void tell(struct bench *bench, uint32_t kind, uint32_t topic) {
    const t5_event event = {
        .size = (uint32_t)sizeof event,
        .kind = kind,
        .topic = topic,
        .symbol_id = T5_NO_SYMBOL,
        .from_offset = kind == T5_EVENT_GAP ? 10 : -1,
        .to_offset = kind == T5_EVENT_GAP ? 20 : -1,
    };
    bench_event(bench, &event);
}

/* The end of a symbol, as the host tells it. It need not be one that this instance was given: the
 * table is shared by the partition number. */
static void expire(struct bench *bench, const char *symbol) {
    const t5_str text = t5_text(symbol);
    const uint32_t id = symbols_intern(bench->symbols, text.data, text.len, NULL);
    if (id == SYMBOL_NONE)
        return;
    trial_step(bench->trial, "on_event (SYMBOL_EXPIRED) of %s", symbol);
    instance_symbol_expired(bench->instance, id, text.data, text.len);
}

static void tell_all(struct bench *bench, const struct script *script) {
    const uint32_t topics = (uint32_t)bench->setup->description->topic_count;
    const size_t third = script->count / 3;
    tell(bench, T5_EVENT_ASSIGNED, UINT32_MAX);
    bench_feed_all(bench, script, 0, third);
    tell(bench, T5_EVENT_PARKED, UINT32_MAX);
    tell(bench, T5_EVENT_RESUMED, UINT32_MAX);
    for (uint32_t i = 0; i < topics; i++) {
        tell(bench, T5_EVENT_PART, i);
        tell(bench, T5_EVENT_GAP, i);
    }
    expire(bench, "QQQ");
    expire(bench, "NEVER-SEEN");
    tell(bench, T5_EVENT_WOKEN, UINT32_MAX);
    bench_feed_all(bench, script, third, 2 * third);
    /* Kinds of a later minor. */
    tell(bench, T5_EVENT_MODE_CHANGED, UINT32_MAX);
    tell(bench, 1000, UINT32_MAX);
    tell(bench, UINT32_MAX, UINT32_MAX);
    bench_feed_all(bench, script, 2 * third, script->count);
}

void conformance_events(struct trial *trial, const char *argument) {
    struct scene scene;
    (void)argument;
    const struct script_options options = {
        .seed = trial->seed, .count = 600, .envelope = MARKET_MIXED};
    if (scene_init(&scene, trial, options, 0)) {
        struct bench bench;
        if (bench_open(&bench, trial, &scene.setup, 0)) {
            bench_activate(&bench, true);
            tell_all(&bench, &scene.script);
            bench_judge_signals(&bench);
        }
        bench_release(&bench);
    }
    scene_release(&scene);
}
