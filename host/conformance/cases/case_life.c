/*
 * Cases: an instance's life.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <inttypes.h>

/* ---- life ---- */

void conformance_life(struct case_context *context, const char *argument) {
    struct setup setup;
    (void)argument;
    /* Once created and never put to work: what happens to all when one of them refuses. */
    for (int i = 0; i < 4 && !case_is_lost(context); i++) {
        struct harness harness;
        if (setup_plain(&setup, context)) {
            if (harness_open(&harness, context, &setup, i) && i > 0)
                harness_activate(&harness, i == 1);
            harness_release(&harness);
        }
        setup_release(&setup);
    }
}

/* ---- events ---- */

static void notify(struct harness *harness, uint32_t kind, uint32_t topic) {
    const t5_event event = {
        .size = (uint32_t)sizeof event,
        .kind = kind,
        .topic = topic,
        .symbol_id = T5_NO_SYMBOL,
        .from_offset = kind == T5_EVENT_GAP ? 10 : -1,
        .to_offset = kind == T5_EVENT_GAP ? 20 : -1,
    };
    harness_event(harness, &event);
}

/* The end of a symbol, as the host reports it. It need not be one that this instance was given: the
 * table is shared by the partition number. */
static void expire(struct harness *harness, const char *symbol) {
    const t5_str text = t5_text(symbol);
    const uint32_t id = symbols_intern(harness->symbols, text.data, text.len, NULL);
    if (id == SYMBOL_NONE)
        return;
    case_step(harness->context, "on_event (SYMBOL_EXPIRED) of %s", symbol);
    instance_symbol_expired(harness->instance, id, text.data, text.len);
}

static void notify_all(struct harness *harness, const struct script *script) {
    const uint32_t topics = (uint32_t)harness->setup->description->topic_count;
    const size_t third = script->count / 3;
    notify(harness, T5_EVENT_ASSIGNED, UINT32_MAX);
    harness_feed_all(harness, script, 0, third);
    notify(harness, T5_EVENT_PARKED, UINT32_MAX);
    notify(harness, T5_EVENT_RESUMED, UINT32_MAX);
    for (uint32_t i = 0; i < topics; i++) {
        notify(harness, T5_EVENT_PARTIAL, i);
        notify(harness, T5_EVENT_GAP, i);
    }
    expire(harness, "QQQ");
    expire(harness, "NEVER-SEEN");
    notify(harness, T5_EVENT_WOKEN, UINT32_MAX);
    harness_feed_all(harness, script, third, 2 * third);
    /* Kinds of a later minor. */
    notify(harness, T5_EVENT_MODE_CHANGED, UINT32_MAX);
    notify(harness, 1000, UINT32_MAX);
    notify(harness, UINT32_MAX, UINT32_MAX);
    harness_feed_all(harness, script, 2 * third, script->count);
}

void conformance_events(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (fixture_init_mixed(&fixture, context, 600)) {
        struct harness harness;
        if (harness_open(&harness, context, &fixture.setup, 0)) {
            harness_activate(&harness, true);
            notify_all(&harness, &fixture.script);
            harness_judge_signals(&harness);
        }
        harness_release(&harness);
    }
    fixture_release(&fixture);
}
