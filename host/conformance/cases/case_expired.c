/*
 * Case: whether what belonged to an expired symbol is gone when its id is another one's.
 *
 * Two instances are given the same messages and notified of the same expiry. In one of them the
 * next new symbol gets the id that became free, in the other one a new id. What they say of it must
 * be the same.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"
#include "strategy/instance/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 4000
#define SPARE    "T5-SPARE"

/* Whose id becomes free, and who is new then; by the script's symbols. */
struct heirs {
    uint32_t before, after;
    size_t middle; /* the number of the message at which the one ends and the other begins */
};

static uint32_t most_frequent(const struct script *script, size_t begin, size_t end,
                              uint32_t but_not) {
    size_t *counts = calloc(symbols_count(script->symbols) + 1, sizeof *counts);
    uint32_t found = SYMBOL_NONE;
    for (size_t i = begin; counts != NULL && i < end; i++)
        if (script->items[i].is_usable && script->items[i].symbol != SYMBOL_NONE)
            counts[script->items[i].symbol]++;
    for (uint32_t i = 0; counts != NULL && i < symbols_count(script->symbols); i++)
        if (i != but_not && counts[i] > 0 && (found == SYMBOL_NONE || counts[i] > counts[found]))
            found = i;
    free(counts);
    return found;
}

static bool find_heirs(const struct script *script, struct heirs *heirs) {
    heirs->middle = script->count / 2;
    heirs->before = most_frequent(script, 0, heirs->middle, SYMBOL_NONE);
    heirs->after = most_frequent(script, heirs->middle, script->count, heirs->before);
    return heirs->before != SYMBOL_NONE && heirs->after != SYMBOL_NONE;
}

static void notify_expired(void *context, uint32_t id, const char *text, size_t size) {
    struct harness *harness = context;
    case_step(harness->context, "on_event (SYMBOL_EXPIRED) of %s", text);
    instance_symbol_expired(harness->instance, id, text, size);
}

/* The only symbol that expires is the one that was touched. */
static void expire(struct harness *harness, const char *symbol) {
    const uint32_t id = symbols_find(harness->symbols, symbol, strlen(symbol));
    if (id == SYMBOL_NONE)
        return;
    symbols_touch(harness->symbols, id, 1);
    (void)symbols_expire(harness->symbols, 2, UINT32_MAX, notify_expired, harness);
}

/* What it says of the new one is on its tape. */
static void play(struct harness *harness, const struct script *script, const struct heirs *heirs,
                 const char *before, bool is_id_taken) {
    harness_activate(harness, true);
    for (size_t i = 0; i < heirs->middle; i++)
        if (script->items[i].symbol != heirs->after)
            (void)harness_feed(harness, &script->items[i]);
    expire(harness, before);
    if (is_id_taken)
        (void)symbols_intern(harness->symbols, SPARE, sizeof SPARE - 1, NULL);
    text_reset(&harness->tape);
    for (size_t i = heirs->middle; i < script->count; i++)
        if (script->items[i].symbol == heirs->after)
            (void)harness_feed(harness, &script->items[i]);
}

static void compare(struct case_context *context, const struct fixture *fixture,
                    const struct heirs *heirs, const char *before, const char *after) {
    struct harness heir, own;
    char what[384];
    (void)snprintf(what, sizeof what,
                   "does not forget a symbol at T5_EVENT_SYMBOL_EXPIRED: %s got the id of %s, "
                   "which had expired, and is taken for it: drop what you know of "
                   "event->symbol_id",
                   after, before);
    const bool is_open = harness_open(&heir, context, &fixture->setup, 0);
    if (harness_open(&own, context, &fixture->setup, 0) && is_open) {
        play(&heir, &fixture->script, heirs, before, false);
        play(&own, &fixture->script, heirs, before, true);
        if (!harness_do_agree(&heir, &own) && harness_is_repeatable(context, fixture))
            harness_compare(context, what, &heir, "with that id", &own, "with one of its own");
    }
    harness_release(&own);
    harness_release(&heir);
}

static void run(struct case_context *context, const struct fixture *fixture) {
    struct heirs heirs;
    if (!find_heirs(&fixture->script, &heirs)) {
        case_note(context, "the messages are of one symbol: not tried");
        return;
    }
    compare(context, fixture, &heirs, symbols_text(fixture->script.symbols, heirs.before, NULL),
            symbols_text(fixture->script.symbols, heirs.after, NULL));
}

void conformance_expired(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (fixture_init_mixed(&fixture, context, MESSAGES))
        run(context, &fixture);
    fixture_release(&fixture);
}
