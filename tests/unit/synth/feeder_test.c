#include "synth/feeder.h"

#include "base/clock.h"

#include <criterion/criterion.h>

struct receiver {
    uint64_t taken;
    uint64_t refuse_at; /* 0: never */
    bool refuses_with_error;
    atomic_bool stop;
    uint64_t stop_at;
    int64_t longest_wait_ns;
};

static bool take(void *context, const struct market_message *message, struct error *error) {
    struct receiver *receiver = context;
    cr_assert(message->payload_size > 0);
    if (receiver->refuse_at != 0 && receiver->taken + 1 == receiver->refuse_at) {
        if (receiver->refuses_with_error)
            error_set(error, ERROR_SYSTEM, "full");
        return false;
    }
    if (++receiver->taken == receiver->stop_at)
        atomic_store(&receiver->stop, true);
    return true;
}

static void idle(void *context, int64_t wait_ns) {
    struct receiver *receiver = context;
    if (wait_ns > receiver->longest_wait_ns)
        receiver->longest_wait_ns = wait_ns;
}

static struct feeder make(struct receiver *receiver, struct feeder_pace pace) {
    struct market_options options = {
        .seed = 1, .symbol_count = 2, .envelope = MARKET_PRODUCTION, .start_ms = 1718658900000LL};
    struct error error;
    struct feeder feeder = {.market = market_new(&options, &error),
                            .pace = pace,
                            .take = take,
                            .context = receiver,
                            .stop = &receiver->stop};
    cr_assert_not_null(feeder.market);
    return feeder;
}

Test(feeder, gives_exactly_the_count) {
    static const uint64_t counts[] = {1, 63, 64, 65, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct receiver receiver = {0};
        struct feeder feeder = make(&receiver, (struct feeder_pace){.count = counts[i]});
        struct error error;
        cr_assert(feeder_run(&feeder, &error));
        cr_assert(receiver.taken == counts[i] && feeder.given == counts[i]);
        market_free(feeder.market);
    }
}

Test(feeder, never_gives_more_than_the_rate_allows) {
    struct receiver receiver = {0};
    struct feeder feeder =
        make(&receiver, (struct feeder_pace){.rate_per_s = 1000, .duration_ns = 200 * NS_PER_MS});
    struct error error;
    int64_t begin_ns = clock_monotonic_ns();
    cr_assert(feeder_run(&feeder, &error));
    int64_t elapsed_ns = clock_monotonic_ns() - begin_ns;
    cr_assert_geq(elapsed_ns, 200 * NS_PER_MS);
    cr_assert(receiver.taken >= 1 && receiver.taken <= 201, "%llu",
              (unsigned long long)receiver.taken);
    market_free(feeder.market);
}

Test(feeder, a_full_speed_feed_ends_with_its_duration) {
    struct receiver receiver = {0};
    struct feeder feeder = make(&receiver, (struct feeder_pace){.duration_ns = 20 * NS_PER_MS});
    struct error error;
    cr_assert(feeder_run(&feeder, &error));
    cr_assert_gt(receiver.taken, 0);
    market_free(feeder.market);
}

Test(feeder, stops_when_the_flag_is_set) {
    struct receiver receiver = {.stop_at = 100};
    struct feeder feeder = make(&receiver, (struct feeder_pace){0});
    struct error error;
    cr_assert(feeder_run(&feeder, &error));
    cr_assert(receiver.taken >= 100 && receiver.taken < 200);
    market_free(feeder.market);
}

Test(feeder, a_refusal_with_an_error_fails_and_one_without_ends) {
    struct receiver receiver = {.refuse_at = 10, .refuses_with_error = true};
    struct feeder feeder = make(&receiver, (struct feeder_pace){0});
    struct error error = {ERROR_INVALID, "stale"};
    cr_assert(!feeder_run(&feeder, &error));
    cr_assert(error.code == ERROR_SYSTEM && receiver.taken == 9 && feeder.given == 9);
    receiver = (struct receiver){.refuse_at = 5};
    cr_assert(feeder_run(&feeder, &error));
    cr_assert_eq(error.code, ERROR_NONE);
    cr_assert_eq(feeder.given, 9 + 4);
    market_free(feeder.market);
}

Test(feeder, the_receiver_is_not_left_waiting_for_long) {
    struct receiver receiver = {0};
    struct feeder feeder =
        make(&receiver, (struct feeder_pace){.rate_per_s = 0.01, .duration_ns = 150 * NS_PER_MS});
    feeder.idle = idle; /* returns at once */
    struct error error;
    cr_assert(feeder_run(&feeder, &error));
    cr_assert_eq(receiver.taken, 1);
    cr_assert(receiver.longest_wait_ns > 0 && receiver.longest_wait_ns <= 50 * NS_PER_MS);
    market_free(feeder.market);
}
