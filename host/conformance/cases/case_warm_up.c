/*
 * Case: whether one that begins without a past soon says what one that saw all says.
 *
 * Two instances are given the same messages; the second does not see the first of them. Where they
 * differ for a while and never again, it is for what the first one still remembered: a window, and
 * a warm-up would have filled it. That is worth a word to those who declare none. No word is due
 * when they always agree; when they do so as soon as each symbol was seen once or twice, for that
 * is no window; and when they never come to agree, for then no warm-up helps.
 */
#include "base/clock.h"
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 6000
/* The second begins here: in the middle of the first stretch of messages. */
#define BEGIN    (MESSAGES / 6)
/* The day's break begins here. What agrees behind it alone may do so because of that. */
#define END      (MESSAGES * 2 / 3)
/* So many signals must agree for them to agree for good. */
#define AGREED   20
/* No window is shorter than that, to us. */
#define SHORT_MS (5 * 60 * INT64_C(1000))

struct player {
    struct harness harness;
    size_t *ends; /* of the tape, behind each message */
};

static bool play(struct player *player, struct case_context *context, const struct fixture *fixture,
                 size_t begin) {
    const struct script *script = &fixture->script;
    player->ends = calloc(script->count + 1, sizeof *player->ends);
    if (!harness_open(&player->harness, context, &fixture->setup, 0))
        return false;
    if (player->ends == NULL)
        return case_fail(context, "out of memory for the signals");
    harness_activate(&player->harness, true);
    for (size_t i = begin; i < script->count; i++) {
        (void)harness_feed(&player->harness, &script->items[i]);
        player->ends[i + 1] = player->harness.tape.size;
    }
    return true;
}

static void player_release(struct player *player) {
    harness_release(&player->harness);
    free(player->ends);
}

/* The signals of a message. */
static t5_str signals_of(const struct player *player, size_t message) {
    const char *tape = player->harness.tape.data;
    const size_t begin = player->ends[message], end = player->ends[message + 1];
    return (t5_str){tape != NULL ? tape + begin : "", end - begin};
}

/* Takes a line off: name, symbol and time of a signal, which stand before its numbers. */
static t5_str take_name(t5_str *lines) {
    const char *end = memchr(lines->data, '\n', lines->len);
    const size_t size = end != NULL ? (size_t)(end - lines->data) : lines->len;
    const char *value = memmem(lines->data, size, ",\"value\":", 9);
    const t5_str name = {lines->data, value != NULL ? (size_t)(value - lines->data) : size};
    lines->data += size + (end != NULL);
    lines->len -= size + (end != NULL);
    return name;
}

static bool are_same_names(t5_str a, t5_str b) {
    while (a.len > 0 && b.len > 0) {
        if (!t5_str_equal(take_name(&a), take_name(&b)))
            return false;
    }
    return a.len == b.len;
}

static bool agree(const struct player *a, const struct player *b, size_t message, bool is_exact) {
    const t5_str a_signals = signals_of(a, message), b_signals = signals_of(b, message);
    return is_exact ? t5_str_equal(a_signals, b_signals) : are_same_names(a_signals, b_signals);
}

static size_t count_signals(const struct player *player, size_t begin, size_t end) {
    size_t count = 0;
    for (size_t i = begin; i < end; i++) {
        t5_str lines = signals_of(player, i);
        for (; lines.len > 0; count++)
            (void)take_name(&lines);
    }
    return count;
}

/* The time until they agree for good. False: they do from the beginning, or never. */
static bool find_agreement(const struct player *whole, const struct player *cold,
                           const struct script *script, bool is_exact, int64_t *after_ms) {
    size_t at = END;
    while (at > BEGIN && agree(whole, cold, at - 1, is_exact))
        at--;
    if (at == BEGIN || count_signals(whole, at, END) < AGREED)
        return false;
    *after_ms = script->items[at - 1].kafka_time_ms - script->items[BEGIN].kafka_time_ms;
    return true;
}

static void judge(struct case_context *context, const struct fixture *fixture,
                  const struct player *whole, const struct player *cold) {
    const struct script *script = &fixture->script;
    int64_t after_ms = 0;
    /* Numbers of averages that forget come close, and are never the same again. */
    if (!find_agreement(whole, cold, script, true, &after_ms) &&
        !find_agreement(whole, cold, script, false, &after_ms))
        return;
    if (after_ms < SHORT_MS)
        return;
    case_note(context,
              "begun without a past, its signals differ for the first %" PRId64
              " minutes from those of an instance that saw what came before, and it declares no "
              "warm-up: declare .warm_up_ns, as far as its windows look back (describe answers it "
              "where parameters set them), or set warm_up in each deployment",
              (after_ms + 59999) / 60000);
}

void conformance_warm_up(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (fixture_init_mixed(&fixture, context, MESSAGES) &&
        fixture.setup.description->warm_up_ns == 0 && fixture.script.count == MESSAGES) {
        struct player whole = {0}, cold = {0};
        const bool did_play = play(&whole, context, &fixture, 0);
        if (play(&cold, context, &fixture, BEGIN) && did_play)
            judge(context, &fixture, &whole, &cold);
        player_release(&cold);
        player_release(&whole);
    }
    fixture_release(&fixture);
}
