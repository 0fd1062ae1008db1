/*
 * Cases: messages as they come, messages as nobody hopes for, and what is said of them.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define WELL_FORMED 1500
#define MUTATED     4000
#define MANY        6000
#define LATE_SHARE  0.02

/* ---- one after the other ---- */

/* Saved, loaded and saved again: what odd messages did to the state must survive as well. */
static void judge_state(struct harness *harness) {
    struct harness other;
    struct state state;
    if (!harness->setup->description->has_save || !harness->setup->description->has_load)
        return;
    state_init(&state);
    if (!harness_save(harness, T5_SAVE_RELOAD, &state)) {
        case_fail(harness->context, "after these messages: %s", harness->error.text);
    } else {
        if (harness_open(&other, harness->context, harness->setup, 0) &&
            !harness_load(&other, &state))
            case_fail(harness->context, "the state after these messages: %s", other.error.text);
        harness_release(&other);
    }
    state_release(&state);
}

static void play(struct harness *harness, const struct script *script) {
    harness_activate(harness, true);
    for (size_t i = 0; i < script->count && !case_is_lost(harness->context); i++)
        (void)harness_feed(harness, &script->items[i]);
    harness_judge_signals(harness);
    judge_state(harness);
}

static void judge_well_formed(struct harness *harness) {
    if (harness->errors > 0)
        case_fail(harness->context, "returned an error for %zu of %zu well-formed messages: %s",
                  harness->errors, harness->messages, harness->problem);
    if (harness->rejects > 0 && harness->rejects == harness->messages)
        case_fail(harness->context, "rejects every well-formed message: %s", harness->problem);
    else if (harness->rejects > 0)
        case_note(harness->context, "rejected %zu of %zu well-formed messages: %s",
                  harness->rejects, harness->messages, harness->problem);
}

/* Of a recording, which may be what it likes. */
static void judge_use(struct harness *harness, const struct script *script, const char *role) {
    if (script->count == 0)
        case_note(harness->context, "the input has no message of %s", role);
    else if (harness->unusable > 0)
        case_note(harness->context, "%zu of %zu messages are for the dead letters, unseen by it",
                  harness->unusable, script->count);
}

static void well_formed(struct case_context *context, const char *role, size_t count,
                        enum market_envelope envelope) {
    struct fixture fixture;
    const struct script_options options = {.role = role,
                                           .seed = context->seed,
                                           .count = count,
                                           .envelope = envelope,
                                           .late_share = LATE_SHARE};
    if (fixture_init(&fixture, context, options, 0)) {
        struct harness harness;
        if (harness_open(&harness, context, &fixture.setup, 0)) {
            play(&harness, &fixture.script);
            judge_well_formed(&harness);
            judge_use(&harness, &fixture.script, role);
        }
        harness_release(&harness);
    }
    fixture_release(&fixture);
}

void conformance_production(struct case_context *context, const char *role) {
    well_formed(context, role, WELL_FORMED, MARKET_PRODUCTION);
}

void conformance_documented(struct case_context *context, const char *role) {
    well_formed(context, role, WELL_FORMED, MARKET_DOCUMENTED);
}

void conformance_recorded(struct case_context *context, const char *role) {
    well_formed(context, role, context->recording.count, MARKET_MIXED);
}

/* It may answer as it likes, as long as it gives a reason. */
static void judge_mutated(struct harness *harness) {
    if (harness->errors + harness->rejects == 0)
        return;
    case_note(harness->context, "of %zu messages %zu were errors and %zu rejected; the last: %s",
              harness->messages, harness->errors, harness->rejects, harness->problem);
}

static void mutated(struct case_context *context, const char *role, enum script_mutation mutation) {
    struct fixture fixture;
    const struct script_options options = {
        .role = role, .seed = context->seed, .count = MUTATED, .envelope = MARKET_MIXED};
    if (fixture_init(&fixture, context, options, mutation)) {
        struct harness harness;
        if (harness_open(&harness, context, &fixture.setup, 0)) {
            play(&harness, &fixture.script);
            judge_mutated(&harness);
        }
        harness_release(&harness);
    }
    fixture_release(&fixture);
}

void conformance_missing(struct case_context *context, const char *role) {
    mutated(context, role, SCRIPT_MISSING);
}

void conformance_extreme(struct case_context *context, const char *role) {
    mutated(context, role, SCRIPT_EXTREME);
}

void conformance_text(struct case_context *context, const char *role) {
    mutated(context, role, SCRIPT_TEXT);
}

/* ---- what it says ---- */

static struct script_options many(const struct case_context *context) {
    return (struct script_options){
        .seed = context->seed, .count = MANY, .envelope = MARKET_MIXED, .late_share = LATE_SHARE};
}

void conformance_signals(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (fixture_init(&fixture, context, many(context), 0)) {
        struct harness harness;
        if (harness_open(&harness, context, &fixture.setup, 0)) {
            play(&harness, &fixture.script);
            case_note(context, "%zu signal%s of %zu message%s%s", harness.signals,
                      text_plural(harness.signals), harness.messages, text_plural(harness.messages),
                      harness.signals == 0 ? ": nothing to check" : "");
        }
        harness_release(&harness);
    }
    fixture_release(&fixture);
}

/* Memory that is given out and not written to shows another pattern each time. */
static bool run_patterned(struct harness *harness, struct case_context *context,
                          const struct fixture *fixture, int pattern) {
    (void)mallopt(M_PERTURB, pattern);
    if (!harness_open(harness, context, &fixture->setup, 0))
        return false;
    harness_activate(harness, true);
    harness_feed_all(harness, &fixture->script, 0, fixture->script.count);
    return true;
}

void conformance_repeatable(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (fixture_init(&fixture, context, many(context), 0)) {
        struct harness first, second;
        const bool did_run = run_patterned(&first, context, &fixture, 0x5A);
        if (run_patterned(&second, context, &fixture, 0xC3) && did_run)
            harness_compare(context, "the same messages a second time", &first, "the first time",
                            &second, "the second");
        (void)mallopt(M_PERTURB, 0);
        harness_release(&second);
        harness_release(&first);
    }
    fixture_release(&fixture);
}

/* ---- two instances ---- */

static void run_alone(struct harness *harness, const struct script *script) {
    harness_activate(harness, true);
    harness_feed_all(harness, script, 0, script->count);
}

static void run_together(struct harness *a, const struct script *a_script, struct harness *b,
                         const struct script *b_script) {
    harness_activate(a, true);
    harness_activate(b, true);
    for (size_t i = 0; i < a_script->count || i < b_script->count; i++) {
        harness_feed_all(a, a_script, i, i + 1);
        harness_feed_all(b, b_script, i, i + 1);
    }
}

static void compare_apart(struct case_context *context, const struct fixture *fixture,
                          const struct script *other) {
    struct harness alone, other_alone, together, other_together;
    const bool is_open = harness_open(&alone, context, &fixture->setup, 0);
    const bool is_other_open = harness_open(&other_alone, context, &fixture->setup, 1);
    if (is_open)
        run_alone(&alone, &fixture->script);
    if (is_other_open)
        run_alone(&other_alone, other);
    const bool are_open = harness_open(&together, context, &fixture->setup, 0);
    if (harness_open(&other_together, context, &fixture->setup, 1) && are_open && is_open &&
        is_other_open) {
        run_together(&together, &fixture->script, &other_together, other);
        harness_compare(context, "one of two instances", &alone, "alone", &together,
                        "beside another instance");
        harness_compare(context, "the other of two instances", &other_alone, "alone",
                        &other_together, "beside another instance");
    }
    harness_release(&other_together);
    harness_release(&together);
    harness_release(&other_alone);
    harness_release(&alone);
}

void conformance_apart(struct case_context *context, const char *argument) {
    struct fixture fixture;
    struct script other;
    (void)argument;
    script_init(&other);
    if (fixture_init(&fixture, context, many(context), 0)) {
        struct script_options options = many(context);
        options.seed++;
        if (fixture_script(context, fixture.setup.description, options, 0, &other))
            compare_apart(context, &fixture, &other);
    }
    script_release(&other);
    fixture_release(&fixture);
}
