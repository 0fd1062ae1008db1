/*
 * Case: whether a KEYED strategy says the same of a symbol however many partitions the topics have.
 *
 * The same messages go to one instance, and to four that share the symbols out, as the partitions
 * of a topic would. Messages that come late are left out: how far an instance's clock is then
 * depends on who shares it. What is said of a symbol behind its last message is left out too, for a
 * timer waits for the next message of anybody.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES   6000
#define PARTITIONS 4
#define SHOWN      400

struct share {
    struct case_context *context;
    const struct fixture *fixture;
    struct harness one;
    struct harness four[PARTITIONS];
    size_t *ends; /* by the script's symbols: number of the last message; SIZE_MAX: none */
};

static bool is_in_order(const struct script_message *message, int64_t newest_ns) {
    return message->is_usable && message->symbol != SYMBOL_NONE &&
           message->event_time_ns >= newest_ns;
}

static void feed(struct harness *harness, const struct script *script, size_t number) {
    harness->call_number = number;
    (void)harness_feed(harness, &script->items[number]);
}

static void feed_all(struct share *share) {
    const struct script *script = &share->fixture->script;
    int64_t newest_ns = INT64_MIN;
    harness_activate(&share->one, true);
    for (size_t i = 0; i < PARTITIONS; i++)
        harness_activate(&share->four[i], true);
    for (size_t i = 0; i < script->count; i++) {
        const struct script_message *message = &script->items[i];
        if (!is_in_order(message, newest_ns))
            continue;
        newest_ns = message->event_time_ns;
        share->ends[message->symbol] = i;
        feed(&share->one, script, i);
        feed(&share->four[message->symbol % PARTITIONS], script, i);
    }
}

/* ---- the signals of one symbol ---- */

struct cursor {
    const struct harness *harness;
    const char *name; /* of the symbol; NULL: of those without one */
    size_t end;       /* behind this message nothing counts */
    size_t at;        /* in the list */
};

/* The next line; empty at the end. */
static t5_str next_line(struct cursor *cursor) {
    const struct signal_list *list = cursor->harness->list;
    while (cursor->at < list->count) {
        const struct signal_item *item = &list->items[cursor->at++];
        const char *name =
            item->symbol != SYMBOL_NONE ? symbols_text(list->names, item->symbol, NULL) : NULL;
        const bool is_of =
            cursor->name == NULL ? name == NULL : name != NULL && strcmp(name, cursor->name) == 0;
        if (is_of && item->message <= cursor->end)
            return (t5_str){cursor->harness->tape.data + item->begin, item->end - item->begin - 1};
    }
    return (t5_str){"none", 0};
}

static int shown(t5_str line) {
    return line.len == 0 ? 4 : line.len < SHOWN ? (int)line.len : SHOWN;
}

static bool compare(struct share *share, const char *name, struct cursor one, struct cursor four) {
    for (size_t number = 1;; number++) {
        const t5_str a = next_line(&one), b = next_line(&four);
        if (a.len == 0 && b.len == 0)
            return true;
        if (t5_str_equal(a, b))
            continue;
        if (harness_is_repeatable(share->context, share->fixture))
            case_fail(
                share->context,
                "it is KEYED, but its signals of %s depend on how many partitions the topics "
                "have: signal %zu is %.*s with one, %.*s with %d; relate messages of one symbol "
                "only, or declare .scope = T5_SCOPE_GLOBAL",
                name != NULL ? name : "no symbol", number, shown(a), a.data, shown(b), b.data,
                PARTITIONS);
        return false;
    }
}

static bool compare_symbol(struct share *share, uint32_t symbol) {
    const struct script *script = &share->fixture->script;
    const size_t end = share->ends[symbol];
    const uint32_t part = symbol % PARTITIONS;
    const char *name = symbols_text(script->symbols, symbol, NULL);
    if (end >= script->count)
        return true;
    return compare(share, name, (struct cursor){&share->one, name, end, 0},
                   (struct cursor){&share->four[part], name, end, 0});
}

/* What belongs to no symbol may come from any of the four, and is the same only if it never comes.
 */
static bool compare_nameless(struct share *share) {
    const struct cursor one = {&share->one, NULL, SIZE_MAX, 0};
    for (size_t i = 0; i < PARTITIONS; i++)
        if (!compare(share, NULL, one, (struct cursor){&share->four[i], NULL, SIZE_MAX, 0}))
            return false;
    return true;
}

static void judge(struct share *share) {
    bool is_same = !share->one.list->is_oom;
    for (size_t i = 0; i < PARTITIONS; i++)
        is_same = is_same && !share->four[i].list->is_oom;
    if (!is_same) {
        case_fail(share->context, "out of memory for the signals");
        return;
    }
    for (uint32_t i = 0; is_same && i < symbols_count(share->fixture->script.symbols); i++)
        is_same = compare_symbol(share, i);
    if (is_same)
        (void)compare_nameless(share);
}

static bool open_one(struct share *share, struct harness *harness, int32_t partition) {
    return harness_open(harness, share->context, &share->fixture->setup, partition) &&
           (harness_list_signals(harness) ||
            case_fail(share->context, "out of memory for the signals"));
}

static void run(struct case_context *context, const struct fixture *fixture) {
    struct share share = {.context = context, .fixture = fixture};
    const size_t count = symbols_count(fixture->script.symbols);
    share.ends = calloc(count + 1, sizeof *share.ends);
    bool is_good = share.ends != NULL;
    for (size_t i = 0; is_good && i < count; i++)
        share.ends[i] = SIZE_MAX;
    is_good = open_one(&share, &share.one, 0) && is_good;
    for (int32_t i = 0; i < PARTITIONS; i++)
        is_good = open_one(&share, &share.four[i], i) && is_good;
    if (is_good) {
        feed_all(&share);
        judge(&share);
    }
    for (size_t i = 0; i < PARTITIONS; i++)
        harness_release(&share.four[i]);
    harness_release(&share.one);
    free(share.ends);
}

void conformance_partitions(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (fixture_init_mixed(&fixture, context, MESSAGES))
        run(context, &fixture);
    fixture_release(&fixture);
}
