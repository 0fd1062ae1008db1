/*
 * The batching sink over a receiver that answers as it is told.
 */
#include "sink/batch/batch_sink.h"

#include "base/clock.h"
#include "sink/batch/refusal.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PLAN_MOST 64

/* What it was given and what it answers; the sink's thread but for the atomics. */
struct puppet {
    struct receiver receiver;
    _Atomic int calls, hang_ups, opens;
    _Atomic int busy;        /* so many answers, the next ones; < 0: all */
    _Atomic uint64_t poison; /* refuses a batch that has this time_ms; 0: none */
    _Atomic bool is_hanging; /* does not return, whatever it is told */
    int64_t wish_ns;
    size_t counts[PLAN_MOST];  /* of each batch */
    int64_t firsts[PLAN_MOST]; /* time_ms of the first of each */
};

static struct puppet puppet;
static struct tally tally;
static struct log *quiet;
static char log_path[128];

#define TIME_OF(N) (1718658930000 + (int64_t)(N)) /* as signal_make() has it */

static void nap(void) {
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

static enum receiver_answer puppet_send(struct receiver *receiver, struct receiver_batch *batch) {
    struct puppet *self = (struct puppet *)receiver;
    const int call = atomic_load(&self->calls);
    if (call < PLAN_MOST) {
        self->counts[call] = batch->count;
        self->firsts[call] = batch->deliveries[0]->time_ms;
    }
    atomic_store(&self->calls, call + 1);
    while (atomic_load(&self->is_hanging))
        nap();
    const int busy = atomic_load(&self->busy);
    if (busy != 0) {
        atomic_store(&self->busy, busy > 0 ? busy - 1 : busy);
        batch->wait_ns = self->wish_ns;
        error_set(batch->error, ERROR_SYSTEM, "busy today");
        return RECEIVER_BUSY;
    }
    for (size_t i = 0; i < batch->count; i++) {
        if ((uint64_t)batch->deliveries[i]->time_ms != atomic_load(&self->poison))
            continue;
        error_set(batch->error, ERROR_INVALID, "not this one");
        return RECEIVER_REFUSED;
    }
    return RECEIVER_SAFE;
}

static enum receiver_answer puppet_open(struct receiver *receiver, struct receiver_batch *batch) {
    cr_assert_eq(batch->count, 0u);
    atomic_fetch_add(&((struct puppet *)receiver)->opens, 1);
    return RECEIVER_SAFE;
}

static void puppet_hang_up(struct receiver *receiver) {
    atomic_fetch_add(&((struct puppet *)receiver)->hang_ups, 1);
}

static void puppet_free(struct receiver *receiver) {
    (void)receiver;
}

static const struct receiver_ops PUPPET_OPS = {
    .name = "puppet",
    .open = puppet_open,
    .send = puppet_send,
    .hang_up = puppet_hang_up,
    .free = puppet_free,
};

static void setup(void) {
    struct error error;
    quiet = log_new();
    strcpy(log_path, scratch_path("log"));
    cr_assert(log_configure(quiet,
                            &(struct log_options){.level = LOG_LEVEL_INFO,
                                                  .format = LOG_FORMAT_CONSOLE,
                                                  .color = LOG_COLOR_NEVER,
                                                  .path = log_path},
                            &error));
    puppet.receiver.ops = &PUPPET_OPS;
}

static void teardown(void) {
    log_free(quiet);
}

TestSuite(batch_sink, .init = setup, .fini = teardown);

static struct sink *open_sink(size_t most, struct sink *dead_letters) {
    struct error error;
    struct sink *sink = batch_sink_new(&puppet.receiver,
                                       &(struct batch_sink_options){.target = "the puppet",
                                                                    .most = most,
                                                                    .bytes = 1 << 20,
                                                                    .retry_most_ns = 10 * NS_PER_MS,
                                                                    .dead_letters = dead_letters,
                                                                    .log = quiet},
                                       &error);
    cr_assert_not_null(sink, "%s", error.text);
    return sink;
}

/* How often the log has the words. */
static int said(const char *words) {
    log_flush(quiet, 5 * NS_PER_S);
    char *text = file_text(log_path);
    int count = 0;
    for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words))
        count++;
    free(text);
    return count;
}

static void await_calls(int calls) {
    for (int i = 0; i < HANG_MS / 2 && atomic_load(&puppet.calls) < calls; i++)
        nap();
    cr_assert_geq(atomic_load(&puppet.calls), calls);
}

Test(batch_sink, confirms_what_the_receiver_has_safe_in_order) {
    struct sink *sink = open_sink(100, NULL);
    push_signals(sink, &tally, 0, 1000, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 1000u);
    for (uint64_t n = 0; n < 1000; n++)
        cr_assert_eq(tally.words[n], n);
    const struct sink_status status = status_of(sink);
    cr_assert_str_eq(status.name, "puppet");
    cr_assert_eq(status.confirmed, 1000u);
    cr_assert_eq(status.queued, 0u);
    cr_assert_eq(atomic_load(&puppet.opens), 1);
    sink->ops->close(sink, HANG_MS);
    for (int i = 0; i < atomic_load(&puppet.calls) && i < PLAN_MOST; i++)
        cr_assert_leq(puppet.counts[i], 100u);
    check_leaks();
}

Test(batch_sink, what_waits_meanwhile_is_one_batch) {
    atomic_store(&puppet.is_hanging, true);
    struct sink *sink = open_sink(100, NULL);
    push_signals(sink, &tally, 0, 1, 0);
    await_calls(1);
    push_signals(sink, &tally, 1, 51, 0);
    atomic_store(&puppet.is_hanging, false);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    sink->ops->close(sink, HANG_MS);
    cr_assert_eq(atomic_load(&puppet.calls), 2);
    cr_assert_eq(puppet.counts[0], 1u);
    cr_assert_eq(puppet.counts[1], 50u);
}

Test(batch_sink, a_receiver_that_is_busy_gets_the_same_batch_again) {
    atomic_store(&puppet.busy, 5);
    struct sink *sink = open_sink(10, NULL);
    push_signals(sink, &tally, 0, 1, 0);
    await_calls(2);
    push_signals(sink, &tally, 1, 30, 0); /* not into the batch that is tried */
    cr_assert(sink->ops->flush(sink, HANG_MS));
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(puppet.counts[i], 1u);
        cr_assert_eq(puppet.firsts[i], TIME_OF(0));
    }
    cr_assert_eq(tally_count(&tally), 30u);
    const struct sink_status status = status_of(sink);
    cr_assert(status.is_ok);
    cr_assert_eq(status.errors, 5u);
    cr_assert_eq(atomic_load(&puppet.hang_ups), 5);
    sink->ops->close(sink, HANG_MS);
    cr_assert_eq(said("event=sink.failing"), 1);
    cr_assert_eq(said("event=sink.recovered"), 1);
    check_leaks();
}

Test(batch_sink, nothing_is_confirmed_while_it_is_busy_and_a_close_ends_the_tries) {
    atomic_store(&puppet.busy, -1);
    struct sink *sink = open_sink(10, NULL);
    push_signals(sink, &tally, 0, 30, 0);
    await_ok(sink, false);
    cr_assert_not(sink->ops->flush(sink, 20));
    const struct sink_status status = status_of(sink);
    cr_assert_eq(status.queued, 30u);
    cr_assert_str_eq(status.detail, "busy today");
    sink->ops->close(sink, 50);
    cr_assert_eq(tally_count(&tally), 0u);
    check_leaks();
}

Test(batch_sink, alerts_that_wait_hold_no_offset_back_and_are_not_called_signals) {
    atomic_store(&puppet.busy, -1);
    struct sink *sink = open_sink(10, NULL);
    const struct delivery_text text = {.value = "{}", .value_size = 2};
    struct delivery *alert = delivery_new(
        &(struct delivery){.kind = DELIVERY_ALERT, .unconfirmed = 1, .time_ms = -1, .text = &text});
    cr_assert(sink->ops->push(sink, alert));
    delivery_release(alert);
    await_ok(sink, false);
    sink->ops->close(sink, 0); /* the status shows it before the log has it */
    cr_assert_eq(said("failed: busy today; 1 alert waits; retrying event=sink.failing"), 1);
    check_leaks();
}

static enum receiver_answer never_open(struct receiver *receiver, struct receiver_batch *batch) {
    atomic_fetch_add(&((struct puppet *)receiver)->opens, 1);
    error_set(batch->error, ERROR_SYSTEM, "away");
    return RECEIVER_BUSY;
}

Test(batch_sink, a_close_that_nobody_waits_for_is_at_once) {
    static struct receiver_ops ops;
    ops = PUPPET_OPS;
    ops.open = never_open;
    puppet.receiver.ops = &ops;
    struct sink *sink = open_sink(10, NULL);
    await_ok(sink, false);
    sink->ops->close(sink, 10 * HANG_MS); /* the test's own limit is below that */
    check_leaks();
}

Test(batch_sink, a_wish_to_be_left_alone_is_respected) {
    atomic_store(&puppet.busy, 1);
    puppet.wish_ns = 3600 * NS_PER_S;
    struct sink *sink = open_sink(10, NULL);
    push_signals(sink, &tally, 0, 1, 0);
    await_ok(sink, false);
    cr_assert_not(sink->ops->flush(sink, 100)); /* ten times its own interval */
    cr_assert_eq(atomic_load(&puppet.calls), 1);
    sink->ops->close(sink, 0);
}

Test(batch_sink, one_that_is_refused_goes_to_the_letters_and_holds_up_nobody) {
    struct error error;
    const char *path = scratch_path("letters");
    struct sink *dead_letters = sink_jsonl_new(path, false, quiet, &error);
    atomic_store(&puppet.poison, (uint64_t)TIME_OF(37));
    atomic_store(&puppet.is_hanging, true);
    struct sink *sink = open_sink(100, dead_letters);
    push_signals(sink, &tally, 0, 1, 0);
    await_calls(1);
    push_signals(sink, &tally, 1, 90, 0);
    atomic_store(&puppet.is_hanging, false);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 90u);
    const struct sink_status status = status_of(sink);
    cr_assert(status.is_ok);
    cr_assert_eq(status.confirmed, 90u);
    cr_assert_eq(status.refused, 1u);
    /* Halves, and no walk from one to the next. */
    cr_assert_lt(atomic_load(&puppet.calls), 30);
    sink->ops->close(sink, HANG_MS);
    cr_assert_eq(said("event=sink.record_refused"), 1);
    dead_letters->ops->close(dead_letters, HANG_MS);
    char *text = file_text(path);
    cr_assert_not_null(strstr(text, "{\\\"n\\\":37,"), "%s", text);
    cr_assert_not_null(strstr(text, "\"topic\":\"sink:puppet\""), "%s", text);
    cr_assert_not_null(strstr(text, "\"reason\":\"" REFUSAL_REASON "\""), "%s", text);
    cr_assert_not_null(strstr(text, "\"message\":\"not this one\""), "%s", text);
    cr_assert_eq(strchr(text, '\n')[1], '\0', "one letter");
    free(text);
    check_leaks();
}

/* Letters that are never safe. */
static bool drop_push(struct sink *sink, struct delivery *delivery) {
    (void)sink;
    (void)delivery;
    return true;
}

static bool never_flush(struct sink *sink, int timeout_ms) {
    (void)sink;
    (void)timeout_ms;
    nap();
    return false;
}

Test(batch_sink, a_letter_that_is_not_safe_holds_the_offset) {
    static const struct sink_ops ops = {.push = drop_push, .flush = never_flush};
    struct sink dead_letters = {&ops};
    atomic_store(&puppet.poison, (uint64_t)TIME_OF(0));
    struct sink *sink = open_sink(10, &dead_letters);
    push_signals(sink, &tally, 0, 1, 0);
    await_calls(1);
    cr_assert_not(sink->ops->flush(sink, 50));
    sink->ops->close(sink, 20);
    cr_assert_eq(tally_count(&tally), 0u);
    check_leaks();
}

Test(batch_sink, without_letters_it_is_dropped_and_said) {
    atomic_store(&puppet.poison, (uint64_t)TIME_OF(3));
    struct sink *sink = open_sink(10, NULL);
    push_signals(sink, &tally, 0, 10, 0);
    cr_assert(sink->ops->flush(sink, HANG_MS));
    cr_assert_eq(tally_count(&tally), 10u);
    cr_assert_eq(status_of(sink).refused, 1u);
    cr_assert_eq(said("it is dropped"), 1);
    sink->ops->close(sink, HANG_MS);
    check_leaks();
}

Test(batch_sink, one_that_hangs_is_left_behind_and_confirms_nothing) {
    atomic_store(&puppet.is_hanging, true);
    struct sink *sink = open_sink(10, NULL);
    push_signals(sink, &tally, 0, 10, 0);
    await_calls(1);
    sink->ops->close(sink, 10);
    cr_assert_eq(said("abandoned"), 1);
    atomic_store(&puppet.is_hanging, false);
    nap();
    cr_assert_eq(tally_count(&tally), 0u);
}

Test(batch_sink, the_letter_of_a_signal_names_its_cause) {
    struct delivery *signal = typed_make(&tally, 42, 1);
    struct delivery *dead_letter = refusal_new(signal, "postgres", "no");
    cr_assert_not_null(dead_letter);
    cr_assert_eq(dead_letter->kind, DELIVERY_DEAD_LETTER);
    const struct delivery_text *text = delivery_text(dead_letter);
    cr_assert_str_eq(text->headers[0].name, DELIVERY_SIGNAL_ID);
    cr_assert_eq(text->header_count, 8u);
    cr_assert_str_eq(text->headers[5].value, "sink:postgres");
    cr_assert_str_eq(text->headers[6].value, "3");
    cr_assert_str_eq(text->headers[7].value, "42");
    cr_assert_str_eq(dead_letter->deployment, "fast");
    delivery_release(dead_letter);
    delivery_release(signal);
    check_leaks();
}
