/*
 * Case: whether what it says up to a time depends on messages after that time.
 *
 * A strategy is given its messages one by one, so it can know the future in one way: it waits for
 * it, and then dates its signal back. Whoever reads signals by their times, as `evaluate` does,
 * takes that for knowledge of the future. So the messages after a time are taken away, and the
 * signals up to it must stay. Messages that come late are left out, for what they change is not
 * knowledge of the future.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <string.h>

#define MESSAGES 6000
#define SHOWN    400

struct look {
    struct case_context *context;
    const struct fixture *fixture;
};

/* Feeds what is in order, before message `end`; gives the newest time of it. */
static int64_t feed_until(struct harness *harness, const struct script *script, size_t end) {
    int64_t newest_ns = INT64_MIN;
    harness_activate(harness, true);
    for (size_t i = 0; i < end; i++) {
        const struct script_message *message = &script->items[i];
        if (!message->is_usable || message->event_time_ns < newest_ns)
            continue;
        newest_ns = message->event_time_ns;
        harness->call_number = i;
        (void)harness_feed(harness, message);
    }
    return newest_ns;
}

/* The number of the first message of a later time than all before `at`; the script's end: none. */
static size_t next_time(const struct script *script, size_t at) {
    int64_t newest_ns = INT64_MIN;
    for (size_t i = 0; i < script->count; i++) {
        const struct script_message *message = &script->items[i];
        if (!message->is_usable)
            continue;
        if (i >= at && message->event_time_ns > newest_ns)
            return i;
        if (message->event_time_ns > newest_ns)
            newest_ns = message->event_time_ns;
    }
    return script->count;
}

/* Where to cut: before the first message with which something was said of a time before it, in
 * which all would still have been silent; without such a one, in the middle. */
static size_t find_cut(const struct harness *whole, const struct script *script) {
    const struct signal_list *list = whole->list;
    int64_t newest_ns = INT64_MIN;
    size_t at = 0;
    for (size_t i = 0; i < script->count; i++) {
        const struct script_message *message = &script->items[i];
        const bool is_later = message->is_usable && message->event_time_ns > newest_ns;
        for (; at < list->count && list->items[at].message <= i; at++)
            if (is_later && list->items[at].message == i && list->items[at].time_ns <= newest_ns)
                return i;
        if (is_later)
            newest_ns = message->event_time_ns;
    }
    return next_time(script, script->count / 2);
}

/* The next line of a signal of `until_ns` or before; empty: there is none. */
static t5_str next_line(const struct harness *harness, size_t *at, int64_t until_ns) {
    const struct signal_list *list = harness->list;
    while (*at < list->count) {
        const struct signal_item *item = &list->items[(*at)++];
        if (item->time_ns <= until_ns)
            return (t5_str){harness->tape.data + item->begin, item->end - item->begin - 1};
    }
    return (t5_str){"none", 0};
}

static int shown(t5_str line) {
    return line.len == 0 ? 4 : line.len < SHOWN ? (int)line.len : SHOWN;
}

static void compare(const struct look *look, const struct harness *whole,
                    const struct harness *part, int64_t until_ns) {
    size_t whole_at = 0, part_at = 0;
    for (size_t number = 1;; number++) {
        const t5_str a = next_line(whole, &whole_at, until_ns);
        const t5_str b = next_line(part, &part_at, until_ns);
        if (a.len == 0 && b.len == 0)
            return;
        if (t5_str_equal(a, b))
            continue;
        if (harness_is_repeatable(look->context, look->fixture))
            case_fail(look->context,
                      "looks ahead: without the messages after a time, its signals up to that time "
                      "are others: signal %zu is %.*s with them, %.*s without; a signal's event "
                      "time is when it is known, not what it is about",
                      number, shown(a), a.data, shown(b), b.data);
        return;
    }
}

static bool open_one(const struct look *look, struct harness *harness) {
    return harness_open(harness, look->context, &look->fixture->setup, 0) &&
           (harness_list_signals(harness) ||
            case_fail(look->context, "out of memory for the signals"));
}

void conformance_lookahead(struct case_context *context, const char *argument) {
    struct fixture fixture;
    struct harness whole = {0}, part = {0};
    const struct look look = {context, &fixture};
    (void)argument;
    if (fixture_init_mixed(&fixture, context, MESSAGES)) {
        const bool is_open = open_one(&look, &whole);
        if (open_one(&look, &part) && is_open) {
            (void)feed_until(&whole, &fixture.script, fixture.script.count);
            const size_t cut = find_cut(&whole, &fixture.script);
            compare(&look, &whole, &part, feed_until(&part, &fixture.script, cut));
            if (whole.list->is_oom || part.list->is_oom)
                case_fail(context, "out of memory for the signals");
        }
        harness_release(&part);
        harness_release(&whole);
    }
    fixture_release(&fixture);
}
