/*
 * Cases: its own state, saved and loaded at any point.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <take5/note.h>

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

static struct script_options messages_of(const struct case_context *context) {
    return (struct script_options){.seed = context->seed,
                                   .count = MESSAGES,
                                   .envelope = MARKET_MIXED,
                                   .late_share = LATE_SHARE};
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
static void show_difference(struct case_context *context, const char *what, const struct state *a,
                            const struct state *b) {
    if (a->record_count != b->record_count) {
        case_fail(context, "%s: %zu record%s became %zu", what, a->record_count,
                  text_plural(a->record_count), b->record_count);
        return;
    }
    for (size_t i = 0; i < a->record_count; i++) {
        const t5_str a_symbol = record_symbol(a, &a->records[i]);
        const t5_str b_symbol = record_symbol(b, &b->records[i]);
        const t5_str a_data = record_data(a, &a->records[i]);
        const t5_str b_data = record_data(b, &b->records[i]);
        if (!t5_str_equal(a_symbol, b_symbol)) {
            case_fail(context, "%s: record %zu, of %s%.*s, became one of %s%.*s", what, i,
                      a_symbol.len > 0 ? "" : "no symbol", (int)a_symbol.len, a_symbol.data,
                      b_symbol.len > 0 ? "" : "no symbol", (int)b_symbol.len, b_symbol.data);
            return;
        }
        if (!t5_str_equal(a_data, b_data)) {
            case_fail(context,
                      "%s: record %zu (%s%.*s, %zu bytes, now %zu) differs from byte %zu on", what,
                      i, a_symbol.len > 0 ? "of " : "of no symbol", (int)a_symbol.len,
                      a_symbol.data, a_data.len, b_data.len, first_difference(a_data, b_data));
            return;
        }
    }
    case_fail(context, "%s: clock or timers differ (%zu timers, then %zu)", what, a->timer_count,
              b->timer_count);
}

static void compare_states(struct case_context *context, const char *what, const struct state *a,
                           const struct state *b) {
    struct text a_bytes, b_bytes;
    text_init(&a_bytes);
    text_init(&b_bytes);
    state_encode(a, &a_bytes);
    state_encode(b, &b_bytes);
    if (a_bytes.size != b_bytes.size || memcmp(a_bytes.data, b_bytes.data, a_bytes.size) != 0)
        show_difference(context, what, a, b);
    text_release(&a_bytes);
    text_release(&b_bytes);
}

/* ---- round trip ---- */

static bool save(struct harness *harness, enum t5_save_reason reason, struct state *state) {
    return harness_save(harness, reason, state) ||
           case_fail(harness->context, "after %zu messages: %s", harness->messages,
                     harness->error.text);
}

/* save changes nothing, and its reason does not change what it writes. */
static void save_again(struct harness *harness, const struct state *first) {
    static const enum t5_save_reason reasons[] = {T5_SAVE_CHECKPOINT, T5_SAVE_SHADOW,
                                                  T5_SAVE_RELOAD};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct state again;
        state_init(&again);
        if (save(harness, reasons[i], &again))
            compare_states(harness->context, "saved twice without a message in between", first,
                           &again);
        state_release(&again);
    }
}

static void load_and_save(struct harness *harness, const struct state *first) {
    struct harness other;
    struct state second;
    char what[96];
    state_init(&second);
    (void)snprintf(what, sizeof what, "saved after %zu messages, loaded and saved again",
                   harness->messages);
    if (harness_open(&other, harness->context, harness->setup, 0) &&
        harness_shift_symbols(&other, SHIFT)) {
        if (!harness_load(&other, first))
            case_fail(harness->context, "after %zu messages: its own state: %s", harness->messages,
                      other.error.text);
        else if (save(&other, T5_SAVE_RELOAD, &second))
            compare_states(harness->context, what, first, &second);
    }
    harness_release(&other);
    state_release(&second);
}

void conformance_round_trip(struct case_context *context, const char *argument) {
    static const size_t points[] = {0, 1, 2, 3, 10, 100, 1000, MESSAGES};
    struct fixture fixture;
    struct harness harness;
    (void)argument;
    if (fixture_init(&fixture, context, messages_of(context), 0)) {
        if (harness_open(&harness, context, &fixture.setup, 0)) {
            size_t at = 0, records = 0;
            harness_activate(&harness, true);
            for (size_t i = 0; i < sizeof points / sizeof *points && !case_is_lost(context); i++) {
                struct state state;
                harness_feed_all(&harness, &fixture.script, at, points[i]);
                at = points[i];
                state_init(&state);
                if (save(&harness, T5_SAVE_RELOAD, &state)) {
                    save_again(&harness, &state);
                    load_and_save(&harness, &state);
                    records = state.record_count;
                }
                state_release(&state);
            }
            if (records == 0 && context->fault_count == 0)
                case_note(context, "it saved no record, after %zu messages", harness.messages);
        }
        harness_release(&harness);
    }
    fixture_release(&fixture);
}

/* ---- going on elsewhere ---- */

/* Moves to a new instance at each of the cuts, in rising order, and leaves all that was said in
 * `tape`. */
static bool play_moving(struct case_context *context, const struct fixture *fixture,
                        const size_t *cuts, size_t cut_count, struct harness *whole) {
    struct state state;
    size_t at = 0;
    bool is_good = true;
    state_init(&state);
    for (size_t i = 0; i <= cut_count && is_good; i++) {
        struct harness harness;
        const size_t end = i < cut_count ? cuts[i] : fixture->script.count;
        is_good = harness_open(&harness, context, &fixture->setup, 0) &&
                  harness_shift_symbols(&harness, (uint32_t)(i * SHIFT));
        if (is_good && i > 0 && !harness_load(&harness, &state))
            is_good = case_fail(context, "its own state, saved before message %zu: %s", at,
                                harness.error.text);
        state_release(&state);
        if (is_good) {
            harness_activate(&harness, i == 0);
            harness_feed_all(&harness, &fixture->script, at, end);
            text_append(&whole->tape, harness.tape.data, harness.tape.size);
            if (i < cut_count)
                is_good = save(&harness, T5_SAVE_RELOAD, &state);
        }
        at = end;
        harness_release(&harness);
    }
    state_release(&state);
    return is_good;
}

static int compare_sizes(const void *a, const void *b) {
    const size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}

static void compare_moving(struct case_context *context, const struct fixture *fixture,
                           const struct harness *straight, const size_t *cuts, size_t cut_count) {
    struct harness moved = {0};
    char what[128];
    text_init(&moved.tape);
    (void)snprintf(what, sizeof what, "saved before message %zu%s and continued elsewhere", cuts[0],
                   cut_count > 1 ? " and others" : "");
    if (play_moving(context, fixture, cuts, cut_count, &moved))
        harness_compare(context, what, straight, "without stopping", &moved, "so");
    text_release(&moved.tape);
}

static void try_cuts(struct case_context *context, const struct fixture *fixture,
                     const struct harness *straight) {
    size_t cuts[EVERY_ONE];
    for (size_t i = 0; i < EVERY_ONE; i++)
        cuts[i] = i;
    compare_moving(context, fixture, straight, cuts, EVERY_ONE);
    for (int run = 0; run < RUNS && context->fault_count == 0; run++) {
        for (size_t i = 0; i < CUTS; i++)
            cuts[i] = market_random_below(&context->random, (uint32_t)fixture->script.count);
        qsort(cuts, CUTS, sizeof *cuts, compare_sizes);
        compare_moving(context, fixture, straight, cuts, CUTS);
    }
}

/* Saved again and again, and going on itself. */
static void try_staying(struct case_context *context, const struct fixture *fixture,
                        const struct harness *straight) {
    struct harness harness;
    if (harness_open(&harness, context, &fixture->setup, 0)) {
        harness_activate(&harness, true);
        for (size_t at = 0; at < fixture->script.count; at += SAVE_EVERY) {
            struct state state;
            state_init(&state);
            harness_feed_all(&harness, &fixture->script, at, at + SAVE_EVERY);
            (void)save(&harness, T5_SAVE_CHECKPOINT, &state);
            state_release(&state);
        }
        harness_compare(context, "saved on the way and continued", straight, "without saving",
                        &harness, "so");
    }
    harness_release(&harness);
}

/* A bridge has save for those of its scripts that want it. */
static bool does_save_nothing(struct harness *harness) {
    struct state state;
    state_init(&state);
    const bool is_bridge = (harness->context->generation->flags & T5_NOTE_OWN_PROCESS) != 0;
    const bool does =
        is_bridge && harness_save(harness, T5_SAVE_CHECKPOINT, &state) && state.record_count == 0;
    state_release(&state);
    return does;
}

/* Whether it would be missed. */
static void try_fresh(struct case_context *context, const struct fixture *fixture) {
    const size_t middle = fixture->script.count / 2;
    struct harness whole, fresh;
    const bool is_open = harness_open(&whole, context, &fixture->setup, 0);
    if (harness_open(&fresh, context, &fixture->setup, 0) && is_open) {
        harness_activate(&whole, true);
        harness_feed_all(&whole, &fixture->script, 0, middle);
        text_reset(&whole.tape);
        harness_feed_all(&whole, &fixture->script, middle, fixture->script.count);
        harness_activate(&fresh, true);
        harness_feed_all(&fresh, &fixture->script, middle, fixture->script.count);
        harness_note_difference(context, CASE_NOT_SAVED, &whole, "without stopping", &fresh,
                                "from a new instance");
    }
    harness_release(&fresh);
    harness_release(&whole);
}

void conformance_goes_on(struct case_context *context, const char *argument) {
    struct fixture fixture;
    struct harness straight;
    (void)argument;
    if (fixture_init(&fixture, context, messages_of(context), 0)) {
        if (harness_open(&straight, context, &fixture.setup, 0)) {
            harness_activate(&straight, true);
            harness_feed_all(&straight, &fixture.script, 0, fixture.script.count);
            if (straight.signals == 0)
                case_note(context, "it emitted no signal: nothing to compare");
            if (does_save_nothing(&straight)) {
                try_fresh(context, &fixture);
            } else {
                try_staying(context, &fixture, &straight);
                try_cuts(context, &fixture, &straight);
            }
        }
        harness_release(&straight);
    }
    fixture_release(&fixture);
}
